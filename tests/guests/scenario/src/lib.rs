//! A workflow that takes the path its input names, for the tests of the whole.
//!
//! Every path moves money from `from` to `to` at the participant `bank`, so that its effects can be counted; what makes
//! it a test happens between the two steps. The features `diverged` and `fixed` make later versions of `Path::Panic`.

use std::hint::black_box;
use std::time::Duration;

use reprise_guest::{Branch, Either, Failure, Options, Participant, Phase, Transaction};
use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Debug, Clone, Deserialize)]
pub struct Input {
    from: String,
    to: String,
    amount: i64,
    /// Which way.
    path: Path,
    /// Options of both branches.
    #[serde(default)]
    options: Settings,
    /// Tell `bank/notify` when all is done.
    #[serde(default)]
    notify: bool,
}

/// What happens between the two steps.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Path {
    /// Nothing.
    Plain,
    /// The first version panics, a later one begins elsewhere, the last one goes on.
    Panic,
    /// A loop that never ends.
    Endless,
    /// Memory, more and more.
    Hog,
    /// Calls without end.
    Chatter,
    /// An output of so many bytes.
    Large(usize),
    /// A pause of so many milliseconds.
    Sleep(u64),
    /// The second step has so many milliseconds, then the workflow gives up.
    Race(u64),
    /// What undoes and confirms is code: one named handler, one closure. True gives up after both steps.
    Handlers(bool),
    /// Between the steps something that can't be undone: the bank is notified. True gives up after it, against the
    /// rules. The second step says nothing of how it is undone.
    Pivot(bool),
    /// The second step alone, without an undo: what is left to do of a message.
    Deliver,
}

/// Options of a branch, as far as tests set them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Settings {
    attempts: Option<u32>,
    /// First pause; all of them, as the factor is 1.
    pause_ms: Option<u64>,
    deadline_ms: Option<u64>,
    timeout_ms: Option<u64>,
    ongoing_ms: Option<u64>,
}

/// What it led to.
#[derive(Debug, Serialize)]
pub struct Output {
    from_balance: i64,
    to_balance: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    padding: String,
}

/// What the bank is asked to do.
#[derive(Debug, Serialize, Deserialize)]
struct Posting {
    account: String,
    amount: i64,
}

#[derive(Deserialize)]
struct Balance {
    balance: i64,
}

#[reprise_guest::workflow(handlers(settle))]
async fn scenario(tx: &Transaction, input: Input) -> Result<Output, Failure> {
    if input.notify {
        tx.on_finish(bank().post("/notify"));
    }
    if let Path::Deliver = input.path {
        let into = open(tx, &input);
        let to: Balance = into.call(bank().post("/transfer-in").json(&posting(&input.to, &input))).await?.json()?;
        return Ok(Output { from_balance: 0, to_balance: to.balance, padding: String::new() });
    }
    if let Path::Handlers(gives_up) = input.path {
        return with_code(tx, &input, gives_up).await;
    }
    let (taken, given) = (posting(&input.from, &input), posting(&input.to, &input));
    if cfg!(feature = "diverged") {
        let into = open(tx, &input).on_rollback(bank().post("/transfer-in/revert").json(&given));
        into.call(bank().post("/transfer-in").json(&given)).await?;
    }
    let out = open(tx, &input).on_rollback(bank().post("/transfer-out/revert").json(&taken));
    let from: Balance = out.call(bank().post("/transfer-out").json(&taken)).await?.json()?;

    let mut padding = String::new();
    let mut patience = None;
    match input.path {
        Path::Plain | Path::Handlers(_) | Path::Deliver => {}
        Path::Pivot(gives_up) => {
            let told = open(tx, &input).options(Options::new().pivot());
            told.call(bank().post("/notify").json(&taken)).await?;
            if gives_up && !cfg!(feature = "fixed") {
                return Err(Failure::new("second thoughts"));
            }
            let into = open(tx, &input);
            let to: Balance = into.call(bank().post("/transfer-in").json(&given)).await?.json()?;
            return Ok(Output { from_balance: from.balance, to_balance: to.balance, padding });
        }
        Path::Panic if cfg!(feature = "fixed") => {}
        Path::Panic => panic!("no price for {}", input.to),
        Path::Endless => while black_box(true) {},
        Path::Hog => hog(),
        Path::Chatter => loop {
            let more = open(tx, &input).on_rollback(bank().post("/transfer-out/revert").json(&taken));
            more.call(bank().post("/transfer-out").json(&taken)).await?;
        },
        Path::Large(bytes) => padding = "x".repeat(bytes),
        Path::Sleep(ms) => tx.sleep(Duration::from_millis(ms)).await,
        Path::Race(ms) => patience = Some(Duration::from_millis(ms)),
    }

    let into = open(tx, &input).on_rollback(bank().post("/transfer-in/revert").json(&given));
    let call = into.call(bank().post("/transfer-in").json(&given));
    let given = match patience {
        None => call.await,
        Some(patience) => match tx.race(call, tx.sleep(patience)).await {
            Either::First(given) => given,
            Either::Second(()) => return Err(Failure::new("out of patience")),
        },
    };
    let to: Balance = given?.json()?;
    Ok(Output { from_balance: from.balance, to_balance: to.balance, padding })
}

