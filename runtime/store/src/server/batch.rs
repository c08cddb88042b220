//! Decides what becomes of each write of a commit, in order, within one open transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use reprise_engine::{EntryRecord, Gid};

use super::dialect::{ConnectionOf, Dialect, EntryRow, NewRow, ProgressRow, Value};
use super::error::ServerError;
use super::{read, rows};
use crate::{ExecutionKey, Progress, Write, Written};

/// Bytes of one statement, about. Servers bound the size of a message.
const STATEMENT_BYTES: usize = 2 << 20;

/// A commit under way. What it has learned counts only once the transaction is durable.
pub(super) struct Batch<'a, D: Dialect> {
    connection: &'a mut ConnectionOf<D>,
    /// Executions of a commit whose answer was lost, and the keys they had.
    in_doubt: &'a HashMap<Gid, i64>,
    next_key: i64,
    /// Journal lengths as this batch changes them.
    ends: HashMap<i64, u32>,
    entries: Vec<EntryRow<'a>>,
    /// The last one of each execution counts.
    progress: BTreeMap<i64, &'a Progress>,
}

/// What a durable batch leaves behind.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) answers: Vec<Written>,
    pub(super) next_key: i64,
}

/// What becomes of a write that creates an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    New(i64),
    /// An earlier commit of the same write has made it.
    Made(i64),
    Taken,
}

impl<'a, D: Dialect> Batch<'a, D> {
    pub(super) fn new(connection: &'a mut ConnectionOf<D>, in_doubt: &'a HashMap<Gid, i64>, next_key: i64) -> Self {
        Self { connection, in_doubt, next_key, ends: HashMap::new(), entries: Vec::new(), progress: BTreeMap::new() }
    }

    /// Performs `writes`; the caller commits.
    pub(super) async fn perform(mut self, writes: &'a [Write]) -> Result<Done, ServerError> {
        let places = self.create_executions(writes).await?;
        self.look_up_ends(writes).await?;
        let mut answers = Vec::with_capacity(writes.len());
        for (write, place) in writes.iter().zip(places) {
            answers.push(match write {
                Write::Create { entries, .. } => self.start_journal(place, entries),
                Write::Append { key, entries, progress } => self.append(key.0, entries, progress.as_ref()).await?,
            });
        }
        self.write_entries().await?;
        self.write_progress().await?;
        Ok(Done { answers, next_key: self.next_key })
    }

    /// The place of each write that creates an execution.
    async fn create_executions(&mut self, writes: &'a [Write]) -> Result<Vec<Place>, ServerError> {
        let mut new: Vec<NewRow<'a>> = Vec::new();
        let mut places = vec![Place::Taken; writes.len()];
        let mut gids = HashSet::new();
        for (write, place) in writes.iter().zip(&mut places) {
            let Write::Create { execution, entries, progress } = write else { continue };
            if follow(entries, 0) && gids.insert(&execution.gid) {
                new.push((self.next_key, execution, progress));
                *place = Place::New(self.next_key);
                self.next_key += 1;
            }
        }
        let mut inserted = HashSet::new();
        for rows in parts(&new, |(.., progress)| size(progress)) {
            inserted.extend(D::insert_executions(self.connection, rows).await?);
        }
        for (write, place) in writes.iter().zip(&mut places) {
            let Write::Create { execution, entries, .. } = write else { continue };
            if matches!(place, Place::New(key) if !inserted.contains(key)) {
                *place = self.place_in_doubt(&execution.gid, entries).await?;
            }
        }
        Ok(places)
    }

    /// Whether the gid exists because an earlier commit of these very entries did work.
    async fn place_in_doubt(&mut self, gid: &Gid, entries: &[EntryRecord]) -> Result<Place, ServerError> {
        let Some(key) = self.in_doubt.get(gid).copied() else { return Ok(Place::Taken) };
        let row = D::fetch(self.connection, &D::text(read::EXECUTION), &[Value::Text(gid.as_str())]).await?;
        let found = row.first().map(|row| rows::int::<D>(row, 0)).transpose()?;
        let same = found == Some(key) && self.stored(key, 0, entries.len() + 1).await? == entries;
        Ok(if same { Place::Made(key) } else { Place::Taken })
    }

