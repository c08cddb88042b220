//! The store in memory: for tests and trials. It forgets everything at the end of the process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use reprise_engine::{Digest, EntryRecord, Gid, Seq, Timestamp, WorkflowName};

use crate::rules::{Place, Standing, follow, lead_to, place};
use crate::{
    Activity, Deployment, ExecutionKey, ExecutionRow, ListFilter, NewExecution, Progress, Store, StoreError, Topic,
    Write, Written,
};

/// A store that lives as long as the value.
#[derive(Debug, Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No verb leaves a table half changed, so what a panic elsewhere left behind is whole.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Written>, StoreError> {
        let mut tables = self.tables();
        Ok(writes.iter().enumerate().map(|(index, write)| tables.write(write, &writes[index..])).collect())
    }

    async fn journal(&self, key: ExecutionKey, from: Seq, limit: u32) -> Result<Vec<EntryRecord>, StoreError> {
        let tables = self.tables();
        let Some(kept) = tables.executions.get(&key) else { return Ok(Vec::new()) };
        Ok(kept.journal.iter().skip(from.0 as usize).take(limit as usize).cloned().collect())
    }

    async fn execution(&self, gid: &Gid) -> Result<Option<ExecutionRow>, StoreError> {
        let tables = self.tables();
        Ok(tables.gids.get(gid).map(|key| tables.row(*key)))
    }

    async fn list(&self, filter: &ListFilter) -> Result<Vec<ExecutionRow>, StoreError> {
        let before = filter.before.unwrap_or(ExecutionKey(i64::MAX));
        let matches = |row: &ExecutionRow| {
            filter.workflow.as_ref().is_none_or(|workflow| *workflow == row.execution.workflow)
                && filter.phase.is_none_or(|phase| phase == row.progress.phase)
                && filter.activity.is_none_or(|activity| activity == row.progress.activity)
        };
        let tables = self.tables();
        let newest_first = tables.executions.range(..before).rev().map(|(_, kept)| &kept.row);
        Ok(newest_first.filter(|row| matches(row)).take(filter.limit as usize).cloned().collect())
    }

    async fn active(&self, after: Option<ExecutionKey>, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let tables = self.tables();
        let keys = tables.active.range(following(after)..);
        Ok(keys.take(limit as usize).map(|key| tables.row(*key)).collect())
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let tables = self.tables();
        let waiting = tables.waiting.iter().take_while(|(wake_at, _)| *wake_at <= now);
        Ok(waiting.take(limit as usize).map(|(_, key)| tables.row(*key)).collect())
    }

    async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.tables().waiting.first().map(|(wake_at, _)| *wake_at))
    }

    async fn quarantined(
        &self,
        workflow: &WorkflowName,
        after: Option<ExecutionKey>,
        limit: u32,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let tables = self.tables();
        let rows = tables.quarantined.range(following(after)..).map(|key| tables.row(*key));
        Ok(rows.filter(|row| row.execution.workflow == *workflow).take(limit as usize).collect())
    }

    async fn deploy(
        &self,
        workflow: &WorkflowName,
        digest: Digest,
        component: &[u8],
        now: Timestamp,
    ) -> Result<Deployment, StoreError> {
        let mut tables = self.tables();
        tables.components.entry(digest).or_insert_with(|| component.to_vec());
        let versions = tables.deployments.entry(workflow.clone()).or_default();
        if let Some(newest) = versions.last().filter(|newest| newest.digest == digest) {
            return Ok(newest.clone());
        }
        let version = versions.last().map_or(1, |newest| newest.version + 1);
        let deployment = Deployment { workflow: workflow.clone(), version, digest, deployed_at: now };
        versions.push(deployment.clone());
        Ok(deployment)
    }

    async fn deployments(&self, workflow: Option<&WorkflowName>) -> Result<Vec<Deployment>, StoreError> {
        let tables = self.tables();
        Ok(match workflow {
            Some(workflow) => tables.deployments.get(workflow).into_iter().flatten().rev().cloned().collect(),
            None => tables.deployments.values().filter_map(|versions| versions.last()).cloned().collect(),
        })
    }

    async fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.tables().components.get(&digest).cloned())
    }

    async fn paused_participants(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.tables().paused.iter().cloned().collect())
    }

    async fn pause_participant(&self, name: &str, _now: Timestamp) -> Result<(), StoreError> {
        self.tables().paused.insert(name.to_owned());
        Ok(())
    }

    async fn resume_participant(&self, name: &str) -> Result<(), StoreError> {
        self.tables().paused.remove(name);
        Ok(())
    }

    async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        let tables = self.tables();
        let follows = |topic: &&Topic| after.is_none_or(|after| topic.name.as_str() > after);
        Ok(tables.topics.values().filter(follows).take(limit as usize).cloned().collect())
    }

    async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        Ok(self.tables().topics.get(name).cloned())
    }

    async fn put_topic(&self, topic: &Topic) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let known = tables.topics.get(&topic.name).map(|known| (known.version, known.created_at));
        let (version, created_at) = known.unwrap_or((0, topic.created_at));
        if version + 1 != topic.version {
            return Ok(false);
        }
        tables.topics.insert(topic.name.clone(), Topic { created_at, ..topic.clone() });
        Ok(true)
    }

    async fn delete_topic(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.tables().topics.remove(name).is_some())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Tables {
    executions: BTreeMap<ExecutionKey, Kept>,
    gids: HashMap<Gid, ExecutionKey>,
    active: BTreeSet<ExecutionKey>,
    waiting: BTreeSet<(Timestamp, ExecutionKey)>,
    quarantined: BTreeSet<ExecutionKey>,
    components: HashMap<Digest, Vec<u8>>,
    deployments: BTreeMap<WorkflowName, Vec<Deployment>>,
    paused: BTreeSet<String>,
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug)]
struct Kept {
    row: ExecutionRow,
    journal: Vec<EntryRecord>,
}

