//! A child process that says where it listens, and ends with its owner.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No program takes longer to be ready.
const LONGEST: Duration = Duration::from_secs(60);

/// A running child process. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// The JSON line it printed when it was ready.
    pub ready: Value,
}

impl Process {
    /// Starts a program and waits for its JSON line; stderr goes to the file `log`.
    ///
    /// # Errors
    /// It can't be started, or ended or took too long before it was ready: the end of its log is in the message.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).context("the log file")?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .with_context(|| format!("{:?} can't be started", command.get_program()))?;
        let line = ready_line(child.stdout.take().context("stdout is piped")?);
        match serde_json::from_str(&line) {
            Ok(ready) => Ok(Self { child, ready }),
            Err(_) => {
                let _ = child.kill();
                let status = child.wait()?;
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(20).collect();
                let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
                let program = command.get_program();
                bail!("{program:?} is not ready, it said {line:?} and ended ({status}); its log:\n{tail}");
            }
        }
    }

    /// The address under `name` in the ready line.
    ///
    /// # Errors
    /// The line has none.
    pub fn address(&self, name: &str) -> Result<String> {
        Ok(self.ready[name].as_str().with_context(|| format!("no {name} in {}", self.ready))?.to_owned())
    }

    /// Kills it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        Ok(self.child.wait()?)
    }

    /// Asks it to end (SIGTERM), and leaves it to it when.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn ask_to_end(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Has it stand still (SIGSTOP), as a machine that is out of memory or is moved to another host does.
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Has it go on (SIGCONT).
    ///
    /// # Errors
    /// It can't be signalled.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It can't be waited for.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// It can't be waited for.
    pub fn ended(&mut self) -> Result<bool> {
        Ok(self.exit()?.is_some())
    }

    /// How it has ended; none while it runs.
    ///
    /// # Errors
    /// It can't be waited for.
    pub fn exit(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

/// The first line of a program's output; empty if none comes.
fn ready_line(stdout: ChildStdout) -> String {
    let (said, line) = mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        // What could not be read is no ready line.
        let _ = BufReader::new(stdout).read_line(&mut line);
        // Nobody listens any more if it took too long.
        let _ = said.send(line);
    });
    line.recv_timeout(LONGEST).unwrap_or_default()
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is no error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
