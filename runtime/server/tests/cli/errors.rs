//! What goes wrong is told on stderr, with what to do, and by the exit code.

use std::net::TcpListener;

use crate::program::{Server, ended, reprise};

#[test]
fn without_a_server_it_says_how_to_start_one() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
    let url = format!("http://{free}");
    let nobody = ended(&mut reprise(&["ls", "--server", &url]));
    assert_eq!((nobody.code, nobody.stdout.as_str()), (1, ""));
    let start = format!("error[unreachable]: no server answers at {url}/: ");
    assert!(nobody.stderr.starts_with(&start), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("help: start one with `reprise serve`"), "{}", nobody.stderr);
}

#[test]
fn wrong_arguments_are_refused_before_a_request() {
    for arguments in [
        &["run", "no/name"][..],
        &["run", "order", "--gid", "a b"],
        &["run", "order", "--input", "{"],
        &["run", "order", "--wait", "soon"],
        &["run", "order", "--wait", "1s", "--no-wait"],
        &["ls", "--phase", "done"],
        &["ls", "--limit", "0"],
        &["ls", "--server", "ftp://x"],
        &["show"],
    ] {
        let refused = ended(&mut reprise(arguments));
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{arguments:?}: {}", refused.stderr);
    }
}

#[test]
fn refusals_of_the_server_are_told() {
    let server = Server::start();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("no.wasm");
    std::fs::write(&file, b"no Wasm").expect("a file");
    let file = file.to_str().expect("UTF-8");
    for (arguments, slug) in [
        (&["run", "nothing"][..], "unknown-workflow"),
        (&["show", "nothing"], "unknown-execution"),
        (&["show", "nothing", "--watch"], "unknown-execution"),
        (&["journal", "nothing"], "unknown-execution"),
        (&["journal", "nothing", "--follow"], "unknown-execution"),
        (&["ls", "--after", "x"], "invalid-query"),
        (&["deploy", "x", file], "invalid-component"),
    ] {
        let refused = server.run(arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (6, ""), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.starts_with(&format!("error[{slug}]: ")), "{arguments:?}: {}", refused.stderr);
    }
    let missing = server.run(&["deploy", "x", "/nowhere.wasm"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.starts_with("error[file]: can't read `/nowhere.wasm`: "), "{}", missing.stderr);
}
