//! Waiting for what has no signal: looks again and again, for a while.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// Longer than anything takes here.
const LONGEST: Duration = Duration::from_secs(30);

/// Looks until there is something; `what` names it in the error.
///
/// # Errors
/// It does not come, or looking fails.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let found = tokio::time::timeout(LONGEST, async {
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
    found.await.with_context(|| format!("waited {LONGEST:?} for {what}"))?
}
