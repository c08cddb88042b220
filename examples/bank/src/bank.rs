//! The bank itself: one request from its arrival to its answer, whichever face it came by.
//!
//! Owns the database and the order of things: log, fault, barrier, effect, commit, log. The faces only parse and render.

use std::{path::Path, process, sync::Arc, time::Duration};

use reprise_barrier::{Barrier, BarrierError, Branch, Called};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    fault::{Fault, FaultKind, Faults},
    ledger::{self, Account, Effect},
    operation::{Operation, Transfer},
    reply::{Balance, Refusal, Reply},
    request_log::{Entry, RequestLog},
};

/// How the process ends in a [`FaultKind::Crash`], as after a kill.
const CRASH_EXIT_CODE: i32 = 137;

/// A bank; clones share it.
#[derive(Debug, Clone)]
pub struct Bank {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: SqlitePool,
    requests: RequestLog,
    faults: Faults,
}

/// What keeps the bank from working at all; a refusal is no error.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The bank's database did not do as told.
    #[error("the bank's database failed")]
    Database(#[from] sqlx::Error),
    /// The barrier could not be asked.
    #[error("the bank's barrier failed")]
    Barrier(#[from] BarrierError),
    /// A file or a listener did not do as told.
    #[error("the bank's files or listeners failed")]
    Io(#[from] std::io::Error),
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// One of the ten operations.
    Move { operation: Operation, branch: Branch, transfer: Transfer },
    /// To be told, nothing else.
    Notify,
}

impl Bank {
    /// Opens the bank in the database file at `path`, creating what is missing.
    ///
    /// # Errors
    /// [`BankError::Database`], [`BankError::Barrier`]: the file is no database, or cannot be written.
    pub async fn open(path: &Path) -> Result<Self, BankError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(30));
        // One connection: writers queue here, in order, rather than poll SQLite's lock.
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        let mut connection = pool.acquire().await?;
        reprise_barrier::create_tables(&mut connection).await?;
        ledger::create_tables(&mut connection).await?;
        drop(connection);
        let shared = Shared { pool, requests: RequestLog::default(), faults: Faults::default() };
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
    /// [`BankError::Database`]: the account is as it was.
    pub async fn put_account(&self, account: &str, balance: i64) -> Result<(), BankError> {
        Ok(ledger::put(&mut *self.shared.pool.acquire().await?, account, balance).await?)
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// [`BankError::Database`]: they cannot be read.
    pub async fn accounts(&self) -> Result<Vec<Account>, BankError> {
        Ok(ledger::list(&mut *self.shared.pool.acquire().await?).await?)
    }

    /// What was applied to accounts, per operation; of one global transaction if `gid` is given.
    ///
    /// # Errors
    /// [`BankError::Database`]: they cannot be read.
    pub async fn effects(&self, gid: Option<&str>) -> Result<Vec<Effect>, BankError> {
        Ok(ledger::effects(&mut *self.shared.pool.acquire().await?, gid).await?)
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
        match work {
            Work::Notify => (Reply::Noted, "done"),
            Work::Move { operation, branch, transfer } => match self.transfer(operation, branch, transfer).await {
                Ok(answered) => answered,
                Err(error) => {
                    eprintln!("bank: {error:?}");
                    (Reply::Broken(error.to_string()), "error")
                }
            },
        }
    }

    async fn transfer(
        &self,
        operation: Operation,
        branch: Branch,
        transfer: Transfer,
    ) -> Result<(Reply, &'static str), BankError> {
        let mut transaction = self.shared.pool.begin_with("BEGIN IMMEDIATE").await?;
        let account = transfer.account.clone();
        let called: Called<Balance, Refusal> = Barrier::new(branch.clone())
            .call(&mut transaction, |connection| {
                Box::pin(
                    async move { Ok::<_, BankError>(ledger::apply(connection, &branch, operation, &transfer).await?) },
                )
            })
            .await?;
        let answered = match called {
            Called::Ran(Ok(balance)) => (Reply::Good(balance), "done"),
            Called::Ran(Err(refusal)) => (Reply::Refused(refusal), "refused"),
            Called::Repeat(Some(Ok(balance))) => (Reply::Good(balance), "repeat"),
            Called::Repeat(Some(Err(refusal))) => (Reply::Refused(refusal), "repeat"),
            Called::Late => (Reply::Refused(Refusal::new("its rollback was here first".to_owned())), "late"),
            Called::Empty | Called::Repeat(None) => {
                let answer = if called == Called::Empty { "empty" } else { "repeat" };
                let balance = ledger::find(&mut transaction, &account).await?.map_or(0, |found| found.balance);
                (Reply::Good(Balance { account, balance }), answer)
            }
        };
        transaction.commit().await?;
        Ok(answered)
    }
}
