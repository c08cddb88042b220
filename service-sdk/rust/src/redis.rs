//! The barrier over Redis: one Lua script around the business script, so that both happen or neither.
//!
//! Owns the keys, which are DTM's own: `gid-branch-op-barrier` for a place, and `-reply` behind it for a reply, which DTM
//! does not know. The scripts are beside this file.

use std::time::Duration;

use redis::{ErrorKind, RedisError, Script, aio::ConnectionLike};

use crate::{
    BarrierError, Branch, Called, Prepared,
    branch::{MESSAGE_BARRIER, MESSAGE_OP},
};

const WORDS: &str = include_str!("redis/words.lua");
const BARRIER: &str = include_str!("redis/barrier.lua");
const CHECK_ADJUST: &str = include_str!("redis/check_adjust.lua");
const QUERY_PREPARED: &str = include_str!("redis/query_prepared.lua");

/// How long places and replies are kept unless told otherwise.
const EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A business function in Lua, as the body of a function with the parameters `KEYS` and `ARGV`.
///
/// It returns its reply (text or a number), or `refuse('why')`. Redis takes nothing back: check first, write then. A
/// script that fails between two writes leaves the first one, and the place free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisBusiness<'a> {
    /// The text; constant, with everything that varies in `keys` and `args`.
    pub script: &'a str,
    /// Every key that the script touches.
    pub keys: &'a [&'a str],
    /// Its other parameters.
    pub args: &'a [&'a str],
}

/// The barrier of one request, over Redis; the twin of [`crate::Barrier`].
///
/// It knows `rollback` as an undo too; DTM's own barrier for Redis knows only `cancel` and `compensate`.
#[derive(Debug)]
pub struct RedisBarrier {
    branch: Branch,
    expiry: Duration,
    calls: u32,
}

impl RedisBarrier {
    /// A barrier for one request, which forgets after seven days. Make a new one for each request.
    #[must_use]
    pub fn new(branch: Branch) -> Self {
        Self { branch, expiry: EXPIRY, calls: 0 }
    }

    /// Forgets after `expiry`, to the second; it has to exceed the longest time that an execution stays open.
    #[must_use]
    pub fn expiry(self, expiry: Duration) -> Self {
        Self { expiry: expiry.max(Duration::from_secs(1)), ..self }
    }

    /// The operation of the request.
    #[must_use]
    pub fn branch(&self) -> &Branch {
        &self.branch
    }

    /// Runs `business`, unless this operation has already been here or is out of order, as [`crate::Barrier::call`] does.
    ///
    /// # Errors
    /// [`BarrierError::Redis`]: the outcome is unknown, the runtime will send it again; or the script has a mistake.
    pub async fn call<C: ConnectionLike + Send>(
        &mut self,
        connection: &mut C,
        business: &RedisBusiness<'_>,
    ) -> Result<Called<String, String>, BarrierError> {
        self.calls += 1;
        let place = |op: &str| format!("{}-{}-{op}-{:02}", self.branch.gid(), self.branch.branch_id(), self.calls);
        let own = place(self.branch.op());
        let flag = |is: bool| if is { "1" } else { "0" };

        let text = format!("{WORDS}\nlocal function business(KEYS, ARGV)\n{}\nend\n{BARRIER}", business.script);
        let script = Script::new(&text);
        let mut invocation = script.prepare_invoke();
        invocation
            .key(&own)
            .key(self.branch.origin_op().map_or_else(|| own.clone(), place))
            .key(format!("{own}-reply"))
            .key(business.keys)
            .arg(flag(self.branch.origin_op().is_some()))
            .arg(flag(self.branch.keeps_refusals()))
            .arg(self.expiry.as_secs())
            .arg(business.args);
        let answer: Vec<String> = invocation.invoke_async(connection).await?;
        Ok(called(&answer)?)
    }

    /// Adds `amount` to the number at `key`, unless there is none or it would fall below zero; replies with the new one.
    ///
    /// Source: `RedisCheckAdjustAmount` of DTM's client SDK, with its keys. DTM looks at the number first and at the
    /// place then, so there a repeat of what was done can be refused; here a repeat gets the answer of the first one.
    ///
    /// # Errors
    /// [`BarrierError::Redis`]: the outcome is unknown, the runtime will send it again; or there is no number at `key`.
    pub async fn check_adjust<C: ConnectionLike + Send>(
        &mut self,
        connection: &mut C,
        key: &str,
        amount: i64,
    ) -> Result<Called<String, String>, BarrierError> {
        let amount = amount.to_string();
        self.call(connection, &RedisBusiness { script: CHECK_ADJUST, keys: &[key], args: &[&amount] }).await
    }

    /// Answers a query-back, as [`crate::Barrier::query_prepared`] does.
    ///
    /// # Errors
    /// [`BarrierError::Redis`]: not known yet; the runtime will ask again.
    pub async fn query_prepared<C: ConnectionLike + Send>(&self, connection: &mut C) -> Result<Prepared, BarrierError> {
        let asker = self.branch.query_back();
        let place = format!("{}-{}-{MESSAGE_OP}-{MESSAGE_BARRIER}", asker.gid(), asker.branch_id());
        let script = Script::new(QUERY_PREPARED);
        let mut invocation = script.prepare_invoke();
        let holder: String = invocation.key(place).arg(self.expiry.as_secs()).invoke_async(connection).await?;
        Ok(if holder == asker.op() { Prepared::Nothing } else { Prepared::Committed })
    }
}

fn called(answer: &[String]) -> Result<Called<String, String>, RedisError> {
    let unexpected =
        || RedisError::from((ErrorKind::UnexpectedReturnType, "the barrier script returned something else"));
    match answer {
        [word] if word == "empty" => Ok(Called::Empty),
        [word] if word == "late" => Ok(Called::Late),
        [word] if word == "repeat" => Ok(Called::Repeat(None)),
        [word, text] => {
            let answer = match text.split_at_checked(1) {
                Some(("+", reply)) => Ok(reply.to_owned()),
                Some(("-", refusal)) => Err(refusal.to_owned()),
                _ => return Err(unexpected()),
            };
            Ok(if word == "ran" { Called::Ran(answer) } else { Called::Repeat(Some(answer)) })
        }
        _ => Err(unexpected()),
    }
}
