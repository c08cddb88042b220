//! Fills stores with copies of recorded executions, as the runtime writes: many in one transaction, each durable.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use reprise_store::{Store, Write, Written};

use crate::recorder::Recorder;

/// Executions in one transaction, as many as the journal writer takes.
const BATCH: u64 = 256;

/// Makes the recorder's guest the deployed one.
pub(crate) async fn deploy(store: &dyn Store, recorder: &Recorder) -> Result<()> {
    let now = reprise_coordinator::now();
    store.deploy(recorder.workflow(), recorder.digest(), &recorder.component(), now).await?;
    Ok(())
}

/// Writes `count` new executions; how long that took. `make`: the write of each, by its number.
pub(crate) async fn fill(
    store: &dyn Store,
    count: u64,
    mut make: impl FnMut(u64) -> Result<Write>,
) -> Result<Duration> {
    let began = Instant::now();
    let mut made = 0;
    while made < count {
        let batch = made..count.min(made + BATCH);
        let writes = batch.clone().map(&mut make).collect::<Result<Vec<_>>>()?;
        for written in store.commit(&writes).await? {
            match written {
                Written::Created(_) => {}
                Written::Exists | Written::Conflict | Written::Appended => bail!("a new execution: {written:?}"),
            }
        }
        made = batch.end;
    }
    Ok(began.elapsed())
}