impl Tables {
    fn row(&self, key: ExecutionKey) -> ExecutionRow {
        self.executions[&key].row.clone()
    }

    /// `rest`: of the commit, from this write on.
    fn write(&mut self, write: &Write, rest: &[Write]) -> Written {
        match write {
            Write::Create { execution, entries, progress } => self.create(execution, entries, progress),
            Write::Append { key, entries, progress } => self.append(*key, entries, progress.as_ref(), rest),
            Write::Claim { key, seen, progress } => self.claim(*key, seen, progress),
        }
    }

    fn create(&mut self, execution: &NewExecution, entries: &[EntryRecord], progress: &Progress) -> Written {
        if !follow(entries, 0) {
            return Written::Conflict;
        }
        if self.gids.contains_key(&execution.gid) {
            return Written::Exists;
        }
        let key = ExecutionKey(self.executions.last_key_value().map_or(1, |(newest, _)| newest.0 + 1));
        let row = ExecutionRow { key, execution: execution.clone(), progress: progress.clone(), elsewhere: false };
        self.executions.insert(key, Kept { row, journal: entries.to_vec() });
        self.gids.insert(execution.gid.clone(), key);
        self.enter(key, progress);
        Written::Created(key)
    }

    fn append(
        &mut self,
        key: ExecutionKey,
        entries: &[EntryRecord],
        progress: Option<&Progress>,
        rest: &[Write],
    ) -> Written {
        let Some(kept) = self.executions.get_mut(&key) else { return Written::Conflict };
        let stands = &kept.row.progress;
        if entries.is_empty() && progress.is_some() && stands.activity != Activity::Active {
            return if lead_to(rest, key.0, stands) { Written::Appended } else { Written::Conflict };
        }
        let end = u32::try_from(kept.journal.len()).unwrap_or(u32::MAX);
        match place(entries, end) {
            Place::Next => {}
            Place::Before(first) => {
                let first = first as usize;
                let repeated = kept.journal.get(first..first + entries.len()) == Some(entries);
                return if repeated { Written::Appended } else { Written::Conflict };
            }
            Place::Nowhere => return Written::Conflict,
        }
        kept.journal.extend_from_slice(entries);
        if let Some(progress) = progress {
            let before = std::mem::replace(&mut kept.row.progress, progress.clone());
            self.leave(key, &before);
            self.enter(key, progress);
        }
        Written::Appended
    }

    fn claim(&mut self, key: ExecutionKey, seen: &Progress, progress: &Progress) -> Written {
        let Some(kept) = self.executions.get_mut(&key) else { return Written::Conflict };
        if Standing::of(&kept.row.progress) != Standing::of(seen) {
            return Written::Conflict;
        }
        let before = std::mem::replace(&mut kept.row.progress, progress.clone());
        self.leave(key, &before);
        self.enter(key, progress);
        Written::Appended
    }

    fn enter(&mut self, key: ExecutionKey, progress: &Progress) {
        match (progress.activity, progress.wake_at) {
            (Activity::Active, _) => _ = self.active.insert(key),
            (Activity::Parked, Some(wake_at)) => _ = self.waiting.insert((wake_at, key)),
            (Activity::Quarantined, _) => _ = self.quarantined.insert(key),
            (Activity::Parked, None) | (Activity::Finished, _) => {}
        }
    }

    fn leave(&mut self, key: ExecutionKey, progress: &Progress) {
        match (progress.activity, progress.wake_at) {
            (Activity::Active, _) => _ = self.active.remove(&key),
            (Activity::Parked, Some(wake_at)) => _ = self.waiting.remove(&(wake_at, key)),
            (Activity::Quarantined, _) => _ = self.quarantined.remove(&key),
            (Activity::Parked, None) | (Activity::Finished, _) => {}
        }
    }
}

/// The first key after `after`.
fn following(after: Option<ExecutionKey>) -> ExecutionKey {
    after.map_or(ExecutionKey(i64::MIN), |after| ExecutionKey(after.0.saturating_add(1)))
}
