//! Live journal of one execution, as server-sent events. The coordinator's news say when to read on; only an execution
//! that another node may work on is looked at again and again.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use futures::stream;
use reprise_coordinator::{Coordinator, Status};
use reprise_engine::{EntryRecord, Gid, Seq};
use reprise_store::Activity;
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Api;
use super::entry::RecordJson;
use super::params::{GidPath, Params};
use super::problem::{Problem, ProblemKind};

/// Entries read at one time.
const PAGE: u32 = 200;

/// How often the store is looked at for what happens on other nodes.
const LOOK: Duration = Duration::from_millis(250);

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventsParams {
    from: Option<u32>,
}

/// `GET /v1/executions/{gid}/events?from=`: each entry when it is durable, until nothing more can follow.
pub(super) async fn events(
    State(api): State<Api>,
    GidPath(gid): GidPath,
    Params(params): Params<EventsParams>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let from = match headers.get(&LAST_EVENT_ID) {
        Some(id) => after(id.as_bytes())?,
        None => params.from.unwrap_or(0),
    };
    // Subscribed before the first read: what becomes durable in between is in one of the two.
    let news = api.coordinator.subscribe();
    let status = api.coordinator.status(&gid).await?;
    let follower = Follower {
        coordinator: api.coordinator,
        news,
        stop: api.stop,
        gid,
        status,
        next: Seq(from),
        read: VecDeque::new(),
    };
    Ok(Sse::new(stream::unfold(follower, Follower::next)).keep_alive(KeepAlive::default()))
}

/// Where to go on after a `last-event-id`.
fn after(id: &[u8]) -> Result<u32, Problem> {
    let seq = std::str::from_utf8(id).ok().and_then(|id| id.parse::<u32>().ok());
    seq.and_then(|seq| seq.checked_add(1)).ok_or_else(|| {
        Problem::new(ProblemKind::InvalidQuery, "`last-event-id` is no sequence number; leave it out to begin anew")
    })
}

/// Reads a journal as it grows.
struct Follower {
    coordinator: Coordinator,
    news: Receiver<reprise_coordinator::Event>,
    stop: CancellationToken,
    gid: Gid,
    status: Status,
    next: Seq,
    read: VecDeque<EntryRecord>,
}

impl Follower {
    /// The next event; none once nothing can follow, or when the store fails: the client comes back by itself.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(record) = self.read.pop_front() {
                self.next = Seq(record.seq.0.saturating_add(1));
                return Some((Ok(event(&record)), self));
            }
            // The status first: whatever it knows of is in the journal that is read after it.
            let over = self.status.phase.is_closed() && self.status.activity == Activity::Finished;
            self.read = self.coordinator.journal(self.status.key, self.next, PAGE).await.ok()?.into();
            if self.read.is_empty() {
                if over {
                    return None;
                }
                self.wait().await?;
                self.status = self.coordinator.status(&self.gid).await.ok()?;
            }
        }
    }

    /// Waits for news of this execution, or until it is time to look for them.
    async fn wait(&mut self) -> Option<()> {
        let mut look_at = Instant::now() + LOOK;
        loop {
            let news = tokio::select! {
                news = self.news.recv() => news,
                () = tokio::time::sleep_until(look_at), if !self.coordinator.is_alone() => {
                    // It may move from node to node while it is followed.
                    if !self.coordinator.hears_of(&self.gid) {
                        return Some(());
                    }
                    look_at = Instant::now() + LOOK;
                    continue;
                }
                () = self.stop.cancelled() => return None,
            };
            match news {
                Ok(event) if event.gid != self.gid => {}
                // What was missed is in the journal.
                Ok(_) | Err(RecvError::Lagged(_)) => return Some(()),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

fn event(record: &EntryRecord) -> Event {
    let shown = RecordJson(record);
    let data = serde_json::to_string(&shown).expect("an entry is plain data with text keys");
    Event::default().id(record.seq.to_string()).event(shown.kind()).data(data)
}
