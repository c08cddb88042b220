//! Where a case is played: its banks, their books, and runtimes one after the other.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{Bank, Books, Runtime, RuntimeOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::cases::{Beginner, Case, LocalTransaction};
use crate::sender;

/// What must be the same whether or not there was a crash.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    phase: Value,
    output: Value,
    failure: Value,
    effects: BTreeMap<(String, String), u64>,
    accounts: Vec<BTreeMap<String, (i64, i64)>>,
}

/// A case on its stage.
pub(crate) struct Scene<'a> {
    pub(crate) case: &'a Case,
    pub(crate) dir: TempDir,
    branches: Vec<(Books, String, Bank)>,
}

impl<'a> Scene<'a> {
    /// Starts the banks.
    pub(crate) async fn open(case: &'a Case) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut branches = Vec::new();
        for (books, name) in case.books.iter().zip(["first", "second"]) {
            let dir = dir.path().join(name);
            std::fs::create_dir(&dir)?;
            let database = books.create(&dir, name).await;
            let bank = Bank::start_on(&dir, &database, &[])?;
            branches.push((*books, database, bank));
        }
        Ok(Self { case, dir, branches })
    }

    /// The participant.
    pub(crate) fn bank(&self) -> Result<&Bank> {
        self.branches.last().map(|(_, _, bank)| bank).context("each case has a bank")
    }

    /// Starts a runtime with these variables in its environment.
    pub(crate) fn runtime(&self, env: &[(&str, &str)]) -> Result<Runtime> {
        let (first, last) = (self.branches.first(), self.branches.last());
        let databases = [("bank-a", first), ("bank-b", last), ("bank", last)].into_iter();
        let databases = databases.filter_map(|(name, branch)| Some(format!("databases.{name}.url={}", branch?.1)));
        let databases: Vec<String> = databases.collect();
        let settings = databases.iter().map(String::as_str).chain(self.case.settings.iter().copied());
        let options = RuntimeOptions {
            features: vec!["crash-points"],
            env: env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            ..RuntimeOptions::set(&settings.collect::<Vec<_>>())
        };
        Runtime::start(self.dir.path(), self.bank()?, &options)
    }

    /// Makes everything ready for the execution `gid`: each has the same money and the same faults.
    pub(crate) async fn prepare(&self, gid: &str) -> Result<()> {
        for (_, _, bank) in &self.branches {
            for (account, balance) in self.case.accounts {
                bank.set_account(account, *balance).await?;
            }
        }
        let bank = self.bank()?;
        bank.clear_faults().await?;
        if let Some(fault) = &self.case.fault {
            let mut fault = fault.clone();
            fault["gid"] = gid.into();
            bank.fault(fault).await?;
        }
        Ok(())
    }

    /// Begins an execution, and waits for its end if that is how it is begun. Safe to repeat.
    pub(crate) async fn begin(&self, runtime: &Runtime, gid: &str) -> Result<()> {
        let (case, bank) = (self.case, self.bank()?);
        let input = case.input(gid, &bank.http);
        match case.begun_by {
            Beginner::Client => runtime.trigger(gid, case.workflow, &input, Some("30s")).await.map(drop),
            Beginner::Bank => sender::send(bank, &runtime.url, gid, case.workflow, &input).await,
            Beginner::LostSender(local) => {
                if local == LocalTransaction::Committed {
                    sender::commit_only(bank, gid, case.workflow, &input).await?;
                }
                let query = format!("workflow={}&prepare=bank/query-prepared&check_after=20ms", case.workflow);
                let (status, answer) = runtime.post(&format!("/v1/executions/{gid}?{query}"), &input).await?;
                ensure!([200, 202].contains(&status), "{status}: {answer}");
                Ok(())
            }
        }
    }

    /// Begins an execution and waits until it is closed.
    pub(crate) async fn play(&self, runtime: &Runtime, gid: &str) -> Result<End> {
        self.begin(runtime, gid).await?;
        let status = runtime.execution(gid, Some("30s")).await?;
        let value = |name: &str| status[name].clone();
        let mut effects = BTreeMap::new();
        for (_, _, bank) in &self.branches {
            effects.append(&mut bank.effects(gid).await?);
        }
        let accounts = self.accounts().await?;
        Ok(End { phase: value("phase"), output: value("output"), failure: value("failure"), effects, accounts })
    }

    /// Balance and frozen amount of every account, by bank.
    pub(crate) async fn accounts(&self) -> Result<Vec<BTreeMap<String, (i64, i64)>>> {
        let mut accounts = Vec::new();
        for (_, _, bank) in &self.branches {
            accounts.push(bank.accounts().await?);
        }
        Ok(accounts)
    }

    /// Checks that no database keeps anything locked or prepared.
    pub(crate) async fn all_is_free(&self) -> Result<()> {
        for (books, database, _) in &self.branches {
            books.are_free(database, &self.case.gids()).await?;
        }
        Ok(())
    }

    /// The last words of the runtimes, newest first.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("reprise.log")).unwrap_or_default();
        log.lines().rev().take(15).collect::<Vec<_>>().join("\n")
    }
}

impl End {
    /// Checks that a run without a crash is what the case says: no money made, lost or frozen, and each effect once.
    pub(crate) fn is_sound(&self, case: &Case) -> Result<()> {
        ensure!(self.phase == case.phase, "{self:?}");
        ensure!(self.effects.values().all(|count| *count == 1), "{self:?}");
        let opened: i64 = case.accounts.iter().map(|(_, balance)| balance).sum();
        let opened = opened * i64::try_from(self.accounts.len())?;
        let money = || self.accounts.iter().flat_map(BTreeMap::values);
        ensure!(money().map(|(balance, _)| balance).sum::<i64>() == opened, "{opened} were there: {self:?}");
        ensure!(money().all(|(_, frozen)| *frozen == 0), "{self:?}");
        Ok(())
    }
}
