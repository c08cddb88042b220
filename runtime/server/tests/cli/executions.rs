//! Deploying, running and looking at executions.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::{Ended, Server, ended, path};
use crate::project;

fn order(account: &str, quantity: u32) -> String {
    json!({ "item": "chair", "quantity": quantity, "account": account, "amount": 30 }).to_string()
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[test]
fn versions_are_deployed() {
    let server = Server::start();
    let first = server.run(&["deploy", "order", path(project::order())]);
    assert!(first.code == 0 && first.stdout.starts_with("order v1 "), "{first:?}");
    let mut second = server.command(&["deploy", "order", "-", "--output", "json"]);
    let second = ended(second.stdin(std::fs::File::open(project::trapping()).expect("a component")));
    let second = json_of(&second);
    assert_eq!((&second["workflow"], &second["version"]), (&json!("order"), &json!(2)), "{second}");
    assert_eq!(second["digest"].as_str().map(str::len), Some(64), "{second}");
}

#[test]
fn a_success_is_its_output() {
    let server = Server::with_order();
    let input = order("alice", 2);
    let run = server.run(&["run", "order", "--gid", "a", "--input", &input]);
    let want = Ended { code: 0, stdout: "{\"reservation\":\"r-1\",\"balance\":70}\n".into(), stderr: String::new() };
    assert_eq!(run, want);

    let mut again = server.command(&["run", "order", "--gid", "a", "--input-file", "-"]);
    let mut again = again.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child");
    again.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    assert_eq!(Ended::from(again.wait_with_output().expect("it ends")), want);

    let conflict = server.run(&["run", "order", "--gid", "a", "--input", "{}"]);
    assert!(conflict.code == 6 && conflict.stderr.starts_with("error[gid-in-use]: "), "{conflict:?}");

    let shown = server.run(&["show", "a"]);
    assert_eq!(shown.code, 0);
    for part in ["a  succeeded\n", "├─ 01\n", "✔ action", "POST bank/pay", "not needed", "output\n"] {
        assert!(shown.stdout.contains(part), "{part:?} in {}", shown.stdout);
    }
    assert!(!shown.stdout.contains('\u{1b}'), "colour goes to terminals only");
    let watched = server.run(&["show", "a", "--watch", "--output", "json"]);
    assert_eq!((watched.code, &json_of(&watched)["phase"]), (0, &json!("succeeded")));
}

#[test]
fn a_refusal_is_a_failure() {
    let server = Server::with_order();
    let run = server.run(&["run", "order", "--gid", "a", "--input", &order("poor", 1)]);
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    for part in ["error[failed]: `a` failed and was rolled back\n", "too little money", "help: `reprise show a`"] {
        assert!(run.stderr.contains(part), "{part:?} in {}", run.stderr);
    }
    let shown = server.run(&["show", "a", "--color", "always"]);
    for part in ["\u{1b}[31mfailed\u{1b}[0m", "✘ action", "✔ rollback", "failure"] {
        assert!(shown.stdout.contains(part), "{part:?} in {}", shown.stdout);
    }
    let json = server.run(&["run", "order", "--gid", "a", "--input", &order("poor", 1), "--output", "json"]);
    assert_eq!((json.code, &json_of(&json)["phase"]), (3, &json!("failed")));
}

#[test]
fn an_open_execution_shows_what_is_next() {
    let server = Server::with_order();
    let started = server.run(&["run", "order", "--no-wait", "--input", &order("unlucky", 1)]);
    assert_eq!((started.code, started.stderr.as_str()), (0, ""));
    let gid = started.stdout.trim();
    let run = server.run(&["run", "order", "--gid", gid, "--wait", "500ms", "--input", &order("unlucky", 1)]);
    assert_eq!((run.code, run.stdout.as_str()), (4, ""));
    assert!(run.stderr.contains("is still running; it goes on whether anybody waits or not"), "{}", run.stderr);
    let shown = server.run(&["show", gid]);
    for part in ["in flight", "if rolled back", "next\n", "02 action POST bank/pay: attempt ", "last: ", "out of order"]
    {
        assert!(shown.stdout.contains(part), "{part:?} in {}", shown.stdout);
    }
}

/// On a terminal of its own, which util-linux' `script` makes.
#[test]
fn an_upload_is_shown_on_a_terminal() {
    let server = Server::start();
    let deploy = ["deploy", "order", path(project::order())];
    let plain = server.run(&deploy);
    assert_eq!((plain.code, plain.stderr.as_str()), (0, ""));

    let typed = format!("{} {}", env!("CARGO_BIN_EXE_reprise"), deploy.join(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &typed, "/dev/null"]).stdin(Stdio::null());
    let shown = ended(script.env("REPRISE_SERVER", server.url()).env("TERM", "xterm"));
    assert_eq!(shown.code, 0, "{shown:?}");
    for part in ["sending ", " KiB", "compiling ", plain.stdout.trim()] {
        assert!(shown.stdout.contains(part), "{part:?} in {:?}", shown.stdout);
    }
}

#[test]
fn a_trap_is_quarantined() {
    let server = Server::start();
    assert_eq!(server.run(&["deploy", "trap", path(project::trapping())]).code, 0);
    let run = server.run(&["run", "trap", "--gid", "a", "--input", &order("alice", 0)]);
    assert_eq!((run.code, run.stdout.as_str()), (5, ""), "{}", run.stderr);
    assert!(run.stderr.starts_with("error[quarantined]: `a` is quarantined\n"), "{}", run.stderr);
    let shown = server.run(&["show", "a"]);
    for part in [
        "running, quarantined\n",
        "quarantined: ",
        "the quantity is zero",
        "src/lib.rs:",
        "backtrace\n",
        "reprise_guest::entry::run\n",
    ] {
        assert!(shown.stdout.contains(part), "{part:?} in {}", shown.stdout);
    }
    assert_eq!(shown.stdout.matches("the quantity is zero").count(), 1, "{}", shown.stdout);
    let undone = server.run(&["run", "trap", "--on-trap", "rollback", "--input", &order("alice", 0)]);
    assert_eq!(undone.code, 3, "{undone:?}");
}

#[test]
fn lists_have_pages() {
    let server = Server::with_order();
    for gid in ["a", "b", "c"] {
        assert_eq!(server.run(&["run", "order", "--gid", gid, "--input", &order("alice", 1)]).code, 0);
    }
    let gids = |ended: &Ended| -> Vec<String> {
        ended.stdout.lines().skip(1).map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
    };
    let all = server.run(&["ls", "--all", "--limit", "1", "--phase", "succeeded"]);
    assert_eq!((all.code, gids(&all)), (0, vec!["c".into(), "b".into(), "a".into()]), "{all:?}");
    assert!(all.stdout.starts_with("GID  WORKFLOW  PHASE      ACTIVITY  STARTED"), "{}", all.stdout);
    let first = server.run(&["ls", "--limit", "2"]);
    assert_eq!(gids(&first), ["c", "b"]);
    let cursor = first.stderr.trim().rsplit(' ').next().expect("it says how to go on");
    assert_eq!(gids(&server.run(&["ls", "--after", cursor])), ["a"]);
    assert_eq!(gids(&server.run(&["ls", "--workflow", "other"])), [""; 0]);
    let lines = server.run(&["ls", "--activity", "finished", "--output", "json"]);
    let lines: Vec<Value> = lines.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["gid"].clone()).collect::<Vec<_>>(), ["c", "b", "a"]);
}

