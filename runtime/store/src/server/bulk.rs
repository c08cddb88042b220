//! A commit that needs no look at the database first: new executions, and appends to journals whose ends are known. All of
//! it is one message, where a commit that asks first is a conversation.
//!
//! What turns out not to fit (a claim, a repetition, an execution of another node) is for [`super::batch`]. A journal that
//! another node has continued meanwhile refuses the row of the next entry, which is there already.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::dialect::{JournalRow, NewRow, ProgressRow};
use crate::ends::Ends;
use crate::rules::{self, Place, follow};
use crate::{Activity, ExecutionKey, Progress, Write, Written, packed};

/// Bytes of one message, about. Servers bound the size of a message.
const BYTES_MAX: usize = 2 << 20;

/// Whose commit it is.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    /// The node.
    pub(super) node: i64,
    /// How long it is alive from now on.
    pub(super) lease_ms: i64,
    /// The turn before this one. Another one means that this commit comes late: it was given up.
    pub(super) before: i64,
    /// This one.
    pub(super) this: i64,
}

/// What is written.
#[derive(Debug, Default)]
pub struct Bulk<'a> {
    pub(super) new: Vec<NewRow<'a>>,
    /// Of executions, and whether they are among the new ones: then only if they are admitted.
    pub(super) entries: Vec<(JournalRow<'a>, bool)>,
    pub(super) progress: Vec<ProgressRow<'a>>,
    /// Those of `progress` that must be active and this node's, or nothing is written: their row is written alone, and
    /// that may be the repetition of a write whose answer was lost.
    pub(super) ours: BTreeSet<i64>,
    /// Answers, if all new executions are admitted.
    pub(super) answers: Vec<Written>,
    /// Journal lengths afterwards.
    pub(super) ends: HashMap<i64, u32>,
}

