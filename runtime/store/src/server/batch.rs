//! Decides what becomes of each write of a commit, in order, within one open transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use reprise_engine::{EntryRecord, Gid, Seq};

use super::bulk::size;
use super::dialect::{ConnectionOf, Dialect, JournalRow, NewRow, ProgressRow, Value};
use super::error::ServerError;
use super::writer::Doubt;
use super::{read, rows};
use crate::rules::{self, Standing, follow};
use crate::{ExecutionKey, Progress, Write, Written, packed};

/// Bytes of one statement, about. Servers bound the size of a message.
const STATEMENT_BYTES: usize = 2 << 20;

/// A commit under way. What it has learned counts only once the transaction is durable.
pub(super) struct Batch<'a, D: Dialect> {
    connection: &'a mut ConnectionOf<D>,
    /// This node.
    owner: i64,
    in_doubt: &'a Doubt,
    next_key: i64,
    /// Journal lengths as this batch changes them. None: the last row of the journal is damaged.
    ends: HashMap<i64, Option<u32>>,
    /// Executions that are claimed, or whose row alone is written: owner, and how this batch found them.
    standings: HashMap<i64, (i64, Standing)>,
    entries: Vec<JournalRow<'a>>,
    /// The last one of each execution counts.
    progress: BTreeMap<i64, &'a Progress>,
    /// Executions that are this node's from now on.
    claimed: HashSet<i64>,
}

/// What becomes of a write that creates an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Admission {
    New(i64),
    /// An earlier commit of the same write has made it.
    Made(i64),
    Taken,
}

impl<'a, D: Dialect> Batch<'a, D> {
    /// `first_key`: of as many consecutive ones as there are writes for which [`starts`].
    pub(super) fn new(connection: &'a mut ConnectionOf<D>, owner: i64, in_doubt: &'a Doubt, first_key: i64) -> Self {
        Self {
            connection,
            owner,
            in_doubt,
            next_key: first_key,
            ends: HashMap::new(),
            standings: HashMap::new(),
            entries: Vec::new(),
            progress: BTreeMap::new(),
            claimed: HashSet::new(),
        }
    }

    /// Performs `writes`; the caller commits. The answers, and journal lengths.
    pub(super) async fn perform(
        mut self,
        writes: &'a [Write],
    ) -> Result<(Vec<Written>, HashMap<i64, u32>), ServerError> {
        let admissions = self.create_executions(writes).await?;
        self.look_up_ends(writes).await?;
        self.look_up_standings(writes).await?;
        let mut answers = Vec::with_capacity(writes.len());
        for (index, (write, admission)) in writes.iter().zip(admissions).enumerate() {
            answers.push(match write {
                Write::Create { entries, .. } => self.start_journal(admission, entries),
                Write::Append { key, entries, progress } => {
                    self.append(key.0, entries, progress.as_ref(), &writes[index..]).await?
                }
                Write::Claim { key, seen, progress } => self.claim(key.0, seen, progress),
            });
        }
        self.write_entries().await?;
        self.write_progress().await?;
        let ends = self.ends.into_iter().filter_map(|(key, end)| Some((key, end?))).collect();
        Ok((answers, ends))
    }

    /// The admission of each write that creates an execution.
    async fn create_executions(&mut self, writes: &'a [Write]) -> Result<Vec<Admission>, ServerError> {
        let mut new: Vec<NewRow<'a>> = Vec::new();
        let mut admissions = vec![Admission::Taken; writes.len()];
        let mut gids = HashSet::new();
        for (write, admission) in writes.iter().zip(&mut admissions) {
            let Write::Create { execution, entries: _, progress } = write else { continue };
            if starts(write) && gids.insert(&execution.gid) {
                new.push((self.next_key, execution, progress));
                *admission = Admission::New(self.next_key);
                self.next_key += 1;
            }
        }
        // Two nodes that admit the same gids must meet them in the same order, or each may wait for the other.
        new.sort_unstable_by_key(|(_, execution, _)| &execution.gid);
        let mut inserted = HashSet::new();
        for rows in parts(&new, |(.., progress)| size(progress)) {
            inserted.extend(D::insert_executions(self.connection, self.owner, rows).await?);
        }
        for (write, admission) in writes.iter().zip(&mut admissions) {
            let Write::Create { execution, entries, .. } = write else { continue };
            if matches!(admission, Admission::New(key) if !inserted.contains(key)) {
                *admission = self.admitted_in_doubt(&execution.gid, entries).await?;
            }
        }
        Ok(admissions)
    }

