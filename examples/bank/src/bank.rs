//! The bank itself: one request from its arrival to its answer, whichever face it came by.
//!
//! Owns the database and the order of things: log, fault, barrier, effect, commit, log. The faces only parse and render.

use std::{path::Path, process, sync::Arc, time::Duration};

use reprise_barrier::{BarrierError, Branch, Called, Message, MessageError, Prepared, message::Sent};

use crate::{
    fault::{Fault, FaultKind, Faults},
    ledger::{self, Account, Effect, Ledger, Step},
    reply::{Balance, Refusal, Reply},
    request_log::{Entry, RequestLog},
};

/// How the process ends in a [`FaultKind::Crash`], as after a kill.
const CRASH_EXIT_CODE: i32 = 137;

/// Deadlocks and serialization failures, as SQLSTATE has them; `40P01` is PostgreSQL's own.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// How often a transaction is tried that the database gives up for the sake of another one.
const ATTEMPTS_MAX: u32 = 10;

/// A bank; clones share it.
#[derive(Debug, Clone)]
pub struct Bank {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Box<dyn Ledger>,
    requests: RequestLog,
    faults: Faults,
}

/// What keeps the bank from working at all; a refusal is no error.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The bank's database did not do as told.
    #[error("the bank's database failed")]
    Database(#[from] sqlx::Error),
    /// The bank's Redis did not do as told.
    #[error("the bank's Redis failed")]
    Redis(#[from] redis::RedisError),
    /// The database is none that the bank knows.
    #[error("the bank can't keep its books in `{scheme}:`; give a sqlite:, postgres:, mysql: or redis: URL, or a file")]
    Scheme {
        /// What stands before the first colon of the URL.
        scheme: String,
    },
    /// The runtime could not be told of a message.
    #[error("the message could not be prepared")]
    Message(#[from] MessageError),
    /// The barrier could not be asked.
    #[error("the bank's barrier failed")]
    Barrier(#[from] BarrierError),
    /// A file or a listener did not do as told.
    #[error("the bank's files or listeners failed")]
    Io(#[from] std::io::Error),
}

impl BankError {
    /// Whether the database gave up this transaction for the sake of another one: nothing was done, try again.
    pub(crate) fn is_conflict(&self) -> bool {
        let (Self::Database(error) | Self::Barrier(BarrierError::Database(error))) = self else { return false };
        error.as_database_error().and_then(|error| error.code()).is_some_and(|code| CONFLICTS.contains(&&*code))
    }
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// One of the ten operations.
    Move(Step),
    /// The local transaction of a message: one of the ten operations, and then the workflow.
    Send { message: Message, step: Step },
    /// Whether the local transaction of a message has committed.
    QueryPrepared(Branch),
    /// To be told, nothing else.
    Notify,
}

impl Bank {
    /// Opens the bank in the database at `url`, creating the tables that are missing.
    ///
    /// `url`: `sqlite:FILE` or just the file, `postgres://..`, `mysql://..` (MariaDB too), `redis://..`. But for SQLite's
    /// file, the database has to exist.
    ///
    /// # Errors
    /// [`BankError`]: there is no such database, or it cannot be written.
    pub async fn open(url: &str) -> Result<Self, BankError> {
        let ledger = ledger::open(url).await?;
        let shared = Shared { ledger, requests: RequestLog::default(), faults: Faults::default() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Appends every answered request to the file at `path` too, as JSON lines.
    ///
    /// # Errors
    /// [`BankError::Io`]: the file cannot be opened.
    pub fn append_requests_to(&self, path: &Path) -> Result<(), BankError> {
        Ok(self.shared.requests.append_to(path)?)
    }

    /// Creates an account, or sets its balance and frees what is frozen.
    ///
    /// # Errors
    /// [`BankError`]: the account is as it was.
    pub async fn put_account(&self, account: &str, balance: i64) -> Result<(), BankError> {
        self.shared.ledger.put(account, balance).await
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// [`BankError`]: they cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, BankError> {
        self.shared.ledger.list().await
    }

    /// What was applied to accounts, per operation; of one global transaction if `gid` is given.
    ///
    /// # Errors
    /// [`BankError`]: they cannot be read.
    pub async fn effects(&self, gid: Option<&str>) -> Result<Vec<Effect>, BankError> {
        self.shared.ledger.effects(gid).await
    }

    /// The request log, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Entry> {
        self.shared.requests.entries()
    }

    /// Empties the request log.
    pub fn clear_requests(&self) {
        self.shared.requests.clear();
    }

    /// Plays `fault` from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.faults.add(fault);
    }

    /// The faults still to be played.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.faults.list()
    }

    /// Plays no faults any more.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Takes one request to its answer. `request`: what the log is to show; `work`: the parsed request, or why it is wrong.
    ///
    /// It runs to its end even if the caller hangs up: a late effect is just what a barrier is there for.
    pub(crate) async fn take(self, request: Entry, work: Result<Work, String>) -> Reply {
        let task = tokio::spawn(async move {
            let n = self.shared.requests.arrive(&request);
            let (reply, answer) = match work {
                Ok(work) => self.play(n, &request, work).await,
                Err(text) => (Reply::Invalid(text), "invalid"),
            };
            self.shared.requests.answer(n, answer, reply.logged_status(request.protocol));
            reply
        });
        let reply = task.await.unwrap_or_else(|error| Reply::Broken(error.to_string()));
        if reply == Reply::Silence {
            std::future::pending::<()>().await;
        }
        reply
    }

    async fn play(&self, n: u64, request: &Entry, work: Work) -> (Reply, &'static str) {
        let Some(fault) = self.shared.faults.take(request) else { return self.work(work).await };
        let text = || format!("a fault was asked for: {}", fault.kind.answer());
        let reply = match fault.kind {
            FaultKind::Fail => Reply::Refused(Refusal::new(text())),
            FaultKind::Ongoing => Reply::Ongoing,
            FaultKind::Error => Reply::Broken(text()),
            FaultKind::Hang => Reply::Silence,
            FaultKind::Delay => {
                tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
                return self.work(work).await;
            }
            FaultKind::DropReply => {
                self.work(work).await;
                Reply::Lost
            }
            FaultKind::Crash => {
                self.shared.requests.answer(n, fault.kind.answer(), 0);
                process::exit(CRASH_EXIT_CODE)
            }
        };
        (reply, fault.kind.answer())
    }

    async fn work(&self, work: Work) -> (Reply, &'static str) {
        let mut answered = self.attempt(work.clone()).await;
        for _ in 1..ATTEMPTS_MAX {
            if !answered.as_ref().is_err_and(BankError::is_conflict) {
                break;
            }
            answered = self.attempt(work.clone()).await;
        }
        answered.unwrap_or_else(|error| {
            eprintln!("bank: {error:?}");
            (Reply::Broken(error.to_string()), "error")
        })
    }

    async fn attempt(&self, work: Work) -> Result<(Reply, &'static str), BankError> {
        match work {
            Work::Notify => Ok((Reply::Noted, "done")),
            Work::Move(step) => self.apply(step).await,
            Work::Send { message, step } => self.send(message, step).await,
            Work::QueryPrepared(branch) => self.query_prepared(&branch).await,
        }
    }

    async fn apply(&self, step: Step) -> Result<(Reply, &'static str), BankError> {
        let called = self.shared.ledger.apply(&step).await?;
        self.answer(called, step.transfer.account).await
    }

    async fn send(&self, message: Message, step: Step) -> Result<(Reply, &'static str), BankError> {
        let Sent { called, told } = self.shared.ledger.apply_and_submit(&message, &step).await?;
        if let Err(error) = told {
            // Nothing is lost: the runtime asks by itself.
            eprintln!("bank: the runtime has not heard of `{}` yet: {error:?}", step.branch.gid());
        }
        self.answer(called, step.transfer.account).await
    }

    async fn query_prepared(&self, branch: &Branch) -> Result<(Reply, &'static str), BankError> {
        Ok(match self.shared.ledger.query_prepared(branch).await? {
            Prepared::Committed => (Reply::Noted, "done"),
            Prepared::Nothing => {
                let text = "the local transaction of this message has not committed";
                (Reply::Refused(Refusal::new(text.to_owned())), "refused")
            }
        })
    }

    async fn answer(
        &self,
        called: Called<Balance, Refusal>,
        account: String,
    ) -> Result<(Reply, &'static str), BankError> {
        Ok(match called {
            Called::Ran(Ok(balance)) => (Reply::Good(balance), "done"),
            Called::Ran(Err(refusal)) => (Reply::Refused(refusal), "refused"),
            Called::Repeat(Some(Ok(balance))) => (Reply::Good(balance), "repeat"),
            Called::Repeat(Some(Err(refusal))) => (Reply::Refused(refusal), "repeat"),
            Called::Late => (Reply::Refused(Refusal::new("its rollback was here first".to_owned())), "late"),
            Called::Empty | Called::Repeat(None) => {
                let answer = if called == Called::Empty { "empty" } else { "repeat" };
                let balance = self.shared.ledger.find(&account).await?.map_or(0, |found| found.balance);
                (Reply::Good(Balance { account, balance }), answer)
            }
        })
    }
}
