//! Clients: they transfer money all the time, through one node after the other, and come back until they know the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use reprise_tests::client;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Clients at one time.
const CLIENTS: usize = 12;
/// How long a client waits for an answer before it asks somebody else.
const PATIENCE: Duration = Duration::from_secs(6);
/// No transfer takes longer, whatever happens.
const LONGEST: Duration = Duration::from_secs(60);
/// Before a client that was refused asks somebody else.
const PAUSE: Duration = Duration::from_millis(50);

/// A transfer that has come to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) gid: String,
    pub(crate) amount: i64,
    took: Duration,
    refusals: usize,
}

impl Ended {
    /// One that nobody waited for; it moved 1.
    pub(crate) const fn alone(gid: String) -> Self {
        Self { gid, amount: 1, took: Duration::ZERO, refusals: 0 }
    }
}

/// The clients.
pub(crate) struct Load {
    clients: JoinSet<Result<Vec<Ended>>>,
    done: watch::Sender<usize>,
    stop: watch::Sender<bool>,
}

/// How an execution stands, as a node tells it.
enum Told {
    Closed(Value),
    /// It is durable, and goes on.
    Open,
    Unknown,
    /// Ask somebody else.
    Refused,
}

impl Load {
    /// Begins transfers at the nodes of `urls`, and more of them when they have ended.
    pub(crate) fn start(urls: &watch::Receiver<Vec<String>>) -> Self {
        let (done, stop) = (watch::Sender::new(0), watch::Sender::new(false));
        let next = Arc::new(AtomicUsize::new(0));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (urls, next, done, stop) = (urls.clone(), next.clone(), done.clone(), stop.subscribe());
            clients.spawn(async move {
                let client = client();
                let mut ended = Vec::new();
                while !*stop.borrow() {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let transfer = tokio::time::timeout(LONGEST, transfer(&client, &urls, number)).await;
                    ended.push(transfer.with_context(|| format!("t{number} does not end"))??);
                    done.send_modify(|done| *done += 1);
                }
                Ok(ended)
            });
        }
        Self { clients, done, stop }
    }

    /// How many transfers have ended.
    pub(crate) fn done(&self) -> usize {
        *self.done.borrow()
    }

    /// Waits until so many more have ended.
    pub(crate) async fn more(&mut self, count: usize) -> Result<()> {
        let mut done = self.done.subscribe();
        let until = self.done() + count;
        let reached = async { done.wait_for(|done| *done >= until).await.map(drop).context("the clients have ended") };
        tokio::select! {
            reached = tokio::time::timeout(LONGEST, reached) => reached.context("the transfers do not go on")?,
            // Clients end only when they are told to, or fail.
            Some(ended) = self.clients.join_next() => ended?.map(drop),
        }
    }

    /// Begins no more, and waits for the ends of all.
    pub(crate) async fn finish(mut self) -> Result<Vec<Ended>> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        while let Some(ended) = self.clients.join_next().await {
            all.extend(ended??);
        }
        let slowest = all.iter().max_by_key(|ended| ended.took).context("nothing was transferred")?;
        let refusals: usize = all.iter().map(|ended| ended.refusals).sum();
        println!(
            "{} transfers, {refusals} times a node refused or was silent; the slowest, {}, took {:?}",
            all.len(),
            slowest.gid,
            slowest.took
        );
        Ok(all)
    }
}

async fn transfer(client: &reqwest::Client, urls: &watch::Receiver<Vec<String>>, number: usize) -> Result<Ended> {
    let (gid, amount) = (format!("t{number}"), 1 + i64::try_from(number % 7)?);
    let workflow = if number.is_multiple_of(3) { "transfer-tcc" } else { "transfer-saga" };
    let input = json!({ "from": "alice", "to": "bob", "amount": amount });
    let (began, mut acknowledged, mut refusals) = (Instant::now(), false, 0);
    for attempt in 0.. {
        let url = {
            let urls = urls.borrow();
            urls[(number + attempt) % urls.len()].clone()
        };
        let request = if acknowledged {
            client.get(format!("{url}/v1/executions/{gid}?wait=4s"))
        } else {
            client.post(format!("{url}/v1/executions/{gid}?workflow={workflow}&wait=4s")).json(&input)
        };
        match ask(request).await? {
            Told::Closed(status) => {
                ensure!(status["phase"] == "succeeded", "{status:#}");
                return Ok(Ended { gid, amount, took: began.elapsed(), refusals });
            }
            Told::Open => acknowledged = true,
            Told::Unknown => bail!("{gid} was {} and is unknown", if acknowledged { "acknowledged" } else { "new" }),
            Told::Refused => {
                refusals += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    unreachable!("it asks until it knows")
}

async fn ask(request: reqwest::RequestBuilder) -> Result<Told> {
    let answer = match request.timeout(PATIENCE).send().await {
        Ok(answer) => answer,
        // The node is gone, or stands still.
        Err(_) => return Ok(Told::Refused),
    };
    let status = answer.status();
    let Ok(body) = answer.json::<Value>().await else { return Ok(Told::Refused) };
    Ok(match (status, body["phase"].as_str()) {
        (StatusCode::SERVICE_UNAVAILABLE, _) => Told::Refused,
        (StatusCode::NOT_FOUND, _) => Told::Unknown,
        (StatusCode::OK | StatusCode::ACCEPTED, Some("succeeded" | "failed")) => Told::Closed(body),
        (StatusCode::OK | StatusCode::ACCEPTED, Some(_)) => {
            ensure!(body["activity"] != "quarantined", "{body:#}");
            Told::Open
        }
        _ => bail!("{status}: {body:#}"),
    })
}
