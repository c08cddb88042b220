//! What has to be true when all is over.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, Result, ensure};
use reprise_tests::{client, until};
use serde_json::Value;

use crate::cluster::{Arrival, Cluster, MONEY};
use crate::load::Ended;

/// Checks everything; `ended`: all transfers that were begun.
pub(crate) async fn check(cluster: &Cluster, ended: &[Ended]) -> Result<()> {
    all_are_finished(cluster).await?;
    let moved: i64 = ended.iter().map(|ended| ended.amount).sum();
    let accounts = cluster.bank.accounts().await?;
    let want = [("alice".to_owned(), (MONEY - moved, 0)), ("bob".to_owned(), (moved, 0))];
    ensure!(accounts == want.into(), "{moved} should have moved: {accounts:?}");
    every_effect_is_single(cluster, ended).await?;
    nothing_recorded_was_sent_again(cluster, ended).await
}

async fn all_are_finished(cluster: &Cluster) -> Result<()> {
    let runtime = &cluster.nodes.last().context("a node")?.runtime;
    // The end of an execution is told before its row says so.
    until("all executions to be finished", async || {
        for activity in ["active", "parked", "quarantined"] {
            let page = runtime.get(&format!("/v1/executions?activity={activity}&limit=3")).await?;
            let executions = page["executions"].as_array().context("executions")?;
            ensure!(activity != "quarantined" || executions.is_empty(), "{page:#}");
            if !executions.is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    })
    .await
}

async fn every_effect_is_single(cluster: &Cluster, ended: &[Ended]) -> Result<()> {
    let url = format!("{}/effects", cluster.bank.http);
    let effects: Vec<Value> = client().get(url).send().await?.error_for_status()?.json().await?;
    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
    for effect in &effects {
        ensure!(effect["count"] == 1, "{effect}");
        *of.entry(effect["gid"].as_str().context("a gid")?).or_default() += 1;
    }
    for Ended { gid, .. } in ended {
        // A saga has two actions, a TCC two tries and two confirmations.
        ensure!(matches!(of.remove(gid.as_str()), Some(2 | 4)), "{gid} has other effects");
    }
    ensure!(of.is_empty(), "effects of nobody: {of:?}");
    Ok(())
}

/// A request may come again as long as its result is not recorded, and not after that.
async fn nothing_recorded_was_sent_again(cluster: &Cluster, ended: &[Ended]) -> Result<()> {
    let runtime = &cluster.nodes.last().context("a node")?.runtime;
    let mut arrivals: HashMap<(String, String, String), Vec<Arrival>> = HashMap::new();
    for arrival in cluster.arrivals() {
        let what = &arrival.what;
        let key = (what.gid.clone(), what.branch_id.clone(), what.op.clone());
        arrivals.entry(key).or_default().push(arrival);
    }
    let repeats: usize = arrivals.values().map(|same| same.len() - 1).sum();
    let mut wrong = Vec::new();
    for Ended { gid, .. } in ended {
        let status = runtime.execution(gid, None).await?;
        for (branch, op, completed_ms) in completed(&status)? {
            let same = arrivals.get(&(gid.clone(), branch, op)).context("a result without a request")?;
            wrong.extend(
                same.iter()
                    .filter(|arrival| arrival.at_ms > completed_ms)
                    .map(|late| format!("recorded at {completed_ms}, sent again: {late:?}")),
            );
        }
    }
    ensure!(wrong.is_empty(), "{} recorded calls were sent again:\n{}", wrong.len(), wrong.join("\n"));
    println!("{repeats} calls without a recorded result were sent again");
    Ok(())
}

/// Branch, op and time of everything that was called and recorded.
fn completed(status: &Value) -> Result<Vec<(String, String, i64)>> {
    let mut all = Vec::new();
    for branch in status["branches"].as_array().context("branches")? {
        for op in branch["ops"].as_array().context("ops")? {
            if let (Some(at), Some(1..)) = (op["completed_at"].as_str(), op["attempts"].as_u64()) {
                let text = |value: &Value| value.as_str().map(str::to_owned).context("text");
                let at: jiff::Timestamp = at.parse()?;
                all.push((text(&branch["id"])?, text(&op["op"])?, at.as_millisecond()));
            }
        }
    }
    Ok(all)
}