    /// Whether the gid exists because an earlier commit of these very entries did work.
    async fn admitted_in_doubt(&mut self, gid: &Gid, entries: &[EntryRecord]) -> Result<Admission, ServerError> {
        let Some(key) = self.in_doubt.created.get(gid).copied() else { return Ok(Admission::Taken) };
        let row = D::fetch(self.connection, &D::text(read::EXECUTION), &[Value::Text(gid.as_str())]).await?;
        let found = row.first().map(|row| rows::int::<D>(row, 0)).transpose()?;
        let same = found == Some(key) && self.stored(key, 0, entries.len() + 1).await?.as_deref() == Some(entries);
        Ok(if same { Admission::Made(key) } else { Admission::Taken })
    }

    /// Asks for the journal lengths: another process may have written meanwhile.
    async fn look_up_ends(&mut self, writes: &[Write]) -> Result<(), ServerError> {
        let keys = keys_of(writes, |write| match write {
            Write::Append { key, .. } => Some(key.0),
            Write::Create { .. } | Write::Claim { .. } => None,
        });
        if keys.is_empty() {
            return Ok(());
        }
        // A batch can't append to what it creates: nobody knows the key yet. Such keys have no row of before.
        self.ends.extend(journal_ends::<D>(self.connection, &keys).await?);
        Ok(())
    }

    /// Asks how executions stand that are claimed, or whose row alone is written, and keeps them so until the end of
    /// the transaction.
    async fn look_up_standings(&mut self, writes: &[Write]) -> Result<(), ServerError> {
        let keys = keys_of(writes, |write| match write {
            Write::Claim { key, .. } => Some(key.0),
            Write::Append { key, entries, progress: Some(_) } if entries.is_empty() => Some(key.0),
            Write::Create { .. } | Write::Append { .. } => None,
        });
        if keys.is_empty() {
            return Ok(());
        }
        for row in D::fetch_of(self.connection, &D::text(read::STANDINGS), &keys).await? {
            let owner = rows::int::<D>(&row, 1)?;
            self.standings.insert(rows::int::<D>(&row, 0)?, (owner, rows::standing::<D>(&row)?));
        }
        Ok(())
    }

    fn start_journal(&mut self, admission: Admission, entries: &'a [EntryRecord]) -> Written {
        match admission {
            Admission::New(key) => {
                self.push(key, 0, entries);
                Written::Created(ExecutionKey(key))
            }
            Admission::Made(key) => Written::Created(ExecutionKey(key)),
            Admission::Taken if follow(entries, 0) => Written::Exists,
            Admission::Taken => Written::Conflict,
        }
    }

    /// `rest`: of the commit, from this append on.
    async fn append(
        &mut self,
        key: i64,
        entries: &'a [EntryRecord],
        progress: Option<&'a Progress>,
        rest: &[Write],
    ) -> Result<Written, ServerError> {
        let Some(end) = self.ends.get(&key).copied() else { return Ok(Written::Conflict) };
        if entries.is_empty() {
            return match progress {
                Some(progress) => self.advance(key, progress, rest).await,
                None => Ok(Written::Appended),
            };
        }
        // Where a journal is damaged nobody can tell what comes next.
        let Some(end) = end else { return Ok(Written::Conflict) };
        match rules::place(entries, end) {
            rules::Place::Next => {}
            rules::Place::Before(first) => {
                // A repetition is rare, so it may cost a query of its own.
                self.write_entries().await?;
                let same = self.stored(key, first, entries.len()).await?.as_deref() == Some(entries);
                return Ok(if same { Written::Appended } else { Written::Conflict });
            }
            rules::Place::Nowhere => return Ok(Written::Conflict),
        }
        self.push(key, end, entries);
        if let Some(progress) = progress {
            self.progress.insert(key, progress);
        }
        Ok(Written::Appended)
    }

    /// Writes the row alone, while the execution is active and this node's: this may be the repetition of a write whose
    /// answer was lost, and another node may have gone on meanwhile.
    async fn advance(&mut self, key: i64, progress: &'a Progress, rest: &[Write]) -> Result<Written, ServerError> {
        let Some((owner, stored)) = self.standings.get(&key).copied() else { return Ok(Written::Conflict) };
        let written = self.progress.get(&key).copied();
        if written.map_or(stored, Standing::of).is_active() {
            let ours = owner == self.owner || self.claimed.contains(&key);
            return Ok(if ours {
                self.progress.insert(key, progress);
                Written::Appended
            } else {
                Written::Conflict
            });
        }
        // That is rare, so it may cost a query of its own.
        let made = match written {
            Some(written) => rules::lead_to(rest, key, written),
            None => self.newest(key).await?.is_some_and(|newest| rules::lead_to(rest, key, &newest)),
        };
        Ok(if made { Written::Appended } else { Written::Conflict })
    }

