//! Points at which a test can kill the process, numbered in the order they are passed.
//!
//! Without the feature `crash-points` they are nothing. With it, `REPRISE_CRASH_AT=N` kills the process with SIGKILL
//! at the N-th point, and `REPRISE_CRASH_TRACE=FILE` appends the name of each point passed to a file.

/// Passes a point.
#[cfg(not(feature = "crash-points"))]
pub(crate) const fn point(_name: &'static str) {}

/// Passes a point.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &'static str) {
    use std::io::Write as _;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    static AT: OnceLock<Option<u64>> = OnceLock::new();
    static TRACE: OnceLock<Option<std::fs::File>> = OnceLock::new();

    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    let trace = TRACE.get_or_init(|| {
        let path = std::env::var_os("REPRISE_CRASH_TRACE")?;
        std::fs::OpenOptions::new().create(true).append(true).open(path).ok()
    });
    if let Some(mut file) = trace.as_ref() {
        file.write_all(format!("{name}\n").as_bytes()).expect("the trace file of a crash test is writable");
    }
    let at = AT.get_or_init(|| std::env::var("REPRISE_CRASH_AT").ok()?.parse().ok());
    if *at == Some(number) {
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("a process may kill itself");
        // The signal may take a moment to arrive; nothing may happen after the point.
        loop {
            std::thread::park();
        }
    }
}
