//! Random verbs on all stores: equal answers after every step. A failure prints its seed.

use std::collections::HashMap;

use reprise_engine::{Digest, Phase, Seq, Timestamp};
use reprise_store::{
    Activity, ExecutionKey, ExecutionRow, ListFilter, MemoryStore, NewExecution, Progress, Store, Write, Written,
};
use rstest::rstest;

use crate::support::Kind::{MariaDb, Postgres, Sqlite};
use crate::support::{Bed, entries, gid, workflow};

const STEPS: usize = 300;
const WORKFLOWS: [&str; 3] = ["transfer", "refund", "x"];
const PHASES: [Phase; 5] = [Phase::Running, Phase::Committing, Phase::RollingBack, Phase::Succeeded, Phase::Failed];
const ACTIVITIES: [Activity; 4] = [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished];

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize].clone()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.roll(2) == 0 { Some(make(self)) } else { None }
    }

    fn progress(&mut self) -> Progress {
        Progress {
            phase: self.pick(&PHASES),
            digest: Digest::new([self.roll(256) as u8; 32]),
            activity: self.pick(&ACTIVITIES),
            wake_at: self.maybe(|dice| Timestamp(dice.roll(20))),
            note: self.maybe(|dice| format!("{{\"n\":{}}}", dice.roll(9))),
            result: self.maybe(|dice| vec![dice.roll(256) as u8; 5]),
            updated_at: Timestamp(self.roll(1000)),
        }
    }

    /// Mostly of what is there, so that some are won.
    fn claim(&mut self, rows: &[ExecutionRow]) -> (Option<usize>, Write) {
        let number = self.roll(rows.len() as u64) as usize;
        let mut seen = rows[number].progress.clone();
        match self.roll(6) {
            0 => seen.activity = self.pick(&ACTIVITIES),
            1 => seen.wake_at = self.maybe(|dice| Timestamp(dice.roll(20))),
            2 => seen.updated_at = Timestamp(self.roll(1000)),
            _ => {}
        }
        (Some(number), Write::Claim { key: ExecutionKey(0), seen, progress: self.progress() })
    }

    /// Executions by their number in order of creation, which all stores share; keys they need not.
    fn write(&mut self, executions: &[u32]) -> (Option<usize>, Write) {
        if executions.is_empty() || self.roll(3) == 0 {
            let execution = NewExecution {
                gid: gid(&format!("g{}", self.roll(150))),
                workflow: workflow(self.pick(&WORKFLOWS)),
                input_hash: [self.roll(256) as u8; 32],
                created_at: Timestamp(self.roll(1000)),
            };
            let first = u32::from(self.roll(20) == 0);
            let count = self.roll(4) as u32;
            return (None, Write::Create { execution, entries: entries(first, count, 0), progress: self.progress() });
        }
        let number = self.roll(executions.len() as u64 + 1) as usize;
        let end = executions.get(number).copied().unwrap_or(0);
        let from = (u64::from(end) + self.roll(4)).saturating_sub([0, 0, 1, 3][self.roll(4) as usize]) as u32;
        let entries = entries(from, self.roll(4) as u32, u8::from(self.roll(8) == 0));
        (Some(number), Write::Append { key: ExecutionKey(0), entries, progress: self.maybe(Self::progress) })
    }
}

/// A store, and its keys by number.
struct Side<'a> {
    store: &'a dyn Store,
    keys: Vec<ExecutionKey>,
    numbers: HashMap<ExecutionKey, usize>,
}

impl<'a> Side<'a> {
    fn new(store: &'a dyn Store) -> Self {
        Self { store, keys: Vec::new(), numbers: HashMap::new() }
    }

    fn key(&self, number: usize) -> ExecutionKey {
        self.keys.get(number).copied().unwrap_or(ExecutionKey(1 << 50))
    }

    async fn commit(&mut self, writes: &[(Option<usize>, Write)]) -> Vec<Written> {
        let writes: Vec<Write> = writes
            .iter()
            .map(|(number, write)| match (number, write.clone()) {
                (Some(number), Write::Append { entries, progress, .. }) => {
                    Write::Append { key: self.key(*number), entries, progress }
                }
                (Some(number), Write::Claim { seen, progress, .. }) => {
                    Write::Claim { key: self.key(*number), seen, progress }
                }
                (_, write) => write,
            })
            .collect();
        let mut answers = self.store.commit(&writes).await.expect("commits");
        for answer in &mut answers {
            if let Written::Created(key) = answer {
                self.numbers.insert(*key, self.keys.len());
                self.keys.push(*key);
                *key = ExecutionKey(self.keys.len() as i64);
            }
        }
        answers
    }

