//! The books in Redis: a hash per account, a set of their names, and a list of effects.
//!
//! Owns the keys. The rules of an operation come from [`crate::operation`], the script beside this file applies them.

use std::{collections::HashMap, fmt, time::Duration};

use async_trait::async_trait;
use redis::{
    AsyncCommands, Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use reprise_barrier::{Branch, Called, Message, Prepared, RedisBarrier, RedisBusiness, message::Sent};
use serde::{Deserialize, Serialize};

use super::{Account, Effect, Ledger, Step};
use crate::{
    bank::BankError,
    reply::{Balance, Refusal},
};

const APPLY: &str = include_str!("redis/apply.lua");

const NAMES: &str = "accounts";

const EFFECTS: &str = "effects";

/// The books in one database of a Redis server.
pub(crate) struct RedisLedger {
    connection: ConnectionManager,
}

/// An effect, as it is in the list.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    gid: String,
    branch_id: String,
    op: String,
    account: String,
    delta_balance: i64,
    delta_frozen: i64,
}

fn key(account: &str) -> String {
    format!("account:{account}")
}

impl RedisLedger {
    pub(crate) async fn open(url: &str) -> Result<Self, BankError> {
        // A server that is down is reported soon: the caller tries again anyway.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(3)
            .set_max_delay(Duration::from_millis(500))
            .set_connection_timeout(Some(Duration::from_secs(5)))
            .set_response_timeout(Some(Duration::from_secs(10)));
        let connection = ConnectionManager::new_with_config(Client::open(url)?, config).await?;
        Ok(Self { connection })
    }
}

impl fmt::Debug for RedisLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLedger").finish_non_exhaustive()
    }
}

#[async_trait]
impl Ledger for RedisLedger {
    async fn put(&self, account: &str, balance: i64) -> Result<(), BankError> {
        let mut pipe = redis::pipe();
        pipe.atomic().hset_multiple(key(account), &[("balance", balance), ("frozen", 0)]).ignore();
        Ok(pipe.sadd(NAMES, account).ignore().exec_async(&mut self.connection.clone()).await?)
    }

    async fn find(&self, account: &str) -> Result<Option<Account>, BankError> {
        let (balance, frozen): (Option<i64>, Option<i64>) =
            self.connection.clone().hmget(key(account), &["balance", "frozen"]).await?;
        let found = balance.zip(frozen);
        Ok(found.map(|(balance, frozen)| Account { account: account.to_owned(), balance, frozen }))
    }

    async fn list(&self) -> Result<Vec<Account>, BankError> {
        let mut sort = redis::cmd("SORT");
        sort.arg(NAMES).arg(&["BY", "nosort", "GET", "#", "GET", "account:*->balance", "GET", "account:*->frozen"]);
        let rows: Vec<(String, i64, i64)> = sort.query_async(&mut self.connection.clone()).await?;
        let rows = rows.into_iter().map(|(account, balance, frozen)| Account { account, balance, frozen });
        let mut accounts: Vec<_> = rows.collect();
        accounts.sort_by(|a, b| a.account.cmp(&b.account));
        Ok(accounts)
    }

    async fn effects(&self, gid: Option<&str>) -> Result<Vec<Effect>, BankError> {
        let rows: Vec<String> = self.connection.clone().lrange(EFFECTS, 0, -1).await?;
        let recorded: Result<Vec<Recorded>, _> = rows.iter().map(|row| serde_json::from_str(row)).collect();
        let recorded = recorded.map_err(std::io::Error::from)?;
        Ok(summed(recorded.into_iter().filter(|recorded| gid.is_none_or(|gid| recorded.gid == gid))))
    }

    async fn apply(&self, step: &Step) -> Result<Called<Balance, Refusal>, BankError> {
        let Step { branch, operation, transfer } = step;
        let (account, rule) = (&transfer.account, operation.rule());
        let change = rule.times(transfer.amount);
        let effect = Recorded {
            gid: branch.gid().to_owned(),
            branch_id: branch.branch_id().to_owned(),
            op: branch.op().to_owned(),
            account: account.clone(),
            delta_balance: change.balance,
            delta_frozen: change.frozen,
        };
        let effect = serde_json::to_string(&effect).map_err(std::io::Error::from)?;
        let refusals = [Refusal::no_account(account), rule.needs.refusal(account), Refusal::too_large()];
        let [amount, balance, frozen] =
            [transfer.amount, change.balance, change.frozen].map(|number| number.to_string());
        let mut args = vec![amount.as_str(), rule.needs.word(), &balance, &frozen, &effect];
        args.extend(refusals.iter().map(|refusal| refusal.error.as_str()));
        let business = RedisBusiness { script: APPLY, keys: &[&key(account), EFFECTS], args: &args };
        let called = RedisBarrier::new(branch.clone()).call(&mut self.connection.clone(), &business).await?;
        read(called, account)
    }

    async fn apply_and_submit(&self, message: &Message, step: &Step) -> Result<Sent<Balance, Refusal>, BankError> {
        message.prepare().await?;
        let called = self.apply(step).await?;
        let told = match &called {
            Called::Ran(Ok(_)) | Called::Repeat(Some(Ok(_)) | None) | Called::Empty => message.submit().await,
            Called::Ran(Err(_)) | Called::Repeat(Some(Err(_))) | Called::Late => message.abort().await,
        };
        Ok(Sent { called, told })
    }

    async fn query_prepared(&self, branch: &Branch) -> Result<Prepared, BankError> {
        Ok(RedisBarrier::new(branch.clone()).query_prepared(&mut self.connection.clone()).await?)
    }
}

/// The script's words as the bank's.
fn read(called: Called<String, String>, account: &str) -> Result<Called<Balance, Refusal>, BankError> {
    let answer = |answer: Result<String, String>| match answer {
        Ok(reply) => {
            let balance = reply.parse().map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(Ok(Balance { account: account.to_owned(), balance }))
        }
        Err(error) => Ok(Err(Refusal::new(error))),
    };
    Ok(match called {
        Called::Ran(ran) => Called::Ran(answer(ran)?),
        Called::Repeat(kept) => Called::Repeat(kept.map(answer).transpose()?),
        Called::Empty => Called::Empty,
        Called::Late => Called::Late,
    })
}

fn summed(recorded: impl Iterator<Item = Recorded>) -> Vec<Effect> {
    let mut effects: Vec<Effect> = Vec::new();
    let mut places = HashMap::new();
    for row in recorded {
        let place = *places.entry((row.gid.clone(), row.branch_id.clone(), row.op.clone())).or_insert(effects.len());
        match effects.get_mut(place) {
            Some(effect) => {
                effect.count += 1;
                effect.delta_balance += row.delta_balance;
                effect.delta_frozen += row.delta_frozen;
            }
            None => {
                let Recorded { gid, branch_id, op, account, delta_balance, delta_frozen } = row;
                effects.push(Effect { gid, branch_id, op, account, count: 1, delta_balance, delta_frozen });
            }
        }
    }
    effects
}
