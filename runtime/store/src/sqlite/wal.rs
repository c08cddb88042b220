//! The write-ahead log's file, at its full size before the first commit needs it.
//!
//! SQLite makes the log grow frame by frame until the first checkpoint, and each sync of a growing file waits for the
//! file system's own journal. Zeros at the end of the log are as good as no frames: SQLite stops at the first frame
//! whose salt and checksum are not this log's, which is how it tells old frames in a reused log.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::open::beside;

/// Header of a log and of each frame. <https://www.sqlite.org/fileformat2.html#walformat>
const HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// The log of the database at `path`.
pub(super) fn path(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Bytes of a log that is checkpointed after `pages`, and a quarter more for the commit that reaches them.
pub(super) const fn bytes(pages: u32, page_bytes: u32) -> u64 {
    let pages = pages as u64 + pages as u64 / 4;
    HEADER_BYTES + pages * (FRAME_HEADER_BYTES + page_bytes as u64)
}

/// Extends the log to `bytes` with zeros that are on disk. Nobody writes to it meanwhile.
pub(super) fn allocate(log: &Path, bytes: u64) -> io::Result<()> {
    // SQLite's locks are on the database and its index, never on the log: closing this handle loses none.
    let mut file = OpenOptions::new().write(true).open(log)?;
    let mut end = file.seek(SeekFrom::End(0))?;
    let zeros = vec![0; 1 << 20];
    while end < bytes {
        let length = (bytes - end).min(zeros.len() as u64);
        file.write_all(&zeros[..length as usize])?;
        end += length;
    }
    file.sync_all()
}
