//! What nodes leave each other: executions of the dead, letters to the living.

use std::time::Duration;

use async_trait::async_trait;

use super::dialect::{ConnectionOf, Dialect, RowOf, Value};
use super::error::ServerError;
use super::writer::Work;
use super::{ServerStore, inbox, limit_value, node, read, rows};
use crate::{Cluster, ExecutionKey, ExecutionRow, LeaseClock, Letter, StoreError};

/// Between two looks at most.
const LOOK: Duration = Duration::from_secs(1);

#[async_trait]
impl<D: Dialect> Cluster for ServerStore<D> {
    fn lease(&self) -> &LeaseClock {
        &self.shared.node.clock
    }

    fn look(&self) -> Duration {
        LOOK.min(self.shared.node.lease / 3)
    }

    async fn adopt(&self, limit: u32) -> Result<Vec<ExecutionRow>, StoreError> {
        let found = self.shared.fetch(node::DEAD, &[]).await?;
        if found.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let dead: Vec<i64> = found.iter().map(|row| rows::int::<D>(row, 0)).collect::<Result<_, _>>()?;
        let me = self.shared.node.id;
        let adopted = self.shared.perform(Adopt { me, dead, limit }).await?;
        Ok(in_key_order(read::readable::<D>(&adopted, me)))
    }

    async fn settled(&self, keys: &[ExecutionKey]) -> Result<Vec<ExecutionRow>, StoreError> {
        let keys: Vec<i64> = keys.iter().map(|key| key.0).collect();
        let found = self.shared.fetch_of(read::SETTLED, &keys).await?;
        Ok(in_key_order(read::readable::<D>(&found, self.shared.node.id)))
    }

    async fn post(&self, letter: &Letter) -> Result<(), StoreError> {
        self.shared.perform(inbox::Post(letter)).await
    }

    async fn letters(&self, limit: u32) -> Result<Vec<Letter>, StoreError> {
        let values = [Value::Int(self.shared.node.id), limit_value(limit)];
        let found = self.shared.fetch(inbox::LETTERS, &values).await?;
        Ok(found.iter().map(inbox::letter::<D>).collect::<Result<_, _>>()?)
    }

    async fn remove_letters(&self, ids: &[i64]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.shared.perform(inbox::Remove(ids)).await
    }
}

/// Makes active executions of dead nodes those of `me`; the answer is their rows.
#[derive(Debug)]
struct Adopt {
    me: i64,
    dead: Vec<i64>,
    limit: u32,
}

impl<D: Dialect> Work<D> for Adopt {
    type Done = Vec<RowOf<D>>;

    async fn perform(&self, connection: &mut ConnectionOf<D>) -> Result<Vec<RowOf<D>>, ServerError> {
        let mut keys = Vec::new();
        let mut left = i64::from(self.limit);
        for node in &self.dead {
            let values = [Value::Int(*node), Value::Int(left)];
            for row in D::fetch(connection, &D::text(read::LEFT_BEHIND), &values).await? {
                keys.push(rows::int::<D>(&row, 0)?);
                left -= 1;
            }
            if left <= 0 {
                break;
            }
        }
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let adopt = format!("UPDATE executions SET owner = {} WHERE id {{keys}}", self.me);
        D::fetch_of(connection, &adopt, &keys).await?;
        Ok(D::fetch_of(connection, &D::text(read::SOME), &keys).await?)
    }
}

fn in_key_order(mut rows: Vec<ExecutionRow>) -> Vec<ExecutionRow> {
    rows.sort_unstable_by_key(|row| row.key);
    rows
}