    /// Asks for the journal lengths: another process may have written meanwhile.
    async fn look_up_ends(&mut self, writes: &[Write]) -> Result<(), ServerError> {
        let mut keys: Vec<i64> = writes
            .iter()
            .filter_map(|write| match write {
                Write::Append { key, .. } => Some(key.0),
                Write::Create { .. } => None,
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(());
        }
        // A batch can't append to what it creates: nobody knows the key yet. Such keys have no row of before.
        for row in D::journal_ends(self.connection, &keys).await? {
            let last = D::int(&row, 1)?;
            self.ends.insert(rows::int::<D>(&row, 0)?, last.map_or(Ok(0), |last| rows::number(last + 1))?);
        }
        Ok(())
    }

    fn start_journal(&mut self, place: Place, entries: &'a [EntryRecord]) -> Written {
        match place {
            Place::New(key) => {
                self.push(key, 0, entries);
                Written::Created(ExecutionKey(key))
            }
            Place::Made(key) => Written::Created(ExecutionKey(key)),
            Place::Taken if follow(entries, 0) => Written::Exists,
            Place::Taken => Written::Conflict,
        }
    }

    async fn append(
        &mut self,
        key: i64,
        entries: &'a [EntryRecord],
        progress: Option<&'a Progress>,
    ) -> Result<Written, ServerError> {
        let Some(end) = self.ends.get(&key).copied() else { return Ok(Written::Conflict) };
        let first = entries.first().map_or(end, |entry| entry.seq.0);
        if !follow(entries, first) || first > end {
            return Ok(Written::Conflict);
        }
        if first < end {
            // A repetition is rare, so it may cost a query of its own.
            self.write_entries().await?;
            let same = self.stored(key, first, entries.len()).await? == entries;
            return Ok(if same { Written::Appended } else { Written::Conflict });
        }
        self.push(key, end, entries);
        if let Some(progress) = progress {
            self.progress.insert(key, progress);
        }
        Ok(Written::Appended)
    }

    async fn stored(&mut self, key: i64, first: u32, count: usize) -> Result<Vec<EntryRecord>, ServerError> {
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let values = [Value::Int(key), Value::Int(i64::from(first)), Value::Int(limit)];
        let found = D::fetch(self.connection, &D::text(read::JOURNAL), &values).await?;
        found.iter().map(rows::entry_record::<D>).collect()
    }

    fn push(&mut self, key: i64, end: u32, entries: &'a [EntryRecord]) {
        self.entries.extend(entries.iter().map(|entry| (key, entry)));
        let end = entries.last().map_or(end, |last| last.seq.0.saturating_add(1));
        self.ends.insert(key, end);
    }

    async fn write_entries(&mut self) -> Result<(), ServerError> {
        let entries = std::mem::take(&mut self.entries);
        for rows in parts(&entries, |(_, entry)| entry.data.len()) {
            D::insert_entries(self.connection, rows).await?;
        }
        Ok(())
    }

    async fn write_progress(&mut self) -> Result<(), ServerError> {
        let progress: Vec<ProgressRow<'a>> = std::mem::take(&mut self.progress).into_iter().collect();
        for rows in parts(&progress, |(_, progress)| size(progress)) {
            D::update_executions(self.connection, rows).await?;
        }
        Ok(())
    }
}

fn size(progress: &Progress) -> usize {
    progress.note.as_ref().map_or(0, String::len) + progress.result.as_ref().map_or(0, Vec::len)
}

/// Whether `entries` stand at `first`, `first + 1`, ...
fn follow(entries: &[EntryRecord], first: u32) -> bool {
    entries.iter().zip(u64::from(first)..).all(|(entry, seq)| u64::from(entry.seq.0) == seq)
}

/// Consecutive rows, as many as fit a statement.
fn parts<T>(rows: &[T], size: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut parts, mut first, mut bytes) = (Vec::new(), 0, 0);
    for (index, row) in rows.iter().enumerate() {
        bytes += size(row);
        if index > first && bytes > STATEMENT_BYTES {
            parts.push(&rows[first..index]);
            (first, bytes) = (index, size(row));
        }
    }
    if first < rows.len() {
        parts.push(&rows[first..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_bounded_and_lose_no_row() {
        for (sizes, want) in [
            (vec![], vec![]),
            (vec![1, 2, 3], vec![3]),
            (vec![STATEMENT_BYTES, 1, STATEMENT_BYTES], vec![1, 1, 1]),
            (vec![3 * STATEMENT_BYTES, 1, 1], vec![1, 2]),
            (vec![1, 1, 3 * STATEMENT_BYTES], vec![2, 1]),
        ] {
            let found = parts(&sizes, |size| *size);
            assert_eq!(found.iter().map(|part| part.len()).collect::<Vec<_>>(), want, "{sizes:?}");
            assert_eq!(found.concat(), sizes);
        }
    }
}
