//! A WASI 0.2 in which nothing differs from one replay to the next.
//!
//! Time is the execution's, randomness comes from the gid, standard output is kept for people. There is no
//! environment, no argument, no directory and no socket: the interfaces are there, because language runtimes import
//! them, and answer that there is nothing. HTTP requests are calls of the execution, and a wait is one for its tickets;
//! nothing else is journaled.

mod clock;
mod error;
mod http;
mod poll;
mod random;
mod stdio;

use std::collections::HashMap;

use rand_xoshiro::Xoshiro256PlusPlus;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{LinkOptions, cli, clocks, filesystem, random as random_bindings, sockets};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_io::bindings::wasi::io;

use self::clock::Clock;
use self::http::Http;
use self::poll::Wait;
use self::stdio::{Output, Stream};
use crate::config::HostConfig;
use crate::session::Session;
use crate::state::State;

/// The interfaces that [`add_to_linker`] serves, at any version 0.2.x up to wasmtime-wasi's.
pub(crate) const SERVED: [&str; 29] = [
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:clocks/wall-clock",
    "wasi:clocks/monotonic-clock",
    "wasi:random/random",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:filesystem/types",
    "wasi:filesystem/preopens",
    "wasi:sockets/network",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
    "wasi:http/types",
    "wasi:http/outgoing-handler",
];

/// The virtual world of one instance.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    pub(crate) clock: Clock,
    /// What pollables wait for, by handle. Those that are not here are always ready.
    waits: HashMap<u32, Wait>,
    http: Http,
    random: Xoshiro256PlusPlus,
    insecure_seed: (u64, u64),
    stdout: Output,
    stderr: Output,
}

impl Wasi {
    pub(crate) fn new(session: &Session, config: &HostConfig) -> Self {
        let (now, generator) = session.with(|execution| {
            let scope = execution.active_scope().flatten();
            (execution.now(), random::generator(execution.gid(), scope))
        });
        let (random, insecure_seed) = generator;
        let stdout = Output::new(Stream::Stdout, session.clone(), config.stdio_bytes_max);
        let stderr = Output::new(Stream::Stderr, session.clone(), config.stdio_bytes_max);
        let ctx = WasiCtx::builder().stdout(stdout.clone()).stderr(stderr.clone()).build();
        Self {
            ctx,
            table: ResourceTable::new(),
            clock: Clock::new(now),
            waits: HashMap::new(),
            http: Http::new(config.import_bytes_max),
            random,
            insecure_seed,
            stdout,
            stderr,
        }
    }

    /// Logs what stands on a line without an end.
    pub(crate) fn flush(&self) {
        self.stdout.flush_line();
        self.stderr.flush_line();
    }

    /// What the guest wrote to standard error last.
    pub(crate) fn stderr_tail(&self) -> String {
        self.stderr.tail()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi.ctx, table: &mut self.wasi.table }
    }
}

struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links every interface of [`SERVED`].
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let l = linker;
    io::error::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    io::streams::add_to_linker::<_, HasTable>(l, |s| &mut s.wasi.table)?;
    io::poll::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    clocks::wall_clock::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    clocks::monotonic_clock::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    random_bindings::random::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    random_bindings::insecure::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    random_bindings::insecure_seed::add_to_linker::<_, HasSelf<State>>(l, |s| s)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    sockets::network::add_to_linker::<_, WasiSockets>(l, &(&LinkOptions::default()).into(), State::sockets)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, State::sockets)?;
    http::add_to_linker(l)
}
