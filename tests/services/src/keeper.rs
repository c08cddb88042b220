//! One run of a server, and the keeper that ends it when this process is gone.
//!
//! The keeper is a shell that starts the server and waits for the end of a pipe whose other end is here. The pipe ends
//! with this process, however that comes, SIGKILL included.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{error::ServicesError, installed::User};

/// `$1`: the signal that ends the server; `$2`: a folder to remove then, or nothing; then the server's command line.
const KEEPER: &str = r#"
signal=$1 folder=$2
shift 2
"$@" </dev/null 2>&1 &
echo $!
exec >/dev/null 2>&1
read -r _
kill -s "$signal" $!
wait $!
[ -z "$folder" ] || rm -rf "$folder"
"#;

/// How many lines of the log an error shows.
const LOG_LINES_MAX: usize = 30;

/// What a keeper needs to know beside the command line.
#[derive(Debug)]
pub(crate) struct Terms<'a> {
    /// The working folder; the log is written there.
    pub(crate) folder: &'a Path,
    /// Whether the folder goes with the server.
    pub(crate) removed: bool,
    /// Who runs it, if not this process' user.
    pub(crate) user: Option<User>,
    /// The signal that ends it at once.
    pub(crate) end_signal: &'static str,
    /// What it says when it is ready.
    pub(crate) ready_line: &'static str,
}

/// A server at work. Dropping it ends the server and waits for that.
#[derive(Debug)]
pub(crate) struct Run {
    keeper: Child,
    server: Pid,
    /// Ends when no process of the server is left: they all hold the pipe that it reads.
    log: Option<JoinHandle<()>>,
}

/// How a start ended.
#[derive(Debug)]
pub(crate) enum Started {
    /// It takes connections.
    Ready(Run),
    /// It is gone, and said this at last.
    Ended(String),
}

impl Run {
    /// Starts a server and waits until it is ready.
    pub(crate) fn start(command: &[OsString], terms: &Terms<'_>) -> Result<Started, ServicesError> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", KEEPER, "keeper", terms.end_signal]);
        shell.arg(if terms.removed { terms.folder.as_os_str() } else { "".as_ref() }).args(command);
        if let Some(user) = terms.user {
            shell.uid(user.uid).gid(user.gid);
        }
        // A process group of its own: ctrl-c in a terminal is for the tests, which then end the servers.
        shell
            .process_group(0)
            .current_dir(terms.folder)
            .env("TMPDIR", terms.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut keeper = shell.stderr(Stdio::null()).spawn().map_err(ServicesError::io("start a server"))?;
        let mut lines = BufReader::new(keeper.stdout.take().expect("it is piped"));
        let server = read_pid(&mut lines)?;
        let log = File::create(terms.folder.join("log")).map_err(ServicesError::io("create the log of a server"))?;
        let (ready, is_ready) = mpsc::channel();
        let ready_line = terms.ready_line;
        let log = thread::spawn(move || follow(lines, log, ready_line, &ready));
        let run = Self { keeper, server, log: Some(log) };
        match is_ready.recv() {
            Ok(Ok(())) => Ok(Started::Ready(run)),
            Ok(Err(log)) => Ok(Started::Ended(log)),
            Err(mpsc::RecvError) => Ok(Started::Ended("(its log could not be read)".to_owned())),
        }
    }

    /// Kills every process of the server with SIGKILL, and waits until they are gone.
    pub(crate) fn kill(mut self) -> Result<(), ServicesError> {
        // Stopped first, so that it starts no process meanwhile.
        send(self.server, Signal::STOP)?;
        let id = self.server.as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        send(self.server, Signal::KILL)?;
        let children = children.map_err(ServicesError::io("list the processes of a server"))?;
        for child in children.split_whitespace().filter_map(|child| Pid::from_raw(child.parse().ok()?)) {
            send(child, Signal::KILL)?;
        }
        self.wait();
        Ok(())
    }

    fn wait(&mut self) {
        drop(self.keeper.stdin.take());
        if let Some(log) = self.log.take()
            && log.join().is_err()
        {
            eprintln!("the reader of a server's log panicked");
        }
        if let Err(error) = self.keeper.wait() {
            eprintln!("a server's keeper cannot be waited for: {error}");
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.wait();
    }
}

/// A process that is gone already is as good as one that takes the signal.
fn send(process: Pid, signal: Signal) -> Result<(), ServicesError> {
    match kill_process(process, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(ServicesError::io("kill a server")(error)),
    }
}

fn read_pid(lines: &mut BufReader<ChildStdout>) -> Result<Pid, ServicesError> {
    let mut line = String::new();
    lines.read_line(&mut line).map_err(ServicesError::io("start a server"))?;
    let pid = line.trim().parse().ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| ServicesError::io("start a server")(std::io::Error::other(format!("no process id: {line:?}"))))
}

/// Copies the server's log to a file, and says once when it is ready or, with its last lines, that it ended before.
fn follow(lines: BufReader<ChildStdout>, mut file: File, ready_line: &str, ready: &mpsc::Sender<Result<(), String>>) {
    let mut last = VecDeque::new();
    let mut told = false;
    for line in lines.split(b'\n').map_while(Result::ok) {
        // The log is for people; a full disk is noticed by the server itself.
        let _ = file.write_all(&line).and_then(|()| file.write_all(b"\n"));
        if told {
            continue;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains(ready_line) {
            told = ready.send(Ok(())).is_ok();
        }
        last.push_back(line);
        if last.len() > LOG_LINES_MAX {
            last.pop_front();
        }
    }
    if !told {
        // Nobody listens any more if the start was given up.
        let _ = ready.send(Err(last.into_iter().collect::<Vec<_>>().join("\n")));
    }
}
