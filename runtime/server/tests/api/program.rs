//! `reprise serve` as a program: ready line, signals, and the errors of its start.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprise"));
    command.arg("serve").args(arguments).current_dir(dir).stdin(Stdio::null());
    command.env("REPRISE__LIMITS__INSTANCES", "8").env("REPRISE__LIMITS__MEMORY_BYTES", "67108864");
    command
}

/// Starts it and reads the ready line.
fn start(dir: &Path, arguments: &[&str]) -> (Child, String, BufReader<std::process::ChildStdout>) {
    let mut command = command(dir, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    let ready: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
    (child, ready["listen"].as_str().expect("an address").to_owned(), stdout)
}

fn stop(mut child: Child, mut stdout: BufReader<std::process::ChildStdout>) {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it can be signalled");
    assert!(child.wait().expect("it ends").success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "", "one line and no more");
}

/// Runs it to its end; status and stderr.
fn refused(dir: &Path, arguments: &[&str]) -> String {
    let output = command(dir, arguments).output().expect("it starts");
    assert!(!output.status.success());
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn it_says_where_it_listens_and_stops_when_told() {
    let dir = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let (child, address, stdout) = start(dir.path(), &["--listen", "127.0.0.1:0", "--data-dir", "data/deep"]);
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
        assert!(std::net::TcpStream::connect(&address).is_ok());
        stop(child, stdout);
    }
    assert!(dir.path().join("data/deep/reprise.db").exists());
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(dir.path().join("data")).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "business data is for its user alone");
}

#[test]
fn a_usual_file_is_read() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("reprise.toml"), "listen = '127.0.0.1:0'\nstore = 'memory'").expect("written");
    let (child, _, stdout) = start(dir.path(), &[]);
    stop(child, stdout);
    assert!(!dir.path().join("reprise-data").exists(), "a memory store needs no folder");
}

#[test]
fn bad_starts_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let holder = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = holder.local_addr().expect("bound").to_string();
    std::fs::write(dir.path().join("file"), "x").expect("written");
    std::fs::create_dir(dir.path().join("foreign")).expect("made");
    std::fs::write(dir.path().join("foreign/reprise.db"), "this is no database, it is a text").expect("written");
    std::fs::write(dir.path().join("bad.toml"), "lisen = 'x'").expect("written");
    let free = ["--listen", "127.0.0.1:0"];
    for (arguments, texts) in [
        (&["--listen", &taken, "--store", "memory"][..], &[taken.as_str(), "in use", "--listen"][..]),
        (&["--listen", "nowhere", "--store", "memory"], &["nowhere", "--listen"]),
        (&[free[0], free[1], "--data-dir", "file/data"], &["file/data", "--data-dir"]),
        (&[free[0], free[1], "--data-dir", "foreign"], &["foreign/reprise.db", "not a SQLite database"]),
        (&["--config", "none.toml"], &["none.toml", "--config"]),
        (&["--config", "bad.toml"], &["`lisen`", "bad.toml", "listen"]),
        (&["--set", "limits.fuel=0"], &["`limits.fuel`", "at least 1"]),
        (&["--log", "x=y=z", "--store", "memory"], &["`log`", "info"]),
        (&[free[0], free[1], "--store", "memory", "--participant", "bank=ftp://x"], &["`bank`", "ftp"]),
        (&["--participant", "bank"], &["NAME=URL"]),
    ] {
        let text = refused(dir.path(), arguments);
        for part in texts {
            assert!(text.contains(part), "{arguments:?}: {part} is not in: {text}");
        }
    }
}

#[test]
fn an_unknown_variable_is_an_error() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = command(dir.path(), &["--store", "memory"]).env("REPRISE__LISTN", "x").output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("`listn`") && text.contains("environment"), "{text}");
}
