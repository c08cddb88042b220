//! Who asks for transfers: again and again with the same gid, until the end of each is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reprise_tests::client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::plan::Plan;

/// How long one transfer may take, outages included; a lock that nobody frees takes longer.
const LONGEST: Duration = Duration::from_secs(90);

/// After a refused connection: the runtime that is up again may be at the same address.
const PAUSE: Duration = Duration::from_millis(100);

/// A transfer and how it ended.
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) status: Value,
}

/// Clients at work, each with one transfer at a time.
pub(crate) struct Clients {
    tasks: JoinSet<Result<Vec<Outcome>>>,
    ends: Arc<AtomicBool>,
}

impl Clients {
    /// Starts them; `runtime`: its address, which changes when it is started again.
    pub(crate) fn start(seed: u64, count: usize, runtime: watch::Receiver<String>) -> Self {
        let (next, ends) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let (next, ends, mut runtime) = (Arc::clone(&next), Arc::clone(&ends), runtime.clone());
            tasks.spawn(async move {
                let client = client();
                let mut outcomes = Vec::new();
                while !ends.load(Ordering::Relaxed) {
                    let plan = Plan::draw(seed, next.fetch_add(1, Ordering::Relaxed));
                    let status = tokio::time::timeout(LONGEST, carry_out(&client, &mut runtime, &plan));
                    let status = status.await.with_context(|| format!("{plan:?} does not end"))??;
                    outcomes.push(Outcome { plan, status });
                }
                Ok(outcomes)
            });
        }
        Self { tasks, ends }
    }

    /// Begins no more transfers and waits for the ends of those under way: all of them.
    ///
    /// # Errors
    /// A transfer was not taken or does not end.
    pub(crate) async fn finish(mut self) -> Result<Vec<Outcome>> {
        self.ends.store(true, Ordering::Relaxed);
        let mut outcomes = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            outcomes.extend(done.context("a client panicked")??);
        }
        Ok(outcomes)
    }
}

/// Triggers until there is an end; how the execution stands then.
async fn carry_out(client: &reqwest::Client, runtime: &mut watch::Receiver<String>, plan: &Plan) -> Result<Value> {
    loop {
        let url = runtime.borrow_and_update().clone();
        let place = format!("{url}/v1/executions/{}?workflow=transfers&wait=10s", plan.gid);
        let answer = async {
            let response = client.post(place).json(plan).send().await?;
            Ok::<_, reqwest::Error>((response.status(), response.text().await?))
        };
        match answer.await {
            Ok((status, text)) if status.is_success() => {
                let answer: Value = serde_json::from_str(&text).with_context(|| format!("no JSON: {text:?}"))?;
                if answer["phase"] == "succeeded" || answer["phase"] == "failed" {
                    return Ok(answer);
                }
            }
            Ok((status, text)) => ensure!(status.is_server_error(), "{} was refused: {status}: {text}", plan.gid),
            Err(_) => {
                // It is down, or about to be: wait for news of it.
                let _ = tokio::time::timeout(PAUSE, runtime.changed()).await;
            }
        }
    }
}