#[test]
fn a_journal_is_a_line_per_entry() {
    let server = Server::with_order();
    assert_eq!(server.run(&["run", "order", "--gid", "a", "--input", &order("alice", 1)]).code, 0);
    let journal = server.run(&["journal", "a"]);
    let kinds: Vec<&str> = journal.stdout.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    let want = ["started", "op-intended", "op-completed", "op-intended", "op-completed", "returned", "closed"];
    assert_eq!(kinds, want, "{}", journal.stdout);
    assert_eq!(server.run(&["journal", "a", "--follow"]), journal);
    let lines = server.run(&["journal", "a", "--output", "json"]);
    let lines: Vec<Value> = lines.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|line| line["kind"].clone()).collect::<Vec<_>>(), want);
}

#[test]
fn following_ends_with_the_execution() {
    let server = Server::with_order();
    let gid = server.run(&["run", "order", "--gid", "late", "--no-wait", "--input", &order("alice", 1)]);
    assert_eq!((gid.code, gid.stdout.as_str()), (0, "late\n"));
    let followed = server.run(&["journal", "late", "--follow"]);
    assert!(followed.code == 0 && followed.stdout.trim_end().ends_with("B"), "{followed:?}");
    assert_eq!(server.run(&["show", "late", "--watch"]).code, 0);
}

#[test]
fn participants_are_listed_paused_and_resumed() {
    let server = Server::with_order();
    let listed = server.run(&["participants"]);
    let lines: Vec<Vec<&str>> = listed.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(listed.code, 0, "{listed:?}");
    assert_eq!(lines[0][..3], ["NAME", "HOST", "STATE"]);
    let bank = lines.iter().find(|line| line[0] == "bank").expect("configured");
    assert_eq!(bank[2..], ["ok", "0", "0", "0", "0", "0", "0"]);

    let paused = server.run(&["participants", "pause", "bank"]);
    assert!(paused.code == 0 && paused.stdout.contains("paused"), "{paused:?}");
    let started = server.run(&["run", "order", "--no-wait", "--input", &order("alice", 1)]);
    let gid = started.stdout.trim();
    let shown = shown_until(&server, gid, "the participant is paused");
    assert!(shown.contains("02 action POST bank/pay: attempt 1: the participant is paused"), "{shown}");
    let resumed = server.run(&["participants", "resume", "bank", "--output", "json"]);
    assert_eq!((resumed.code, &json_of(&resumed)["paused"]), (0, &json!(false)));
    let watched = server.run(&["show", gid, "--watch", "--output", "json"]);
    assert_eq!(watched.code, 0, "{watched:?}");

    let unknown = server.run(&["participants", "pause", "shop"]);
    assert_eq!((unknown.code, unknown.stdout.as_str()), (6, ""));
    assert!(unknown.stderr.starts_with("error[unknown-participant]: "), "{unknown:?}");
    assert!(unknown.stderr.contains("configured: ") && unknown.stderr.contains("bank"), "{unknown:?}");
}

/// Shows an execution until `text` is part of it; there is no event for what a call waits for.
fn shown_until(server: &Server, gid: &str, text: &str) -> String {
    for _ in 0..200 {
        let shown = server.run(&["show", gid]).stdout;
        if shown.contains(text) {
            return shown;
        }
    }
    panic!("{gid} never shows {text:?}");
}
