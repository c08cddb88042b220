//! How the SQL stores keep a journal: the entries of one write in one row, which is one place in an index and one row to
//! read, however many entries a write has. Long writes are cut into several rows.
//!
//! A row has the number of its first entry, how many there are, and for each of them a head of fixed length and its data:
//!
//! ```text
//! at: 8 bytes | fingerprint: 8 | kind: 1 | length of data: 4 | data      (all numbers big-endian)
//! ```
//!
//! Bytes that are damaged cost entries and no error: each entry of a row is answered, and one that can't be cut out of it
//! has a fingerprint that is not that of its data.

use reprise_engine::{EntryRecord, Seq, Timestamp};

/// Entries of one row: what is read of a row in vain when a page ends in it, is bounded. The queries for the ends of
/// journals have the same number.
pub(crate) const ENTRIES_MAX: usize = 256;
/// Bytes of one row, unless its first entry alone has more. Servers bound the size of a message.
const BYTES_MAX: usize = 1 << 20;
/// Bytes of an entry beside its data.
const HEAD: usize = 21;

/// The entries of a write, row by row.
pub(crate) fn rows(entries: &[EntryRecord]) -> impl Iterator<Item = &[EntryRecord]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&EntryRecord| {
            bytes += size(entry);
            bytes <= BYTES_MAX
        };
        let count = rest.iter().take(ENTRIES_MAX).take_while(fits).count().max(1);
        let (row, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(row)
    })
}

/// Bytes of an entry in its row.
pub(crate) fn size(entry: &EntryRecord) -> usize {
    HEAD + entry.data.len()
}

/// How many entries a row says it has. None: no row has so many, or none.
pub(crate) fn count(stored: i64) -> Option<u32> {
    u32::try_from(stored).ok().filter(|count| (1..=ENTRIES_MAX).contains(&(*count as usize)))
}

/// The bytes of a row, for tools that look into a store behind the runtime's back.
#[must_use]
pub fn pack_entries(entries: &[EntryRecord]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.iter().map(size).sum());
    for entry in entries {
        // No entry has 4 GB: what a journal may have is bounded far below.
        let length = u32::try_from(entry.data.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&entry.at.0.to_be_bytes());
        bytes.extend_from_slice(&entry.fingerprint.to_be_bytes());
        bytes.push(entry.kind);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&entry.data);
    }
    bytes
}

/// The entries of a row that begins at `first` and has `count` of them, damaged ones included.
pub fn unpack_entries(first: Seq, count: u32, bytes: &[u8]) -> impl Iterator<Item = EntryRecord> {
    let mut rest = bytes;
    (0..count).map(move |index| {
        let seq = Seq(first.0.saturating_add(index));
        let last = index + 1 == count;
        match cut(rest) {
            Some((head, data, after)) if !last || after.is_empty() => {
                rest = after;
                head.entry(seq, data)
            }
            // The hash of no data in particular.
            _ => {
                EntryRecord { seq, at: Timestamp(0), kind: 0, fingerprint: 0, data: std::mem::take(&mut rest).to_vec() }
            }
        }
    })
}

struct Head {
    at: u64,
    fingerprint: u64,
    kind: u8,
}

impl Head {
    fn entry(&self, seq: Seq, data: &[u8]) -> EntryRecord {
        let Self { at, fingerprint, kind } = *self;
        EntryRecord { seq, at: Timestamp(at), kind, fingerprint, data: data.to_vec() }
    }
}

/// The first entry, and what follows it.
fn cut(bytes: &[u8]) -> Option<(Head, &[u8], &[u8])> {
    let (at, bytes) = bytes.split_first_chunk()?;
    let (fingerprint, bytes) = bytes.split_first_chunk()?;
    let ([kind], bytes) = bytes.split_first_chunk()?;
    let (length, bytes) = bytes.split_first_chunk()?;
    let (data, rest) = bytes.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let head = Head { at: u64::from_be_bytes(*at), fingerprint: u64::from_be_bytes(*fingerprint), kind: *kind };
    Some((head, data, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u32, length: usize) -> EntryRecord {
        let (at, kind) = (Timestamp(1_700_000_000_000 + u64::from(seq)), seq as u8);
        EntryRecord { seq: Seq(seq), at, kind, fingerprint: !u64::from(seq), data: vec![seq as u8; length] }
    }

    fn whole(bytes: &[u8], count: u32) -> Vec<EntryRecord> {
        unpack_entries(Seq(7), count, bytes).collect()
    }

    #[test]
    fn a_row_is_what_was_packed() {
        for lengths in [&[][..], &[0], &[3, 0, 100_000], &[1; 256]] {
            let entries: Vec<EntryRecord> = (7..).zip(lengths).map(|(seq, length)| entry(seq, *length)).collect();
            assert_eq!(whole(&pack_entries(&entries), entries.len() as u32), entries);
        }
    }

    #[test]
    fn rows_are_bounded_and_lose_no_entry() {
        const BIG: usize = BYTES_MAX;
        for (lengths, want) in [
            (vec![], vec![]),
            (vec![1, 2, 3], vec![3]),
            (vec![1; ENTRIES_MAX + 1], vec![ENTRIES_MAX, 1]),
            (vec![BIG, BIG, 1, 1], vec![1, 1, 2]),
            (vec![1, BIG, 1], vec![1, 1, 1]),
            (vec![1, BIG - 2 * HEAD - 1, 1], vec![2, 1]),
        ] {
            let entries: Vec<EntryRecord> = (0..).zip(&lengths).map(|(seq, length)| entry(seq, *length)).collect();
            let found: Vec<&[EntryRecord]> = rows(&entries).collect();
            assert_eq!(found.iter().map(|row| row.len()).collect::<Vec<_>>(), want);
            assert!(found.concat() == entries);
        }
    }

    #[test]
    fn a_row_says_how_many_entries_it_has() {
        for (stored, want) in [
            (1, Some(1)),
            (256, Some(256)),
            (0, None),
            (257, None),
            (-1, None),
            (1 << 32, None),
            ((1 << 32) + 1, None),
            (i64::MIN, None),
        ] {
            assert_eq!(count(stored), want, "{stored}");
        }
    }

    #[test]
    fn damage_costs_no_more_than_what_follows_in_its_row() {
        let entries = [entry(7, 4), entry(8, 5), entry(9, 6)];
        let good = pack_entries(&entries);
        for place in 0..good.len() {
            let mut bytes = good.clone();
            bytes[place] ^= 0x40;
            let found = whole(&bytes, 3);
            let hit = if place < HEAD + 4 { 0 } else { 1 + usize::from(place >= 2 * HEAD + 9) };
            assert_eq!(found[..hit], entries[..hit], "{place}");
            assert_ne!(found[hit], entries[hit], "{place}");
            assert_eq!(found.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [7, 8, 9], "{place}");
        }
        for length in 0..good.len() {
            let found = whole(&good[..length], 3);
            assert_eq!(found.len(), 3);
            assert_eq!(found[2].fingerprint, 0, "{length}");
        }
        let found = whole(&[&good[..], b"more"].concat(), 3);
        assert_eq!((&found[..2], found[2].fingerprint), (&entries[..2], 0));
    }
}
