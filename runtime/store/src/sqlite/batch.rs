//! Decides what becomes of each write of a commit, in order, within one open transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use reprise_engine::{EntryRecord, Seq};
use rusqlite::Connection;

use super::error::{SqliteError, unless_damaged};
use super::read;
use super::statements::{self, JournalRow, NewRow};
use crate::ends::Ends;
use crate::rules::{Place, Standing, follow, lead_to, place};
use crate::{ExecutionKey, Progress, Write, Written, packed};

/// A commit under way. What it has learned counts only once the transaction is durable.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    connection: &'a Connection,
    known: &'a Ends,
    /// Keys from here on belong to executions that this batch creates.
    first_new: i64,
    next_key: i64,
    /// Journal lengths as this batch changes them. None: the last row of the journal is damaged.
    ends: HashMap<i64, Option<u32>>,
    entries: Vec<JournalRow<'a>>,
    /// The last one of each execution counts.
    progress: BTreeMap<i64, &'a Progress>,
}

/// What a durable batch leaves behind.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) answers: Vec<Written>,
    pub(super) next_key: i64,
    pub(super) ends: HashMap<i64, u32>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(connection: &'a Connection, known: &'a Ends, next_key: i64) -> Self {
        Self {
            connection,
            known,
            first_new: next_key,
            next_key,
            ends: HashMap::new(),
            entries: Vec::new(),
            progress: BTreeMap::new(),
        }
    }

    /// Performs `writes`; the caller commits.
    pub(super) fn perform(mut self, writes: &'a [Write]) -> Result<Done, SqliteError> {
        let created = self.create_executions(writes)?;
        self.look_up_ends(writes)?;
        let mut answers = Vec::with_capacity(writes.len());
        for (index, (write, key)) in writes.iter().zip(created).enumerate() {
            answers.push(match write {
                Write::Create { entries, .. } => self.start_journal(key, entries),
                Write::Append { key, entries, progress } => {
                    self.append(key.0, entries, progress.as_ref(), &writes[index..])?
                }
                Write::Claim { key, seen, progress } => self.claim(key.0, seen, progress)?,
            });
        }
        self.write_entries()?;
        statements::update_executions(self.connection, self.progress)?;
        let ends = self.ends.into_iter().filter_map(|(key, end)| Some((key, end?))).collect();
        Ok(Done { answers, next_key: self.next_key, ends })
    }

    /// The key of each write that creates an execution.
    fn create_executions(&mut self, writes: &'a [Write]) -> Result<Vec<Option<i64>>, SqliteError> {
        let mut rows: Vec<NewRow<'a>> = Vec::new();
        let mut keys = vec![None; writes.len()];
        let mut gids = HashSet::new();
        for (write, key) in writes.iter().zip(&mut keys) {
            let Write::Create { execution, entries, progress } = write else { continue };
            if follow(entries, 0) && gids.insert(&execution.gid) {
                rows.push((self.next_key, execution, progress));
                *key = Some(self.next_key);
                self.next_key += 1;
            }
        }
        let mut inserted = statements::insert_executions(self.connection, &rows)?.into_iter();
        // One answer for each key, in the same order.
        Ok(keys.into_iter().map(|key| key.filter(|_| inserted.next() == Some(true))).collect())
    }

    /// Asks for the journal lengths that neither this batch nor the writer's memory knows.
    fn look_up_ends(&mut self, writes: &[Write]) -> Result<(), SqliteError> {
        let mut unknown = Vec::new();
        for write in writes {
            let Write::Append { key, .. } = write else { continue };
            if key.0 >= self.first_new || self.ends.contains_key(&key.0) {
                continue;
            }
            match self.known.get(key.0) {
                Some(end) => _ = self.ends.insert(key.0, Some(end)),
                None => unknown.push(key.0),
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        let found = statements::journal_ends(self.connection, &unknown)?;
        self.ends.extend(found);
        Ok(())
    }

    fn start_journal(&mut self, key: Option<i64>, entries: &'a [EntryRecord]) -> Written {
        let Some(key) = key else {
            return if follow(entries, 0) { Written::Exists } else { Written::Conflict };
        };
        self.push(key, 0, entries);
        Written::Created(ExecutionKey(key))
    }

    /// `rest`: of the commit, from this append on.
    fn append(
        &mut self,
        key: i64,
        entries: &'a [EntryRecord],
        progress: Option<&'a Progress>,
        rest: &[Write],
    ) -> Result<Written, SqliteError> {
        let Some(end) = self.ends.get(&key).copied() else { return Ok(Written::Conflict) };
        if entries.is_empty() {
            return progress.map_or(Ok(Written::Appended), |progress| self.advance(key, progress, rest));
        }
        // Where a journal is damaged nobody can tell what comes next.
        let Some(end) = end else { return Ok(Written::Conflict) };
        match place(entries, end) {
            Place::Next => {}
            Place::Before(first) => return self.compare(key, first, entries),
            Place::Nowhere => return Ok(Written::Conflict),
        }
        self.push(key, end, entries);
        if let Some(progress) = progress {
            self.progress.insert(key, progress);
        }
        Ok(Written::Appended)
    }

    /// Writes the row alone, while the execution is active.
    fn advance(&mut self, key: i64, progress: &'a Progress, rest: &[Write]) -> Result<Written, SqliteError> {
        let written = self.progress.get(&key).copied();
        let standing = match written {
            Some(written) => Some(Standing::of(written)),
            None => unless_damaged(statements::standing(self.connection, key))?.flatten(),
        };
        if standing.is_some_and(Standing::is_active) {
            self.progress.insert(key, progress);
            return Ok(Written::Appended);
        }
        // A repetition is rare, so it may cost a query of its own.
        let made = match written {
            Some(written) => lead_to(rest, key, written),
            None => unless_damaged(read::row(self.connection, ExecutionKey(key)))?
                .flatten()
                .is_some_and(|row| lead_to(rest, key, &row.progress)),
        };
        Ok(if made { Written::Appended } else { Written::Conflict })
    }

    /// One process has a file, so nobody can come between the look and the change.
    fn claim(&mut self, key: i64, seen: &Progress, progress: &'a Progress) -> Result<Written, SqliteError> {
        let current = match self.progress.get(&key) {
            Some(written) => Some(Standing::of(written)),
            None => statements::standing(self.connection, key)?,
        };
        if current != Some(Standing::of(seen)) {
            return Ok(Written::Conflict);
        }
        self.progress.insert(key, progress);
        Ok(Written::Appended)
    }

    /// Whether `entries` stand there already. A repetition is rare, so it may cost a query of its own.
    fn compare(&mut self, key: i64, first: u32, entries: &[EntryRecord]) -> Result<Written, SqliteError> {
        self.write_entries()?;
        let limit = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let stored = unless_damaged(read::journal(self.connection, ExecutionKey(key), Seq(first), limit))?;
        Ok(if stored.as_deref() == Some(entries) { Written::Appended } else { Written::Conflict })
    }

    fn push(&mut self, key: i64, end: u32, entries: &'a [EntryRecord]) {
        self.entries.extend(packed::rows(entries).map(|row| (key, row)));
        let end = entries.last().map_or(end, |last| last.seq.0.saturating_add(1));
        self.ends.insert(key, Some(end));
    }

    fn write_entries(&mut self) -> Result<(), SqliteError> {
        let entries = std::mem::take(&mut self.entries);
        statements::insert_entries(self.connection, &entries)
    }
}
