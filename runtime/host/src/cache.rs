//! Compiled components on disk: one file of machine code per component and engine, mapped when it is needed.
//!
//! `<cache_dir>/<engine>/<digest>.cwasm` with its checksum beside it in `<digest>.sum`. The engine part is a hash of
//! everything that decides whether code fits: wasmtime's version, its settings, the processor.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use reprise_engine::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;
use xxhash_rust::xxh3::Xxh3;

const TEMPORARY: &str = "tmp-";

/// A cache directory of one engine.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    writes: AtomicU64,
}

impl Cache {
    /// Opens the part of `base` that belongs to `engine`, and clears what a crash left half written.
    pub(crate) fn open(base: &Path, engine: &Engine) -> io::Result<Self> {
        let mut hash = Xxh3::new();
        engine.precompile_compatibility_hash().hash(&mut hash);
        let dir = base.join(format!("{:016x}", hash.finish()));
        fs::create_dir_all(&dir)?;
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { dir, writes: AtomicU64::new(0) })
    }

    /// The component, if it is there and undamaged.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let (code, sum) = self.paths(digest);
        let stored = fs::read_to_string(&sum).ok()?;
        let loaded = checksum(&code).map_err(wasmtime::Error::from).and_then(|computed| {
            if computed != stored {
                return Err(wasmtime::format_err!("the checksum is {computed}, written was {stored}"));
            }
            map(engine, &code)
        });
        loaded
            .inspect_err(|error| {
                tracing::warn!(%digest, error = format!("{error:#}"), "a compiled component is damaged and ignored");
            })
            .ok()
    }

    /// Keeps a serialized component: all of it or nothing.
    pub(crate) fn store(&self, digest: Digest, serialized: &[u8]) -> io::Result<()> {
        let (code, sum) = self.paths(digest);
        self.write(&code, serialized)?;
        self.write(&sum, sum_of(serialized).as_bytes())?;
        File::open(&self.dir)?.sync_all()
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, path)
        });
        if written.is_err() {
            // The first error is the one that matters.
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn paths(&self, digest: Digest) -> (PathBuf, PathBuf) {
        (self.dir.join(format!("{digest}.cwasm")), self.dir.join(format!("{digest}.sum")))
    }
}

fn sum_of(bytes: &[u8]) -> String {
    let mut hash = Xxh3::new();
    hash.update(bytes);
    format!("{:016x} {}", hash.digest(), bytes.len())
}

fn checksum(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Xxh3::new(), 0, vec![0; 256 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:016x} {bytes}", hash.digest())),
            n => {
                hash.update(&buffer[..n]);
                bytes += n;
            }
        }
    }
}

#[expect(unsafe_code, reason = "machine code is mapped from the cache directory")]
fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file was written by `store` from `Component::serialize`: only this process's user may write to the
    // directory (`HostConfig::cache_dir`), files appear there whole by `rename` and are never changed in place, and
    // the checksum was just compared.
    unsafe { Component::deserialize_file(engine, path) }
}
