//! One runtime per file: a lock beside the database, held as long as the store is open and gone with its process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use super::open::{beside, refused};
use crate::StoreError;

/// The lock; dropping it opens the way.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the database at `path`.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        if path.is_dir() {
            return Err(refused(path, "is a directory; name a file in it"));
        }
        let lock = beside(path, ".lock");
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock);
        let mut file = opened.map_err(|error| unopened(path, &lock, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(path, &mut file)),
            Err(TryLockError::Error(error)) => {
                return Err(refused(path, &format!("can't be locked ({error}); choose a directory on a local disk")));
            }
        }
        // For the message of who comes second; the lock holds without it.
        let named = file.set_len(0).and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
        if let Err(error) = named {
            tracing::warn!(%error, "the lock file does not name this process");
        }
        Ok(Self { _file: file })
    }
}

fn unopened(path: &Path, lock: &Path, error: &io::Error) -> StoreError {
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        refused(path, "is in a directory that does not exist; create it")
    } else if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
        refused(path, "is in a directory that can't be written; make it writable for the runtime's user")
    } else {
        refused(path, &format!("can't be locked ({}: {error}); check the disk", lock.display()))
    }
}

fn taken(path: &Path, file: &mut File) -> StoreError {
    let mut process = String::new();
    let named = file.read_to_string(&mut process).is_ok() && !process.is_empty();
    let process = if named { format!("process {process}") } else { "another process".to_owned() };
    refused(path, &format!("is open in {process}; stop that runtime first, or choose another file"))
}
