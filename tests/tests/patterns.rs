//! The same transfer in each of the patterns of `examples/`: real runtime, real banks, real databases.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Bank, Books, Runtime, RuntimeOptions};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use Books::{MariaDb, Postgres, Redis, Sqlite};

/// A bank at work on its books. The runtime works on them as well, but for those in Redis.
struct Branch {
    books: Books,
    database: String,
    bank: Bank,
    /// Balances as they have to be; nothing may be frozen.
    want: BTreeMap<&'static str, i64>,
}

/// Banks and a runtime that knows one pattern.
struct World {
    _dir: TempDir,
    branches: Vec<Branch>,
    runtime: Runtime,
    pattern: &'static str,
}

/// How an execution ends.
enum End {
    Succeeds(Value),
    /// Failure message.
    Fails(&'static str),
}

use End::{Fails, Succeeds};

impl World {
    /// A bank on each of `books`: the first is the database `bank-a`, the last is the database `bank-b` and the participant
    /// `bank`.
    async fn open(pattern: &'static str, books: &[Books]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut branches = Vec::new();
        let mut settings = Vec::new();
        for (number, books) in books.iter().enumerate() {
            let place = dir.path().join(format!("bank-{number}"));
            std::fs::create_dir(&place)?;
            let database = books.create(&place, "books").await;
            let bank = Bank::start_on(&place, &database, &[])?;
            branches.push(Branch { books: *books, database, bank, want: BTreeMap::new() });
        }
        for (name, branch) in [("bank-a", branches.first()), ("bank-b", branches.last())] {
            let branch = branch.context("a pattern has a bank")?;
            if branch.books != Redis {
                settings.push(format!("databases.{name}.url={}", branch.database));
            }
        }
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let bank = &branches.last().context("a pattern has a bank")?.bank;
        let runtime = Runtime::start(dir.path(), bank, &RuntimeOptions::set(&settings))?;
        runtime.deploy(pattern).await?;
        Ok(Self { _dir: dir, branches, runtime, pattern })
    }

    fn dialect(&self, branch: usize) -> &'static str {
        self.branches[branch].books.dialect()
    }

    /// Opens an account, or sets it.
    async fn account(&mut self, branch: usize, account: &'static str, balance: i64) -> Result<()> {
        let branch = &mut self.branches[branch];
        branch.want.insert(account, balance);
        branch.bank.set_account(account, balance).await
    }