    fn numbered(&self, rows: Vec<ExecutionRow>) -> Vec<ExecutionRow> {
        let numbered = |row: ExecutionRow| ExecutionRow { key: ExecutionKey(self.numbers[&row.key] as i64), ..row };
        rows.into_iter().map(numbered).collect()
    }

    /// Everything that can be asked, about the execution of one number and one workflow.
    async fn observe(&self, number: usize, filter: &ListFilter, now: Timestamp, limit: u32) -> Vec<String> {
        let store = self.store;
        let after = Some(self.key(number));
        let name = workflow(WORKFLOWS[number % WORKFLOWS.len()]);
        let filter = ListFilter { before: filter.before.and(after), ..filter.clone() };
        let text = gid(&format!("g{}", number % 150));
        vec![
            format!("{:?}", store.journal(self.key(number), Seq(1), limit).await.expect("reads")),
            format!("{:?}", self.numbered(store.execution(&text).await.expect("reads").into_iter().collect())),
            format!("{:?}", self.numbered(store.list(&filter).await.expect("reads"))),
            format!("{:?}", self.numbered(store.active(after, limit).await.expect("reads"))),
            format!("{:?}", self.numbered(store.active(None, limit).await.expect("reads"))),
            format!("{:?}", self.numbered(store.due(now, limit).await.expect("reads"))),
            format!("{:?}", store.next_wake().await.expect("reads")),
            format!("{:?}", self.numbered(store.quarantined(&name, None, limit).await.expect("reads"))),
            format!("{:?}", store.deployments(Some(&name)).await.expect("reads")),
            format!("{:?}", store.deployments(None).await.expect("reads")),
        ]
    }
}

#[rstest]
#[tokio::test]
async fn all_stores_answer_alike(#[values(1, 2, 3, 4)] seed: u64) {
    let memory = MemoryStore::new();
    let beds = [Bed::new(Sqlite).await, Bed::new(Postgres).await, Bed::new(MariaDb).await];
    let mut model = Side::new(&memory);
    let mut others: Vec<Side<'_>> = beds.iter().map(|bed| Side::new(&*bed.store)).collect();
    let mut dice = Dice(seed);
    for step in 0..STEPS {
        let mut ends = Vec::new();
        for key in &model.keys {
            ends.push(memory.journal(*key, Seq(0), u32::MAX).await.expect("reads").len() as u32);
        }
        let all = ListFilter { limit: u32::MAX, ..ListFilter::default() };
        let mut rows = memory.list(&all).await.expect("reads");
        rows.reverse();
        let size = dice.pick(&[1, 2, 5, 20]);
        let writes: Vec<_> = (0..size)
            .map(|_| if rows.is_empty() || dice.roll(4) > 0 { dice.write(&ends) } else { dice.claim(&rows) })
            .collect();
        let deployment = (dice.roll(10) == 0).then(|| (dice.pick(&WORKFLOWS), Digest::new([dice.roll(3) as u8; 32])));
        let filter = ListFilter {
            workflow: dice.maybe(|dice| workflow(dice.pick(&WORKFLOWS))),
            phase: dice.maybe(|dice| dice.pick(&PHASES)),
            activity: dice.maybe(|dice| dice.pick(&ACTIVITIES)),
            before: dice.maybe(|_| ExecutionKey(0)),
            limit: 1 + dice.roll(10) as u32,
        };
        let (number, now, limit) = (dice.roll(1 << 16), Timestamp(dice.roll(25)), dice.roll(12) as u32);
        let mut answers = Vec::new();
        for side in std::iter::once(&mut model).chain(&mut others) {
            let written = side.commit(&writes).await;
            if let Some((name, digest)) = deployment {
                let name = workflow(name);
                side.store.deploy(&name, digest, b"component", Timestamp(step as u64)).await.expect("deploys");
            }
            let number = number as usize % (side.keys.len() + 1);
            answers.push((written, side.observe(number, &filter, now, limit).await));
        }
        for (other, kind) in answers[1..].iter().zip([Sqlite, Postgres, MariaDb]) {
            assert_eq!(*other, answers[0], "{kind:?}, seed {seed}, step {step}: {writes:?} {filter:?} {now:?} {limit}");
        }
    }
}
