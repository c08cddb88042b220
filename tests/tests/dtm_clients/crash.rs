//! The crash matrix of DTM's transactions: killed at every point, each ends as if nothing had happened, nothing that was
//! recorded is sent again, and nothing is sent that is not durable.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use reprise_engine::{EntryRecord, ExecutionView, Op, OpState, Phase, TransType};
use reprise_tests::{Bank, Request, Runtime, RuntimeOptions, client, journal, until};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::script::Ends::{Undone, Well};
use crate::script::Script::{self, LostMessage, Message, Saga, Tcc, Workflow, Xa};

/// What must be the same whether or not there was a crash.
#[derive(Debug, PartialEq)]
struct End {
    transaction: BTreeMap<&'static str, Value>,
    branches: Vec<[Value; 3]>,
    effects: BTreeMap<(String, String), u64>,
}

struct Scene {
    script: Script,
    dir: TempDir,
    bank: Bank,
}

#[rstest]
#[case::sagas(&[Saga(Well), Saga(Undone)])]
#[case::messages(&[Message, LostMessage])]
#[case::tcc(&[Tcc(Well), Tcc(Undone)])]
#[case::xa(&[Xa(Well), Xa(Undone)])]
#[case::workflows(&[Workflow(Well), Workflow(Undone)])]
#[tokio::test]
async fn every_crash_ends_as_if_there_was_none(#[case] scripts: &[Script]) -> Result<()> {
    for script in scripts {
        let crashes = everywhere(*script).await.with_context(|| format!("{script:?}"))?;
        println!("{script:?}: {crashes} crashes");
    }
    Ok(())
}

/// Kills the runtime at every point; how often it was killed.
async fn everywhere(script: Script) -> Result<usize> {
    let dir = tempfile::tempdir()?;
    let bank = Bank::start(dir.path(), &[("alice", 10_000), ("bob", 10_000)])?;
    let scene = Scene { script, dir, bank };
    let (want, points) = scene.reference().await?;
    ensure!(points >= 4, "a transaction passes more than {points} points");
    let mut crashes = 0;
    for point in 1..=points {
        let crashed = scene.crash_at(point, &want).await;
        crashes +=
            usize::from(crashed.with_context(|| format!("at point {point}; log, newest first:\n{}", scene.log()))?);
    }
    // A slow machine needs more attempts in one run than in another.
    ensure!(crashes + 2 + points / 10 >= points, "only {crashes} of {points} points were reached");
    Ok(crashes)
}

impl Scene {
    fn runtime(&self, variable: (&str, &str)) -> Result<(Runtime, String)> {
        let env = vec![(variable.0.to_owned(), variable.1.to_owned())];
        super::runtime(
            self.dir.path(),
            RuntimeOptions { features: vec!["crash-points"], env, ..RuntimeOptions::default() },
        )
    }

    async fn prepare(&self, gid: &str) -> Result<()> {
        if self.script.is_refused() {
            self.bank.fault(json!({ "path": "/transfer-in", "kind": "fail", "gid": gid })).await?;
        }
        Ok(())
    }

    /// How it ends without a crash, and how many points it passes.
    async fn reference(&self) -> Result<(End, usize)> {
        let trace = self.dir.path().join("trace");
        let (mut runtime, dtm) = self.runtime(("REPRISE_CRASH_TRACE", &trace.to_string_lossy()))?;
        self.prepare("reference").await?;
        self.script.play(&dtm, &self.bank, "reference").await?;
        let end = self.end(&dtm, "reference").await?;
        ensure!(end.effects.values().all(|count| *count == 1), "{end:?}");
        runtime.process.terminate()?;
        Ok((end, std::fs::read_to_string(&trace)?.lines().count()))
    }