    /// Moves money between accounts as they have to be.
    fn moves(&mut self, moves: &[(usize, &'static str, i64)]) {
        for (branch, account, amount) in moves {
            *self.branches[*branch].want.entry(account).or_default() += amount;
        }
    }

    /// Unlike those of any other world that shares a server with this one.
    fn gid(&self, name: &str) -> String {
        let books: Vec<&str> = self.branches.iter().map(|branch| branch.books.dialect()).collect();
        format!("{}-{}-{name}", self.pattern, books.join("-"))
    }

    /// Triggers an execution twice: how it ends is the same both times, and has moved what `moves` says and nothing else.
    async fn check(&mut self, name: &str, input: Value, end: End, moves: &[(usize, &'static str, i64)]) -> Result<()> {
        let gid = self.gid(name);
        let status = self.runtime.trigger(&gid, self.pattern, &input, Some("30s")).await?;
        match end {
            Succeeds(output) => {
                ensure!(status["phase"] == "succeeded" && status["output"] == output, "{name}: {status:#}");
            }
            Fails(why) => {
                let message = status["failure"]["message"].as_str().unwrap_or_default();
                ensure!(status["phase"] == "failed" && message.contains(why), "{name}: {status:#}");
            }
        }
        self.moves(moves);
        self.all_is_right().await.with_context(|| format!("{name}: {status:#}"))?;
        let entries = self.journal(&gid).await?;
        let again = self.runtime.trigger(&gid, self.pattern, &input, Some("30s")).await?;
        for field in ["phase", "output", "failure"] {
            ensure!(again[field] == status[field], "{name}, triggered again: {again:#}, before: {status:#}");
        }
        ensure!(self.journal(&gid).await? == entries, "{name}, triggered again, did something");
        self.all_is_right().await.with_context(|| format!("{name}, triggered again"))
    }

    async fn journal(&self, gid: &str) -> Result<Value> {
        self.runtime.finished(gid).await?;
        self.runtime.get(&format!("/v1/executions/{gid}/journal")).await
    }

    /// Everybody has what they should have, and nothing is frozen, prepared or locked.
    async fn all_is_right(&self) -> Result<()> {
        for Branch { books, database, bank, want } in &self.branches {
            let accounts = bank.accounts().await?;
            let want = want.iter().map(|(account, balance)| ((*account).to_owned(), (*balance, 0)));
            let want: BTreeMap<String, (i64, i64)> = want.collect();
            ensure!(accounts == want, "the bank on {books:?} has {accounts:?}, it should have {want:?}");
            books.are_free(database, &self.gid("")).await?;
        }
        Ok(())
    }
}

/// Both accounts are at the participant `bank`.
fn at_bank(from: &str, to: &str, amount: i64) -> Value {
    json!({ "from": from, "to": to, "amount": amount })
}

#[rstest]
#[tokio::test]
async fn a_saga_moves_money(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) -> Result<()> {
    let mut world = World::open("transfer-saga", &[books]).await?;
    world.account(0, "alice", 100).await?;
    world.account(0, "bob", 0).await?;
    let receipt = json!({ "from_balance": 70, "to_balance": 30 });
    world.check("moves", at_bank("alice", "bob", 30), Succeeds(receipt), &[(0, "alice", -30), (0, "bob", 30)]).await?;
    world.check("too-much", at_bank("alice", "bob", 71), Fails("too little money"), &[]).await?;
    world.check("from-nobody", at_bank("nobody", "bob", 1), Fails("no account `nobody`"), &[]).await?;
    world.check("to-nobody", at_bank("alice", "nobody", 1), Fails("no account `nobody`"), &[]).await
}

#[rstest]
#[tokio::test]
async fn a_tcc_moves_money(#[values(Sqlite, Postgres, MariaDb, Redis)] books: Books) -> Result<()> {
    let mut world = World::open("transfer-tcc", &[books]).await?;
    world.account(0, "alice", 100).await?;
    world.account(0, "bob", 0).await?;
    // What the tries see: the money moves when they are confirmed.
    let receipt = json!({ "from_balance": 100, "to_balance": 0 });
    world.check("moves", at_bank("alice", "bob", 30), Succeeds(receipt), &[(0, "alice", -30), (0, "bob", 30)]).await?;
    world.check("too-much", at_bank("alice", "bob", 71), Fails("too little money"), &[]).await?;
    world.check("from-nobody", at_bank("nobody", "bob", 1), Fails("no account `nobody`"), &[]).await?;
    world.check("to-nobody", at_bank("alice", "nobody", 1), Fails("no account `nobody`"), &[]).await
}

/// From an account in `bank-a` to one in `bank-b`.
fn between(world: &World, from: &str, to: &str, amount: i64) -> Value {
    json!({
        "from": { "account": from, "dialect": world.dialect(0) },
        "to": { "account": to, "dialect": world.dialect(1) },
        "amount": amount,
    })
}

/// XA and SQL look the same from outside.
async fn moves_money_between_databases(pattern: &'static str, books: [Books; 2]) -> Result<()> {
    let mut world = World::open(pattern, &books).await?;
    world.account(0, "alice", 100).await?;
    world.account(1, "bob", 0).await?;
    let receipt = json!({ "from_balance": 70, "to_balance": 30 });
    let moved = [(0, "alice", -30), (1, "bob", 30)];
    world.check("moves", between(&world, "alice", "bob", 30), Succeeds(receipt), &moved).await?;
    world.check("too-much", between(&world, "alice", "bob", 71), Fails("affected"), &[]).await?;
    world.check("from-nobody", between(&world, "nobody", "bob", 1), Fails("affected"), &[]).await?;
    world.check("to-nobody", between(&world, "alice", "nobody", 1), Fails("affected"), &[]).await
}

#[rstest]
#[case::from_postgres_to_mariadb([Postgres, MariaDb])]
#[case::from_mariadb_to_postgres([MariaDb, Postgres])]
#[case::within_one_postgres_server([Postgres, Postgres])]
#[case::within_one_mariadb_server([MariaDb, MariaDb])]
#[tokio::test]
async fn xa_moves_money(#[case] books: [Books; 2]) -> Result<()> {
    moves_money_between_databases("transfer-xa", books).await
}

#[rstest]
#[case::from_postgres_to_sqlite([Postgres, Sqlite])]
#[case::from_sqlite_to_mariadb([Sqlite, MariaDb])]
#[case::from_mariadb_to_postgres([MariaDb, Postgres])]
#[tokio::test]
async fn sql_moves_money(#[case] books: [Books; 2]) -> Result<()> {
    moves_money_between_databases("transfer-sql", books).await
}

#[rstest]
#[case::fees_in_postgres([Postgres, Redis])]
#[case::fees_in_mariadb([MariaDb, Sqlite])]
#[case::fees_in_sqlite([Sqlite, Postgres])]
#[tokio::test]
async fn a_mixed_transfer_moves_money(#[case] books: [Books; 2]) -> Result<()> {
    let mut world = World::open("transfer-mixed", &books).await?;
    world.account(1, "alice", 100).await?;
    world.account(1, "bob", 0).await?;
    let dialect = world.dialect(0);
    let input = |from, to, amount| json!({ "from": from, "to": to, "amount": amount, "fee": 1, "dialect": dialect });
    // There is no account `fees` yet.
    world.check("last-refused", input("alice", "bob", 30), Fails("affected"), &[]).await?;
    world.account(0, "fees", 0).await?;
    let moved = [(1, "alice", -30), (1, "bob", 29), (0, "fees", 1)];
    world.check("moves", input("alice", "bob", 30), Succeeds(json!({ "to_balance": 29 })), &moved).await?;
    world.check("too-much", input("alice", "bob", 71), Fails("too little money"), &[]).await?;
    world.check("from-nobody", input("nobody", "bob", 5), Fails("no account `nobody`"), &[]).await?;
    world.check("to-nobody", input("alice", "nobody", 5), Fails("no account `nobody`"), &[]).await
}

#[rstest]
#[case::from_postgres_to_redis([Postgres, Redis])]
#[case::from_mariadb_to_sqlite([MariaDb, Sqlite])]
#[case::from_sqlite_to_mariadb([Sqlite, MariaDb])]
#[tokio::test]
async fn a_message_moves_money(#[case] books: [Books; 2]) -> Result<()> {
    let mut world = World::open("transfer-message", &books).await?;
    world.account(0, "alice", 100).await?;
    world.account(1, "bob", 0).await?;
    let dialect = world.dialect(0);
    let input = |from, to, amount| json!({ "from": from, "to": to, "amount": amount, "dialect": dialect });
    let moved = [(0, "alice", -30), (1, "bob", 30)];
    world.check("moves", input("alice", "bob", 30), Succeeds(json!({ "to_balance": 30 })), &moved).await?;
    world.check("too-much", input("alice", "bob", 71), Fails("affected"), &[]).await?;
    world.check("from-nobody", input("nobody", "bob", 1), Fails("affected"), &[]).await?;

    // What has left is not taken back: it is sent until the bank takes it, which has no such account at first. A refusal
    // that it kept would be its last word.
    let (gid, late) = (world.gid("late"), input("alice", "carol", 20));
    world.runtime.trigger(&gid, world.pattern, &late, None).await?;
    // The third comes when the second has its answer.
    world.branches[1].bank.asked(&gid, "/transfer-in", 3).await?;
    let log = world.branches[1].bank.log_of(&gid).await?;
    ensure!(log[..2] == ["/transfer-in refused", "/transfer-in refused"], "{log:?}");
    world.account(1, "carol", 0).await?;
    world.check("late", late, Succeeds(json!({ "to_balance": 20 })), &[(0, "alice", -20), (1, "carol", 20)]).await?;
    Ok(())
}
