//! Other languages: their journals are the probe's, byte for byte. See `tests/guests/README.md`.

use std::path::PathBuf;
use std::time::Instant;

use reprise_engine::EntryRecord;
use reprise_host::{GuestFailure, Host, Program};

use crate::drive::{Answer, Drive, ok, output, refuse_in, run_and_replay};
use crate::guests::{config, probe};
use crate::http::shop;
use crate::measure::{replay_us, start_us};

async fn journal(program: &Program, input: &str, answer: Answer) -> Vec<EntryRecord> {
    run_and_replay(program, "languages", input, answer).await.journal
}

#[tokio::test]
#[ignore = "needs components built by other toolchains in $REPRISE_GUESTS"]
async fn languages_agree() {
    let folder = PathBuf::from(std::env::var("REPRISE_GUESTS").expect("REPRISE_GUESTS names a folder"));
    let host = Host::new(reprise_host::HostConfig { memory_bytes_max: 256 << 20, ..config() }).expect("it starts");
    let rust = probe(&host).await;
    for (file, sleep, calls) in [("python.wasm", "1251 1251", 2_000), ("javascript.wasm", "1001", 2_000)] {
        let bytes = std::fs::read(folder.join(file)).expect("the guest is built");
        println!("{file}: {} KiB", bytes.len() >> 10);
        let begun = Instant::now();
        let guest = host.prepare(bytes).await.expect("it is a workflow").program;
        println!("  prepare {:?}", begun.elapsed());
        for (input, answer) in [("saga", ok as Answer), ("saga", refuse_in), ("race", ok), ("calls 5", ok)] {
            assert_eq!(journal(&guest, input, answer).await, journal(&rust, input, answer).await, "{file} {input}");
        }
        assert_eq!(output(&run_and_replay(&guest, "sleep", "sleep", ok).await), sleep, "{file}");
        let entropy = output(&run_and_replay(&guest, "entropy", "entropy", ok).await);
        println!("  entropy {entropy}");
        assert_eq!(entropy, output(&run_and_replay(&guest, "entropy", "entropy", ok).await), "{file}");
        let trap = Drive::begin("trap", "panic", ok).run(&guest).await.expect_err("it throws");
        println!("  panic: {trap}");
        assert!(matches!(trap, GuestFailure::Trap { .. }) && trap.to_string().contains("boom"), "{file}: {trap:?}");
        start_us(&guest, 50).await;
        println!("  start + noop + drop {:.0} us", start_us(&guest, 200).await);
        println!("  replay {:.2} us per call", replay_us(&guest, calls).await);
    }
}

#[tokio::test]
#[ignore = "needs components built by other toolchains in $REPRISE_GUESTS"]
async fn ordinary_clients_of_other_languages_are_durable() {
    let folder = PathBuf::from(std::env::var("REPRISE_GUESTS").expect("REPRISE_GUESTS names a folder"));
    let host = Host::new(reprise_host::HostConfig { memory_bytes_max: 256 << 20, ..config() }).expect("it starts");
    for file in ["fetch.wasm", "asyncio.wasm"] {
        let guest = host.prepare(std::fs::read(folder.join(file)).expect("the guest is built")).await;
        let guest = guest.expect("it is a workflow").program;
        let done = run_and_replay(&guest, "client", "get", shop).await;
        assert_eq!(output(&done), "200 open 4 fine", "{file}");
        assert_eq!(done.sent, ["01 action GET http://shop/items"], "{file}");
        let done = run_and_replay(&guest, "client", "scope", shop).await;
        assert_eq!(output(&done), "paid 30|200 open 4 fine|200 open 4 fine", "{file}");
        let sent = [
            "01 action POST http://shop/pay",
            "01-r01 action GET http://shop/receipt",
            "02 action GET http://bank/balance",
        ];
        assert_eq!(done.sent, sent, "{file}");
        let done = run_and_replay(&guest, "client", "race", shop).await;
        assert_eq!(output(&done), "b, a, timer, slow", "{file}");
        println!("{file}: agrees; {} entries", done.journal.len());
    }
}