    /// Kills the runtime at its `point`-th point and lets another one finish. True if the point was reached.
    async fn crash_at(&self, point: usize, want: &End) -> Result<bool> {
        let gid = format!("crash-{point}");
        self.prepare(&gid).await?;
        let (mut first, dtm) = self.runtime(("REPRISE_CRASH_AT", &point.to_string()))?;
        // What the client is told is lost with the process, unless the point is past it.
        let told = async {
            self.script.play(&dtm, &self.bank, &gid).await?;
            self.end(&dtm, &gid).await
        };
        let crashed = told.await.is_err();
        first.process.kill()?;
        let store = first.store_file();
        drop(first);

        let before = journal(&store, &gid).await?;
        let (recorded, allowed) = (self.ops(&before, has_ended)?, self.ops_that_may_be_sent(&before)?);
        let seen = self.bank.requests().await?;
        let too_early: BTreeSet<_> = self.sent(&gid, &seen).filter(|op| !allowed.contains(op)).collect();
        ensure!(too_early.is_empty(), "sent before it was durable: {too_early:?}");

        let (second, dtm) = self.runtime(("REPRISE_CRASH_AT", "0"))?;
        self.script.play(&dtm, &self.bank, &gid).await?;
        let got = self.end(&dtm, &gid).await?;
        ensure!(got == *want, "got {got:?}, want {want:?}");
        drop(second);

        let after = journal(&store, &gid).await?;
        ensure!(after.starts_with(&before), "the journal before the crash has changed");
        let again: BTreeSet<_> = {
            let requests = self.bank.requests().await?.split_off(seen.len());
            self.sent(&gid, &requests).filter(|op| recorded.contains(op)).collect()
        };
        ensure!(again.is_empty(), "recorded and sent again: {again:?}");
        Ok(crashed)
    }

    /// Waits for the end.
    async fn end(&self, dtm: &str, gid: &str) -> Result<End> {
        let url = format!("{dtm}/query?gid={gid}");
        let shown = until(&format!("{gid} to be {}", self.script.status()), async || {
            let shown: Value = client().get(&url).send().await?.json().await?;
            Ok((shown["transaction"]["status"] == self.script.status()).then_some(shown))
        })
        .await?;
        let member = |name| (name, shown["transaction"][name].clone());
        let branches = shown["branches"].as_array().context("a list")?.iter();
        let effects = self.bank.effects(gid).await?;
        Ok(End {
            transaction: ["trans_type", "status", "rollback_reason", "result"].map(member).into(),
            branches: branches.map(|b| ["branch_id", "op", "status"].map(|name| b[name].clone())).collect(),
            effects,
        })
    }

    /// What the runtime has asked the bank for; a try and the calls of a workflow are its client's.
    fn sent<'a>(&'a self, gid: &'a str, requests: &'a [Request]) -> impl Iterator<Item = (String, String)> + 'a {
        let own = requests.iter().filter(move |request| request.gid.as_deref() == Some(gid));
        own.filter_map(|request| Some((request.branch_id.clone()?, request.op.clone()?)))
            .filter(|(branch, op)| branch != "00" && op != "try" && self.script.kind() != "workflow")
    }

    /// Branch and op, as participants know them, of what a journal says of it.
    fn ops(&self, journal: &[EntryRecord], wanted: impl Fn(OpState) -> bool) -> Result<BTreeSet<(String, String)>> {
        self.ops_where(journal, |_, op, state| op != Op::Finish && wanted(state))
    }

    fn ops_that_may_be_sent(&self, journal: &[EntryRecord]) -> Result<BTreeSet<(String, String)>> {
        self.ops_where(journal, |phase, op, _| match op {
            Op::Action => true,
            Op::Commit => matches!(phase, Phase::Committing | Phase::Succeeded),
            Op::Rollback => matches!(phase, Phase::RollingBack | Phase::Failed),
            Op::Finish | Op::Msg => false,
        })
    }

    fn ops_where(
        &self,
        journal: &[EntryRecord],
        wanted: impl Fn(Phase, Op, OpState) -> bool,
    ) -> Result<BTreeSet<(String, String)>> {
        if journal.is_empty() {
            return Ok(BTreeSet::new());
        }
        let kinds = [TransType::Saga, TransType::Msg, TransType::Tcc, TransType::Xa, TransType::Workflow];
        let kind = kinds.into_iter().find(|kind| kind.name() == self.script.kind()).context("a kind")?;
        let view = ExecutionView::fold(journal)?;
        let phase = view.phase;
        let ops = view.branches.iter().flat_map(|branch| branch.ops.iter().map(move |op| (branch, op)));
        let named = ops.filter(|(_, op)| wanted(phase, op.op, op.state)).map(|(branch, op)| {
            (branch.name.clone().unwrap_or_else(|| branch.id.clone()), kind.op_name(op.op).to_owned())
        });
        Ok(named.collect())
    }

    /// The last words of the runtimes, newest first.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("reprise.log")).unwrap_or_default();
        log.lines().rev().take(15).collect::<Vec<_>>().join("\n")
    }
}

fn has_ended(state: OpState) -> bool {
    !matches!(state, OpState::Registered | OpState::InFlight | OpState::NotNeeded)
}
