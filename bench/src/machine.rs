//! Where it is measured: figures say little without it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// The machine, and how busy others keep it.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Model of the processor.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Kernel release.
    pub kernel: String,
    /// Memory.
    pub memory_gib: f64,
    /// File system of the folder that is measured.
    pub file_system: String,
    /// Load average over the last minute, before the first figure.
    pub load: f64,
}

impl Machine {
    /// Looks around; what can't be found out is `unknown` or 0.
    #[must_use]
    pub fn look(dir: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory_kib = value_of(&read("/proc/meminfo"), "MemTotal").map_or(0.0, |text| kib(&text));
        Self {
            cpu: value_of(&read("/proc/cpuinfo"), "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            memory_gib: memory_kib / f64::from(1 << 20),
            file_system: file_system(&read("/proc/mounts"), dir).unwrap_or_else(unknown),
            load: read("/proc/loadavg").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
        }
    }
}

fn unknown() -> String {
    "unknown".into()
}

/// Kind of the mount whose path is the longest above `dir`.
fn file_system(mounts: &str, dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mount = |line: &str| {
        let mut words = line.split(' ').skip(1).map(str::to_owned);
        Some((words.next()?, words.next()?))
    };
    let above = mounts.lines().filter_map(mount).filter(|(path, _)| dir.starts_with(path));
    above.max_by_key(|(path, _)| path.len()).map(|(_, kind)| kind)
}

/// Memory of this process that is in use (`VmRSS`), MiB; 0 if it can't be found out.
pub(crate) fn resident_mib() -> f64 {
    value_of(&fs::read_to_string("/proc/self/status").unwrap_or_default(), "VmRSS").map_or(0.0, |text| kib(&text))
        / 1024.0
}

/// The value of the line `key: value`.
fn value_of(text: &str, key: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
}

/// A number of the form `123 kB`.
fn kib(text: &str) -> f64 {
    text.trim_end_matches(" kB").parse().unwrap_or(0.0)
}

/// Processor time of this process.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
