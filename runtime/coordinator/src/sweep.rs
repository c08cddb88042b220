//! Prepared transactions that nobody ends: found in the databases, and ended as their execution was decided.
//!
//! Phase two ends what an action prepared, and its barrier keeps a late copy out, so there should be nothing to sweep.
//! What is left all the same (a backup was restored, rows were changed by hand) would hold locks for ever.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use reprise_engine::{Answer, BranchId, Entry, EntryRecord, Op, Operation, Phase, Seq};
use reprise_sql::{Kind, Prepared};
use reprise_store::StoreError;
use serde::Serialize;

use crate::coordinator::Coordinator;

/// Longest time for one end.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Entries read at one time.
const PAGE: u32 = 1_000;

/// What is done about a prepared transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handling {
    /// Its execution is open, and ends it in phase two.
    Running,
    /// Its execution has succeeded: the sweeper commits it.
    Commit,
    /// Its execution has failed, or succeeded without it: the sweeper rolls it back.
    Rollback,
    /// No execution here knows it: it may be another runtime's, and is left alone.
    Unknown,
}

/// A prepared transaction and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedStatus {
    /// As the database lists it.
    pub prepared: Prepared,
    /// What is done about it.
    pub handling: Handling,
}

/// How a database of the configuration stands.
#[derive(Debug, Clone)]
pub struct DatabaseStatus {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it keeps prepared, or why it can't be asked.
    pub prepared: Result<Vec<PreparedStatus>, String>,
}

/// What a journal says about a prepared transaction.
enum Verdict {
    Left(Handling),
    End(BranchId, Op),
}

impl Coordinator {
    /// The databases of SQL and XA operations, asked now.
    pub async fn databases(&self) -> Vec<DatabaseStatus> {
        let databases = self.shared.outbound.databases();
        let status = async |(name, kind): (&str, Kind)| DatabaseStatus {
            name: name.to_owned(),
            kind,
            prepared: self.prepared_status(name).await,
        };
        join_all(databases.list().map(status)).await
    }

    async fn prepared_status(&self, database: &str) -> Result<Vec<PreparedStatus>, String> {
        let mut all = Vec::new();
        for prepared in self.shared.outbound.databases().prepared(database).await? {
            let handling = match self.verdict(database, &prepared).await.map_err(|error| error.to_string())? {
                Verdict::Left(handling) => handling,
                Verdict::End(_, Op::Commit) => Handling::Commit,
                Verdict::End(..) => Handling::Rollback,
            };
            all.push(PreparedStatus { prepared, handling });
        }
        Ok(all)
    }

    /// Ends what is prepared in the databases and whose execution is closed. `told`: what was reported as unknown.
    async fn sweep(&self, told: &mut HashSet<(String, String)>) {
        let databases = self.shared.outbound.databases();
        let mut unknown = HashSet::new();
        for (name, kind) in databases.list() {
            if kind == Kind::Sqlite {
                continue;
            }
            let listed = match databases.prepared(name).await {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::warn!(database = name, %error, "prepared transactions can't be listed; trying again later");
                    continue;
                }
            };
            for prepared in listed {
                // Several nodes sweep at once, which does no harm: what is closed is decided for good.
                self.shared.lease.held().await;
                let (gid, branch) = (&prepared.gid, prepared.branch.as_str());
                match self.verdict(name, &prepared).await {
                    Ok(Verdict::End(branch, op)) => self.end(name, &prepared, branch, op).await,
                    Ok(Verdict::Left(Handling::Unknown)) => {
                        let key = (name.to_owned(), format!("{gid}/{branch}"));
                        if !told.contains(&key) {
                            tracing::warn!(
                                database = name, %gid, branch,
                                "prepared, but no execution here knows it; if no other runtime does, end it by hand"
                            );
                        }
                        unknown.insert(key);
                    }
                    Ok(Verdict::Left(_)) => {}
                    Err(error) => tracing::warn!(database = name, %gid, branch, %error, "its journal can't be read"),
                }
            }
        }
        *told = unknown;
    }

    async fn end(&self, database: &str, prepared: &Prepared, branch: BranchId, op: Op) {
        let gid = &prepared.gid;
        let answer = self.shared.outbound.databases().finish(database, gid, branch, op, TIMEOUT).await;
        if let Answer::Rows(_) = answer {
            tracing::warn!(database, %gid, %branch, %op, "a prepared transaction was left over; it is ended");
            return;
        }
        let error = answer.summary();
        tracing::error!(database, %gid, %branch, %op, %error, "a left-over prepared transaction can't be ended");
    }

    async fn verdict(&self, database: &str, prepared: &Prepared) -> Result<Verdict, StoreError> {
        if self.shared.live.contains_key(&prepared.gid) {
            return Ok(Verdict::Left(Handling::Running));
        }
        let Some(row) = self.shared.store.execution(&prepared.gid).await? else {
            return Ok(Verdict::Left(Handling::Unknown));
        };
        if !row.progress.phase.is_closed() {
            return Ok(Verdict::Left(Handling::Running));
        }
        let mut search = Search::new(database, &prepared.branch);
        loop {
            let page = self.journal(row.key, search.next, PAGE).await?;
            let full = page.len() == PAGE as usize;
            for record in &page {
                search.look(record)?;
            }
            if !full {
                break;
            }
        }
        Ok(match search.found {
            Some(found) if row.progress.phase == Phase::Succeeded && found.succeeded => {
                Verdict::End(found.branch, Op::Commit)
            }
            Some(found) => Verdict::End(found.branch, Op::Rollback),
            None => Verdict::Left(Handling::Unknown),
        })
    }
}

/// Looks for the XA action of a branch in a journal.
struct Search<'a> {
    database: &'a str,
    branch: &'a str,
    next: Seq,
    found: Option<Found>,
}

struct Found {
    branch: BranchId,
    ticket: reprise_engine::Ticket,
    succeeded: bool,
}

impl<'a> Search<'a> {
    const fn new(database: &'a str, branch: &'a str) -> Self {
        Self { database, branch, next: Seq(0), found: None }
    }

    fn look(&mut self, record: &EntryRecord) -> Result<(), StoreError> {
        self.next = Seq(record.seq.0 + 1);
        let entry = record.decode().map_err(|error| StoreError::Damaged(error.to_string()))?;
        if let Entry::Intended { scope: None, ticket, branch, operation: Operation::Xa(sql), .. } = &entry
            && sql.database == self.database
            && branch.to_string() == self.branch
        {
            self.found = Some(Found { branch: *branch, ticket: *ticket, succeeded: false });
        }
        if let (Entry::Completed { scope: None, ticket, result, .. }, Some(found)) = (&entry, &mut self.found)
            && *ticket == found.ticket
        {
            found.succeeded = result.is_success();
        }
        Ok(())
    }
}

/// Sweeps at start and from time to time, while there is a database that can prepare.
pub(crate) async fn sweep_from_time_to_time(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    if shared.outbound.databases().list().all(|(_, kind)| kind == Kind::Sqlite) {
        return;
    }
    let mut told = HashSet::new();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = coordinator.sweep(&mut told) => {}
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(shared.config.xa_sweep) => {}
        }
    }
}
