//! Real processes for tests, the demo and the bench: guests built from source, a bank, a runtime that can be killed.

mod bank;
mod build;
mod journal;
mod process;
mod runtime;

pub use bank::{Bank, Request};
pub use build::{guest, program};
pub use journal::{journal, recorded_ops};
pub use process::Process;
pub use runtime::{Runtime, RuntimeOptions};

/// A client for the processes started here.
///
/// # Panics
/// If the TLS provider can't be set up, which has no cause outside this program.
#[must_use]
pub fn client() -> reqwest::Client {
    // Another caller may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a plain client")
}