    /// How an execution stands. None: its row is damaged.
    async fn newest(&mut self, key: i64) -> Result<Option<Progress>, ServerError> {
        let found = D::fetch_of(self.connection, &D::text(read::NEWEST), &[key]).await?;
        let row = found.first().and_then(|row| rows::execution_row::<D>(row, self.owner).ok());
        Ok(row.map(|row| row.progress))
    }

    fn claim(&mut self, key: i64, seen: &Progress, progress: &'a Progress) -> Written {
        let Some((owner, stored)) = self.standings.get(&key).copied() else { return Written::Conflict };
        let current = self.progress.get(&key).map_or(stored, |written| Standing::of(written));
        if current != Standing::of(seen) {
            // An earlier commit of the same write may have done it.
            let made = self.in_doubt.claimed.contains(&key) && owner == self.owner && stored == Standing::of(progress);
            return if made { Written::Appended } else { Written::Conflict };
        }
        self.progress.insert(key, progress);
        self.claimed.insert(key);
        Written::Appended
    }

    /// None: they are damaged.
    async fn stored(&mut self, key: i64, first: u32, count: usize) -> Result<Option<Vec<EntryRecord>>, ServerError> {
        let (from, limit) = (Seq(first), u32::try_from(count).unwrap_or(u32::MAX));
        let values = read::journal_values(key, from, limit);
        let found = D::fetch(self.connection, &D::text(read::JOURNAL), &values).await?;
        Ok(read::entries::<D>(&found, from, limit).ok())
    }

    fn push(&mut self, key: i64, end: u32, entries: &'a [EntryRecord]) {
        self.entries.extend(packed::rows(entries).map(|row| (key, row)));
        let end = entries.last().map_or(end, |last| last.seq.0.saturating_add(1));
        self.ends.insert(key, Some(end));
    }

    async fn write_entries(&mut self) -> Result<(), ServerError> {
        let entries = std::mem::take(&mut self.entries);
        for rows in parts(&entries, |(_, entries)| entries.iter().map(packed::size).sum()) {
            D::insert_entries(self.connection, rows).await?;
        }
        Ok(())
    }

    async fn write_progress(&mut self) -> Result<(), ServerError> {
        let owner = |key| self.claimed.contains(&key).then_some(self.owner);
        let progress: Vec<ProgressRow<'a>> =
            std::mem::take(&mut self.progress).into_iter().map(|(key, progress)| (key, owner(key), progress)).collect();
        for rows in parts(&progress, |(.., progress)| size(progress)) {
            D::update_executions(self.connection, rows).await?;
        }
        Ok(())
    }
}

/// Whether it needs a key, unless its gid exists.
pub(super) fn starts(write: &Write) -> bool {
    match write {
        Write::Create { entries, .. } => follow(entries, 0),
        Write::Append { .. } | Write::Claim { .. } => false,
    }
}

/// The journal lengths of those of `keys` that exist. None: the last row of the journal is damaged.
pub(super) async fn journal_ends<D: Dialect>(
    connection: &mut ConnectionOf<D>,
    keys: &[i64],
) -> Result<Vec<(i64, Option<u32>)>, ServerError> {
    let found = D::fetch_of(connection, &D::text(read::JOURNAL_ENDS), keys).await?;
    let end = |row| Ok((rows::int::<D>(row, 0)?, u32::try_from(D::int(row, 1)?.unwrap_or(0)).ok()));
    found.iter().map(end).collect()
}

/// In order, each once.
pub(super) fn keys_of(writes: &[Write], key: impl Fn(&Write) -> Option<i64>) -> Vec<i64> {
    let keys: BTreeSet<i64> = writes.iter().filter_map(key).collect();
    keys.into_iter().collect()
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
    fn the_query_for_ends_knows_how_many_entries_a_row_may_have() {
        let condition = format!("entries BETWEEN 1 AND {} THEN", packed::ENTRIES_MAX);
        assert!(read::JOURNAL_ENDS.contains(&condition), "{condition}");
    }

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
