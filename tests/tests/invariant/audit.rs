//! What has to be true when all is over, looked up in the databases themselves.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result, ensure};
use reprise_tests::until;
use serde::Deserialize;
use serde_json::Value;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Executor as _};

use crate::clients::Outcome;
use crate::plan::{ACCOUNTS, Books, Direction, Mode, OPENING};
use crate::world::World;

/// What an operation has done, as a bank tells it.
#[derive(Debug, Clone, Deserialize)]
struct Effect {
    gid: String,
    branch_id: String,
    op: String,
    account: String,
    count: u64,
    delta_balance: i64,
    delta_frozen: i64,
}

/// By gid and branch: where, and what.
type Effects = HashMap<(String, String), Vec<(Books, Effect)>>;

/// Checks everything.
pub(crate) async fn check(world: &World, outcomes: &[Outcome]) -> Result<()> {
    all_are_closed(world, outcomes).await?;
    // What was kept or repeated to the very end arrives now, when all is decided.
    for branch in world.branches.values() {
        branch.proxy.release().await?;
    }
    nothing_is_prepared(world).await?;
    nothing_is_locked(world).await?;
    let mut effects = Effects::new();
    let mut total = 0;
    for books in Books::ALL {
        let of_bank = effects_of(world, books).await?;
        total += balances_follow_from(world, books, &of_bank).await?;
        for effect in of_bank {
            effects.entry((effect.gid.clone(), effect.branch_id.clone())).or_default().push((books, effect));
        }
    }
    let mut wrong = Vec::new();
    for outcome in outcomes {
        if let Err(error) = ends_as_it_acted(outcome, &mut effects) {
            wrong.push(format!("{error:#}\n  {:?}\n  {}", outcome.plan, outcome.status));
        }
    }
    ensure!(wrong.is_empty(), "{} executions acted otherwise than they ended:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(effects.is_empty(), "effects of nobody: {:?}", effects.values().next());
    let opened = OPENING * i64::try_from(Books::ALL.len() * ACCOUNTS.len())?;
    ensure!(total == opened, "{opened} were paid in, {total} are there");
    report(outcomes);
    Ok(())
}

async fn all_are_closed(world: &World, outcomes: &[Outcome]) -> Result<()> {
    // The end of an execution is told before its row says so.
    until("all executions to be finished", async || {
        for activity in ["active", "parked", "quarantined"] {
            let page = world.runtime.get(&format!("/v1/executions?activity={activity}&limit=3")).await?;
            let executions = page["executions"].as_array().context("executions")?;
            ensure!(activity != "quarantined" || executions.is_empty(), "{page:#}");
            if !executions.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await?;
    let mut known = HashSet::new();
    let mut after = String::new();
    loop {
        let page = world.runtime.get(&format!("/v1/executions?limit=500{after}")).await?;
        for execution in page["executions"].as_array().context("executions")? {
            let closed = execution["phase"] == "succeeded" || execution["phase"] == "failed";
            ensure!(closed && execution["activity"] == "finished", "{execution:#}");
            known.insert(execution["gid"].as_str().context("a gid")?.to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let triggered: HashSet<String> = outcomes.iter().map(|outcome| outcome.plan.gid.clone()).collect();
    ensure!(triggered == known, "not the same: {:?}", triggered.symmetric_difference(&known).collect::<Vec<_>>());
    Ok(())
}

async fn nothing_is_prepared(world: &World) -> Result<()> {
    let mut postgres = PgConnection::connect(world.database(Books::Postgres)).await?;
    let gids: Vec<String> = sqlx::query_scalar("SELECT gid FROM pg_prepared_xacts").fetch_all(&mut postgres).await?;
    ensure!(gids.is_empty(), "prepared in PostgreSQL: {gids:?}");
    let mut mariadb = MySqlConnection::connect(world.database(Books::MariaDb)).await?;
    let rows = mariadb.fetch_all("XA RECOVER").await?;
    ensure!(rows.is_empty(), "prepared in MariaDB: {rows:?}");
    Ok(())
}

/// Nobody holds a row of an account for longer than an operation takes.
async fn nothing_is_locked(world: &World) -> Result<()> {
    let mut postgres = PgConnection::connect(world.database(Books::Postgres)).await?;
    let mut mariadb = MySqlConnection::connect(world.database(Books::MariaDb)).await?;
    let mut sqlite = SqliteConnection::connect(world.database(Books::Sqlite)).await?;
    let lock = "SELECT account FROM accounts FOR UPDATE NOWAIT";
    let connections = tokio::sync::Mutex::new((&mut postgres, &mut mariadb, &mut sqlite));
    until("no account to be locked", async || {
        let mut connections = connections.lock().await;
        let (postgres, mariadb, sqlite) = &mut *connections;
        let free = postgres.fetch_all(lock).await.is_ok()
            && mariadb.fetch_all(lock).await.is_ok()
            && sqlite.execute("BEGIN IMMEDIATE").await.is_ok()
            && sqlite.execute("ROLLBACK").await.is_ok();
        Ok(free.then_some(()))
    })
    .await
}

async fn effects_of(world: &World, books: Books) -> Result<Vec<Effect>> {
    let url = format!("{}/effects", world.branches[&books].bank.http);
    let effects: Vec<Effect> = reprise_tests::client().get(url).send().await?.error_for_status()?.json().await?;
    let twice = effects.iter().find(|effect| effect.count != 1);
    ensure!(twice.is_none(), "{books:?}: {twice:?}");
    Ok(effects)
}

/// No update is lost and nothing is frozen: the accounts are what they were at first and what was done to them. Gives
/// what is in all of them.
async fn balances_follow_from(world: &World, books: Books, effects: &[Effect]) -> Result<i64> {
    let mut want: BTreeMap<String, (i64, i64)> = ACCOUNTS.map(|account| (account.to_owned(), (OPENING, 0))).into();
    for effect in effects {
        let (balance, frozen) = want.get_mut(&effect.account).with_context(|| format!("{effect:?}"))?;
        *balance += effect.delta_balance;
        *frozen += effect.delta_frozen;
    }
    let accounts = world.branches[&books].bank.accounts().await?;
    ensure!(accounts == want, "{books:?} has {accounts:?}, its effects lead to {want:?}");
    ensure!(accounts.values().all(|(_, frozen)| *frozen == 0), "{books:?}: frozen for ever: {accounts:?}");
    Ok(accounts.values().map(|(balance, _)| balance).sum())
}

/// Checks an execution's effects against its end, and takes them away.
fn ends_as_it_acted(outcome: &Outcome, effects: &mut Effects) -> Result<()> {
    let Outcome { plan, status } = outcome;
    let succeeded = status["phase"] == "succeeded";
    ensure!(!(succeeded && plan.gives_up), "it should have given up");
    if !succeeded && !plan.gives_up && plan.is_patient() {
        was_refused(status)?;
    }
    // Branches are opened in the order of the steps, also if they are called all at once.
    for (step, number) in plan.steps.iter().zip(1..) {
        let done = effects.remove(&(plan.gid.clone(), format!("{number:02}"))).unwrap_or_default();
        let elsewhere = done.iter().find(|(books, effect)| *books != step.bank || effect.account != step.account);
        ensure!(elsewhere.is_none(), "branch {number:02} acted elsewhere: {elsewhere:?}");
        let has = |op: &str| done.iter().any(|(_, effect)| effect.op == op);
        let moved: i64 = done.iter().map(|(_, effect)| effect.delta_balance).sum();
        let frozen: i64 = done.iter().map(|(_, effect)| effect.delta_frozen).sum();
        let want = match step.direction {
            Direction::Out => -step.amount,
            Direction::In => step.amount,
        };
        ensure!(moved == if succeeded { want } else { 0 } && frozen == 0, "branch {number:02}: {done:?}");
        let ops = [has("action"), has("commit"), has("rollback")];
        let right = match (succeeded, step.mode) {
            (true, Mode::Tcc) => ops == [true, true, false],
            (true, Mode::Http | Mode::Grpc | Mode::Sql | Mode::Xa) => ops == [true, false, false],
            (false, Mode::Xa) => ops == [false, false, false],
            (false, Mode::Http | Mode::Grpc | Mode::Sql | Mode::Tcc) => !ops[1] && ops[0] == ops[2],
        };
        ensure!(right, "branch {number:02}, {:?}: {done:?}", step.mode);
    }
    Ok(())
}

/// Without a limit, only a business reason makes a transfer fail.
fn was_refused(status: &Value) -> Result<()> {
    let message = status["failure"]["message"].as_str().unwrap_or_default();
    let refusals = ["too little money", "affected"];
    ensure!(refusals.iter().any(|refusal| message.contains(refusal)), "this is no reason to fail: {message}");
    Ok(())
}

fn report(outcomes: &[Outcome]) {
    let succeeded = outcomes.iter().filter(|outcome| outcome.status["phase"] == "succeeded").count();
    println!("{} transfers, {succeeded} of them succeeded; the other reasons:", outcomes.len());
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.status["phase"] != "succeeded") {
        let message = outcome.status["failure"]["message"].as_str().unwrap_or_default();
        let words: Vec<&str> = message.split(' ').filter(|word| !word.contains(char::is_numeric)).take(12).collect();
        *reasons.entry(words.join(" ")).or_default() += 1;
    }
    for (reason, count) in reasons {
        println!("{count:6} {reason}");
    }
    let of_mode =
        |mode| outcomes.iter().flat_map(|outcome: &Outcome| &outcome.plan.steps).filter(move |step| step.mode == mode);
    let modes = [Mode::Http, Mode::Grpc, Mode::Tcc, Mode::Sql, Mode::Xa];
    println!("branches: {:?}", modes.map(|mode| (mode, of_mode(mode).count())));
}
