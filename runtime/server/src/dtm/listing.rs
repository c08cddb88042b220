//! Many transactions: pages of them, newest first, and all that wait for their next attempt.

use std::collections::BTreeMap;

use reprise_coordinator::{Status, now};
use reprise_dtm::workflow_name;
use reprise_engine::{Gid, Phase, Timestamp, TransType};
use reprise_store::{Activity, ExecutionKey, ListFilter};
use serde::Serialize;

use super::Dtm;
use super::refusal::Refusal;
use super::render::TransactionJson;
use super::state::{KINDS, TransState, kind_of};

/// Rows that one request looks at; the next page goes on where it has stopped.
const LOOKED_AT_MAX: usize = 5_000;

/// Which transactions.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub(super) kind: Option<TransType>,
    pub(super) state: Option<TransState>,
    pub(super) created_from: Option<Timestamp>,
    pub(super) created_to: Option<Timestamp>,
    /// Only older ones than this.
    pub(super) before: Option<ExecutionKey>,
    pub(super) limit: u32,
}

/// A page of transactions.
#[derive(Debug, Serialize)]
pub(super) struct PageJson {
    transactions: Option<Vec<TransactionJson>>,
    next_position: String,
}

/// What became of those that waited.
#[derive(Debug, Serialize)]
pub(super) struct ResetJson {
    has_remaining: bool,
    succeed_count: u32,
}

impl PageJson {
    fn new(transactions: Vec<TransactionJson>, next: Option<ExecutionKey>) -> Self {
        let next_position = next.map(|key| key.0.to_string()).unwrap_or_default();
        Self { transactions: Some(transactions).filter(|all| !all.is_empty()), next_position }
    }
}

/// Newest first, out of several lists of the store.
struct Newest<'a> {
    dtm: &'a Dtm,
    lists: Vec<ListFilter>,
    page: u32,
    /// What was read and not taken yet, by key.
    read: BTreeMap<ExecutionKey, (usize, Status)>,
    /// Lists that may have more, and have nothing in `read`.
    to_read: Vec<usize>,
}

impl<'a> Newest<'a> {
    fn new(dtm: &'a Dtm, lists: Vec<ListFilter>, page: u32) -> Self {
        let to_read = (0..lists.len()).collect();
        Self { dtm, lists, page, read: BTreeMap::new(), to_read }
    }

    async fn next(&mut self) -> Result<Option<Status>, Refusal> {
        while let Some(index) = self.to_read.pop() {
            let list = &mut self.lists[index];
            list.limit = self.page;
            let rows = self.dtm.coordinator.list(list).await?;
            if let Some(last) = rows.last() {
                list.before = Some(last.key);
            }
            self.read.extend(rows.into_iter().map(|status| (status.key, (index, status))));
        }
        let Some((_, (index, status))) = self.read.pop_last() else { return Ok(None) };
        // It was the last one of a page that has ended: what follows of its list may be newer than the others.
        if self.lists[index].before == Some(status.key) {
            self.to_read.push(index);
        }
        Ok(Some(status))
    }
}

impl Dtm {
    /// A page of transactions.
    pub(super) async fn page(&self, filter: &Filter) -> Result<PageJson, Refusal> {
        let phases: Vec<Option<Phase>> = match filter.state {
            Some(state) => state.phases().iter().copied().map(Some).collect(),
            None => vec![None],
        };
        let kinds = KINDS.into_iter().filter(|kind| filter.kind.is_none_or(|wanted| wanted == *kind));
        let lists = kinds.flat_map(|kind| {
            let list =
                ListFilter { workflow: Some(workflow_name(kind)), before: filter.before, ..ListFilter::default() };
            phases.iter().map(move |phase| ListFilter { phase: *phase, ..list.clone() })
        });
        let mut newest = Newest::new(self, lists.collect(), filter.limit);
        let (mut found, mut looked_at) = (Vec::new(), 0);
        while let Some(status) = newest.next().await? {
            looked_at += 1;
            if filter.fits(&status) {
                found.push(TransactionJson::of(&status));
            }
            if found.len() == filter.limit as usize || looked_at == LOOKED_AT_MAX {
                return Ok(PageJson::new(found, Some(status.key)));
            }
        }
        Ok(PageJson::new(found, None))
    }

    /// The one transaction of this name, as a page.
    pub(super) async fn page_of(&self, gid: &str) -> Result<PageJson, Refusal> {
        let seen = match gid.parse::<Gid>() {
            Ok(gid) => self.look(&gid).await?,
            Err(_) => None,
        };
        Ok(PageJson::new(seen.map(|seen| seen.transaction).into_iter().collect(), None))
    }

    /// Has those go on at once, at most `limit`, that would wait for longer than `timeout_ms`.
    pub(super) async fn reset_cron_time(&self, timeout_ms: u64, limit: u32) -> Result<ResetJson, Refusal> {
        let late = now().plus_ms(timeout_ms);
        let activities = [Activity::Active, Activity::Parked];
        let lists = KINDS.into_iter().flat_map(|kind| {
            let list = ListFilter { workflow: Some(workflow_name(kind)), ..ListFilter::default() };
            activities.map(|activity| ListFilter { activity: Some(activity), ..list.clone() })
        });
        let mut newest = Newest::new(self, lists.collect(), 500);
        let mut succeed_count = 0;
        while let Some(status) = newest.next().await? {
            if !waits_beyond(&status, late) {
                continue;
            }
            if succeed_count == limit {
                return Ok(ResetJson { has_remaining: true, succeed_count });
            }
            match self.reset_next_cron_time(status.gid.as_str()).await {
                Ok(()) => succeed_count += 1,
                // The others should go on all the same.
                Err(error) => tracing::warn!(gid = %status.gid, error = error.message(), "it does not go on at once"),
            }
        }
        Ok(ResetJson { has_remaining: false, succeed_count })
    }
}

impl Filter {
    fn fits(&self, status: &Status) -> bool {
        let created = status.created_at;
        self.state.is_none_or(|state| state == TransState::of(status))
            && self.created_from.is_none_or(|from| created >= from)
            && self.created_to.is_none_or(|to| created <= to)
    }
}

/// Whether it waits for its next attempt, or call, for so long. What waits for its client's word does not.
fn waits_beyond(status: &Status, late: Timestamp) -> bool {
    let is_workflow = kind_of(&status.workflow) == Some(TransType::Workflow);
    if TransState::of(status) == TransState::Prepared && !is_workflow {
        return false;
    }
    let next = status.calls.iter().filter_map(|call| call.next_attempt_at).max();
    status.wake_at.max(next).is_some_and(|due| due > late)
}
