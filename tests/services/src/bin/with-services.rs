//! `with-services COMMAND ARGS..`: runs a command with PostgreSQL, MariaDB, Redis and etcd servers at hand.
//!
//! Starts the servers that the environment does not name yet, names them, and ends them after the command, with its
//! exit code. Without a command it prints the variables and keeps the servers running until it is told to stop.

use std::{
    env,
    os::unix::process::ExitStatusExt,
    process::{ExitCode, ExitStatus},
    thread,
};

use anyhow::{Context, Result};
use reprise_test_services::{Product, ServicesError, shared_url, stop_shared};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let mut signals =
        Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
    let variables = tokio::task::spawn_blocking(start).await??;
    let mut words = env::args_os().skip(1);
    let code = match words.next() {
        Some(program) => run(Command::new(program).args(words).envs(variables), &mut signals).await,
        None => {
            for (name, url) in &variables {
                println!("export {name}={url}");
            }
            eprintln!("The servers run until ctrl-c; put the lines above into the shell where you test.");
            signals.any().await;
            Ok(ExitCode::SUCCESS)
        }
    };
    tokio::task::spawn_blocking(stop_shared).await?;
    code
}

/// What asks this program to end.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Runs `command` to its end and passes signals on: this program ends when the command does.
async fn run(command: &mut Command, signals: &mut Signals) -> Result<ExitCode> {
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run `{}`", command.as_std().get_program().to_string_lossy()))?;
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    loop {
        tokio::select! {
            ended = child.wait() => return Ok(exit_code(ended?)),
            // A terminal sends ctrl-c to the command as well; a second one does no harm.
            _ = signals.interrupt.recv() => pass(Signal::INT, pid)?,
            _ = signals.terminate.recv() => pass(Signal::TERM, pid)?,
        }
    }
}

/// The command is not waited for yet, so its number is still its own.
fn pass(signal: Signal, command: Option<Pid>) -> Result<()> {
    Ok(command.map_or(Ok(()), |pid| kill_process(pid, signal))?)
}

/// Starts all servers at once; the variables that name them.
fn start() -> Result<Vec<(&'static str, String)>, ServicesError> {
    thread::scope(|scope| {
        let starting = Product::ALL.map(|product| (product, scope.spawn(move || shared_url(product))));
        starting
            .into_iter()
            .map(|(product, thread)| Ok((product.variable(), thread.join().expect("it does not panic")?)))
            .collect()
    })
}

/// The command's own code; as shells have it, 128 and the signal if one ended it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?)).and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
