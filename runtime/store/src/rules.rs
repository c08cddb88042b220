//! What all stores decide alike about a write, whatever they keep it in.

use reprise_engine::EntryRecord;

use crate::{Activity, Progress, Write, codes};

/// Whether `entries` stand at `first`, `first + 1`, ...
pub(crate) fn follow(entries: &[EntryRecord], first: u32) -> bool {
    entries.iter().zip(u64::from(first)..).all(|(entry, seq)| u64::from(entry.seq.0) == seq)
}

/// Where entries belong in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At its end.
    Next,
    /// From this number on, where others stand already: the same ones, if this is a repetition.
    Before(u32),
    /// They leave a gap, or don't follow each other.
    Nowhere,
}

/// Where `entries` belong in a journal of `end` entries. No entries are always next.
pub(crate) fn place(entries: &[EntryRecord], end: u32) -> Place {
    let first = entries.first().map_or(end, |entry| entry.seq.0);
    if !follow(entries, first) || first > end {
        Place::Nowhere
    } else if first < end {
        Place::Before(first)
    } else {
        Place::Next
    }
}

/// What a claim compares: the part of a row that every change of it changes. As the numbers that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) activity: i64,
    pub(crate) wake_at: Option<i64>,
    pub(crate) updated_at: i64,
}

impl Standing {
    pub(crate) fn of(progress: &Progress) -> Self {
        Self {
            activity: codes::of_activity(progress.activity),
            wake_at: progress.wake_at.map(codes::of_time),
            updated_at: codes::of_time(progress.updated_at),
        }
    }

    pub(crate) fn is_active(self) -> bool {
        self.activity == codes::of_activity(Activity::Active)
    }
}

/// Whether one of `writes` brings the row of `execution` to where it stands. If it stands there already, they have been
/// made before, up to that one.
pub(crate) fn lead_to(writes: &[Write], execution: i64, stands: &Progress) -> bool {
    writes.iter().any(|write| match write {
        Write::Append { key, progress: Some(progress), .. } => key.0 == execution && progress == stands,
        Write::Append { progress: None, .. } | Write::Create { .. } | Write::Claim { .. } => false,
    })
}

#[cfg(test)]
mod tests {
    use reprise_engine::{Seq, Timestamp};

    use super::*;

    #[test]
    fn entries_have_one_place() {
        let entry = |seq: &u32| EntryRecord { seq: Seq(*seq), at: Timestamp(1), kind: 1, fingerprint: 2, data: vec![] };
        for (seqs, end, want) in [
            (&[][..], 3, Place::Next),
            (&[3, 4], 3, Place::Next),
            (&[1, 2], 3, Place::Before(1)),
            (&[2, 3], 3, Place::Before(2)),
            (&[4], 3, Place::Nowhere),
            (&[3, 5], 3, Place::Nowhere),
            (&[u32::MAX, 0], u32::MAX, Place::Nowhere),
        ] {
            let entries: Vec<EntryRecord> = seqs.iter().map(entry).collect();
            assert_eq!(place(&entries, end), want, "{seqs:?} {end}");
        }
    }
}
