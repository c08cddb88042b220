//! Runs the program under test.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use reprise_tests::Process;

use crate::participants::Participants;
use crate::project;

/// The program with these arguments, without what the machine's environment says.
pub(crate) fn reprise(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
    command.args(arguments).env_remove("REPRISE_SERVER").env_remove("REPRISE_CONFIG").stdin(Stdio::null());
    command
}

/// How a run of the program ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }
}

/// Runs the program to its end.
pub(crate) fn ended(command: &mut Command) -> Ended {
    command.output().expect("the program can be started").into()
}

/// A server with its participants, in a folder of its own.
pub(crate) struct Server {
    _process: Process,
    _participants: Participants,
    url: String,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Starts one that has the workflow `order`.
    pub(crate) fn with_order() -> Self {
        let server = Self::start();
        let deployed = server.run(&["deploy", "order", path(project::order())]);
        assert_eq!(deployed.code, 0, "{deployed:?}");
        server
    }

    /// Starts one that has nothing.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let participants = Participants::start();
        let (stock, bank) = (format!("stock={}", participants.url), format!("bank={}", participants.url));
        let mut command =
            reprise(&["serve", "--listen", "127.0.0.1:0", "--store", "memory", "--set", "trap_retries=0"]);
        command.args(["--participant", &stock, "--participant", &bank, "--data-dir"]).arg(dir.path());
        let config = dir.path().join("reprise.toml");
        std::fs::write(&config, "").expect("a file");
        command.arg("--config").arg(&config);
        let process = Process::start(command.current_dir(dir.path()), &dir.path().join("log")).expect("a server");
        let url = format!("http://{}", process.address("listen").expect("its address"));
        Self { _process: process, _participants: participants, url, _dir: dir }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The program, told where this server is.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = reprise(arguments);
        command.env("REPRISE_SERVER", &self.url);
        command
    }

    /// Runs the program against this server.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        ended(&mut self.command(arguments))
    }
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