impl<'a> Bulk<'a> {
    /// None: something has to be looked up first. `first_key`: of as many consecutive ones as `writes` may need.
    pub(super) fn of(writes: &'a [Write], first_key: i64, known: &Ends) -> Option<Self> {
        let (mut bulk, mut progress) = (Self::default(), BTreeMap::<i64, &'a Progress>::new());
        let (mut next_key, mut gids) = (first_key, HashSet::new());
        for write in writes {
            let answer = match write {
                Write::Create { entries, .. } if !follow(entries, 0) => Written::Conflict,
                Write::Create { execution, .. } if !gids.insert(&execution.gid) => Written::Exists,
                Write::Create { execution, entries, progress } => {
                    bulk.new.push((next_key, execution, progress));
                    bulk.entries.extend(packed::rows(entries).map(|row| ((next_key, row), true)));
                    bulk.ends.insert(next_key, u32::try_from(entries.len()).ok()?);
                    next_key += 1;
                    Written::Created(ExecutionKey(next_key - 1))
                }
                Write::Append { key, entries, progress: row } => {
                    let end = bulk.ends.get(&key.0).copied().or_else(|| known.get(key.0))?;
                    if rules::place(entries, end) != Place::Next {
                        return None;
                    }
                    bulk.entries.extend(packed::rows(entries).map(|row| ((key.0, row), false)));
                    bulk.ends.insert(key.0, end.checked_add(u32::try_from(entries.len()).ok()?)?);
                    if let Some(row) = row {
                        let before = progress.insert(key.0, row);
                        if entries.is_empty() {
                            if before.is_some_and(|before| before.activity != Activity::Active) {
                                return None;
                            }
                            bulk.ours.insert(key.0);
                        }
                    }
                    Written::Appended
                }
                Write::Claim { .. } => return None,
            };
            bulk.answers.push(answer);
        }
        // Two nodes that admit the same gids must meet them in the same order, or each may wait for the other.
        bulk.new.sort_unstable_by_key(|(_, execution, _)| &execution.gid);
        bulk.progress = progress.into_iter().map(|(key, progress)| (key, None, progress)).collect();
        (bulk.bytes() <= BYTES_MAX).then_some(bulk)
    }

    fn bytes(&self) -> usize {
        let entries = self.entries.iter().flat_map(|((_, entries), _)| entries.iter()).map(packed::size);
        let rows = self.new.iter().map(|(.., progress)| progress).chain(self.progress.iter().map(|(.., row)| row));
        entries.chain(rows.map(|row| size(row))).sum()
    }

    /// The answers, with those executions admitted whose keys are in `inserted`.
    pub(super) fn answers(self, inserted: &[i64]) -> Vec<Written> {
        if inserted.len() == self.new.len() {
            return self.answers;
        }
        let inserted: HashSet<i64> = inserted.iter().copied().collect();
        let answer = |answer| match answer {
            Written::Created(key) if !inserted.contains(&key.0) => Written::Exists,
            Written::Created(_) | Written::Exists | Written::Appended | Written::Conflict => answer,
        };
        self.answers.into_iter().map(answer).collect()
    }
}

/// Bytes of what is as long as one likes in a row of `executions`.
pub(super) fn size(progress: &Progress) -> usize {
    progress.note.as_ref().map_or(0, String::len) + progress.result.as_ref().map_or(0, Vec::len)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{append, create, entries, progress};
    use super::*;

    fn ends() -> Ends {
        let mut ends = Ends::default();
        ends.learn([(1, 2)]);
        ends
    }

    #[test]
    fn what_is_known_is_written_at_once() {
        let row =
            Write::Append { key: ExecutionKey(1), entries: Vec::new(), progress: Some(progress(Activity::Parked)) };
        let writes = [
            create("b", Activity::Active),
            append(ExecutionKey(1), 2),
            append(ExecutionKey(1), 3),
            create("a", Activity::Active),
            create("b", Activity::Active),
            row,
        ];
        let bulk = Bulk::of(&writes, 7, &ends()).expect("all is known");
        let keys: Vec<(i64, u32, bool)> =
            bulk.entries.iter().map(|((key, row), new)| (*key, row[0].seq.0, *new)).collect();
        assert_eq!(keys, [(7, 0, true), (1, 2, false), (1, 3, false), (8, 0, true)]);
        assert_eq!(bulk.new.iter().map(|(key, ..)| *key).collect::<Vec<_>>(), [8, 7], "by gid");
        assert_eq!(bulk.progress.iter().map(|(key, ..)| *key).collect::<Vec<_>>(), [1]);
        assert_eq!(bulk.ours.iter().copied().collect::<Vec<_>>(), [1], "its row was written alone");
        assert_eq!((bulk.ends[&1], bulk.ends[&7], bulk.ends[&8]), (4, 2, 2));
        let [made, appended, exists] = [Written::Created(ExecutionKey(7)), Written::Appended, Written::Exists];
        assert_eq!(bulk.answers(&[7]), [made, appended, appended, exists, exists, appended]);
    }

    #[test]
    fn a_row_alone_must_be_ours() {
        let row =
            |entries, activity| Write::Append { key: ExecutionKey(1), entries, progress: Some(progress(activity)) };
        let (active, parked) = (Activity::Active, Activity::Parked);
        for (writes, want) in [
            (vec![row(entries(2, 1), parked)], Some(0)),
            (vec![row(vec![], parked)], Some(1)),
            (vec![row(vec![], active), row(entries(2, 1), parked)], Some(1)),
            (vec![row(entries(2, 1), active), row(vec![], parked)], Some(1)),
            // Only who looks can tell whether that is a repetition.
            (vec![row(entries(2, 1), parked), row(vec![], parked)], None),
            (vec![row(vec![], parked), row(vec![], active)], None),
        ] {
            assert_eq!(Bulk::of(&writes, 7, &ends()).map(|bulk| bulk.ours.len()), want, "{writes:?}");
        }
    }

    #[test]
    fn what_must_be_looked_up_is_not() {
        let (seen, now) = (progress(Activity::Parked), progress(Activity::Active));
        let large = |mut entry: reprise_engine::EntryRecord| {
            entry.data = vec![0; BYTES_MAX];
            entry
        };
        for write in [
            append(ExecutionKey(2), 2),
            append(ExecutionKey(1), 1),
            append(ExecutionKey(1), 3),
            Write::Claim { key: ExecutionKey(1), seen, progress: now },
            Write::Append {
                key: ExecutionKey(1),
                entries: entries(2, 1).into_iter().map(large).collect(),
                progress: None,
            },
        ] {
            let writes = [create("a", Activity::Active), write];
            assert!(Bulk::of(&writes, 7, &ends()).is_none(), "{:?}", writes[1]);
        }
    }
}
