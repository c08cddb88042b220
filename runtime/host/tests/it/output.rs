//! Log messages and standard output: shown once, not on replay.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::drive::{Drive, ok};
use crate::guests::{host, probe};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.0.lock().expect("no writer panics"))).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "current_thread")]
async fn messages_are_shown_once() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_writer(lines.clone()).with_ansi(false).without_time().finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let host = host();
    let program = probe(&host).await;
    let mut live = Drive::begin("log-1", "log", ok);
    live.run(&program).await.expect("it runs");
    let shown: Vec<String> =
        lines.take().lines().filter(|line| line.contains(" guest: ")).map(|line| line.trim().to_owned()).collect();
    assert_eq!(
        shown,
        [
            "INFO guest: before gid=log-1 workflow=probe",
            "INFO guest: printed gid=log-1 workflow=probe stream=\"stdout\"",
            "INFO guest: in two pieces gid=log-1 workflow=probe stream=\"stdout\"",
            "WARN guest: after gid=log-1 workflow=probe",
            "WARN guest: without end gid=log-1 workflow=probe stream=\"stderr\"",
        ]
    );
    // With both the call and its result recorded, only what comes after is new; with all recorded, nothing is.
    for (length, want) in [(3, 1), (4, 0)] {
        let mut replay = Drive::resume(&live.journal[..length], ok);
        replay.run(&program).await.expect("it runs");
        let shown = lines.take();
        assert_eq!(shown.matches(" guest: ").count(), want, "from {length}: {shown}");
    }
}