/// A TCC whose second phase is code: a handler for the account that pays, closures for the one that is paid.
async fn with_code(tx: &Transaction, input: &Input, gives_up: bool) -> Result<Output, Failure> {
    let (taken, given) = (posting(&input.from, input), posting(&input.to, input));
    let out = open(tx, input).on_commit_handler("settle", &taken).on_rollback_handler("settle", &taken);
    let from: Balance = out.call(bank().post("/transfer-out/try").json(&taken)).await?.json()?;

    let (confirmed, canceled) = (posting(&input.to, input), posting(&input.to, input));
    let into = open(tx, input)
        .on_commit_with(async move |_, branch| {
            branch.call(bank().post("/transfer-in/confirm").json(&confirmed)).await?;
            Ok(())
        })
        .on_rollback_with(async move |_, branch| {
            branch.call(bank().post("/transfer-in/cancel").json(&canceled)).await?;
            Ok(())
        });
    let to: Balance = into.call(bank().post("/transfer-in/try").json(&given)).await?.json()?;
    if gives_up {
        return Err(Failure::new("given up"));
    }
    Ok(Output { from_balance: from.balance, to_balance: to.balance, padding: String::new() })
}

/// The handler: settles what was tried, and tells of it on a branch of its own.
async fn settle(tx: &Transaction, branch: Branch, phase: Phase, taken: Posting) -> Result<(), Failure> {
    let path = match phase {
        Phase::Commit => "/transfer-out/confirm",
        Phase::Rollback => "/transfer-out/cancel",
    };
    branch.call(bank().post(path).json(&taken)).await?;
    tx.branch().call(bank().post("/notify").json(&taken)).await?;
    Ok(())
}

fn bank() -> Participant {
    Participant::named("bank")
}

fn posting(account: &str, input: &Input) -> Posting {
    Posting { account: account.to_owned(), amount: input.amount }
}

/// A branch with the options of the input.
fn open(tx: &Transaction, input: &Input) -> Branch {
    let Settings { attempts, pause_ms, deadline_ms, timeout_ms, ongoing_ms } = input.options;
    let mut options = Options::new();
    if let Some(attempts) = attempts {
        options = options.attempts(attempts);
    }
    if let Some(pause) = pause_ms.map(Duration::from_millis) {
        options = options.backoff(pause, 1.0, pause);
    }
    if let Some(ms) = deadline_ms {
        options = options.deadline(Duration::from_millis(ms));
    }
    if let Some(ms) = timeout_ms {
        options = options.timeout(Duration::from_millis(ms));
    }
    if let Some(ms) = ongoing_ms {
        options = options.ongoing_interval(Duration::from_millis(ms));
    }
    tx.branch().options(options)
}

/// Takes memory until there is none.
fn hog() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while black_box(true) {
        held.push(black_box(vec![1; 1 << 20]));
    }
}
