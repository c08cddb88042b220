//! Real processes for tests, the demo and the bench: guests built from source, a bank, a runtime that can be killed.

mod bank;
mod books;
mod build;
pub mod drive;
mod journal;
mod language;
mod lines;
mod process;
mod proxy;
mod runtime;
mod stage;
mod until;
mod wire;

pub use bank::{Bank, Request};
pub use books::Books;
pub use build::{guest, guest_with, program, root};
pub use journal::{durable_ops, journal, recorded_ops, replace_data, sends_between};
pub use language::{COMPILED, Language};
pub use lines::Lines;
pub use process::Process;
pub use proxy::{Passing, Proxy, Treatment};
pub use runtime::{Runtime, RuntimeOptions};
pub use stage::{Stage, scenario};
pub use until::until;
pub use wire::{Held, Wire};

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
