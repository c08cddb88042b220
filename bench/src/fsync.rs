//! How long the disk takes to make 4 KiB durable: the floor under every durable step.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::Spread;

const PAGE: [u8; 4096] = [7; 4096];
/// Size of the file that is written again and again, in pages.
const PAGES: u64 = 2048;

/// Write and `fdatasync`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Fsync {
    /// Into a file that has its size, as SQLite's log here.
    pub in_place: Spread,
    /// At the end of a file that grows.
    pub growing: Spread,
}

/// Measures each for `time`. `dir`: an existing folder on the disk.
///
/// # Errors
/// The disk failed.
pub fn measure(dir: &Path, time: Duration) -> Result<Fsync> {
    let mut file = tempfile::tempfile_in(dir)?;
    for _ in 0..PAGES {
        file.write_all(&PAGE)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let in_place = sync_often(&mut file, time, PAGES)?;
    let growing = sync_often(&mut tempfile::tempfile_in(dir)?, time, u64::MAX)?;
    Ok(Fsync { in_place, growing })
}

/// From the start again after `pages`.
fn sync_often(file: &mut File, time: Duration, pages: u64) -> Result<Spread> {
    let (began, mut times, mut page) = (Instant::now(), Vec::new(), 0);
    while began.elapsed() < time {
        if page == pages {
            file.seek(SeekFrom::Start(0))?;
            page = 0;
        }
        let writing = Instant::now();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        times.push(writing.elapsed());
        page += 1;
    }
    Ok(Spread::of(times))
}
