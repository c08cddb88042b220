//! Letters: what is said through this node to executions that others work on, and the other way round.
//!
//! A letter is delivered at least once; what is said is said as often as one likes. The answer is not in a letter: who
//! sent it sees by the journal what became of it.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashSet;
use reprise_engine::Gid;
use reprise_store::{Cluster, ExecutionKey, Letter, StoreError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::looks::Looks;
use crate::command::{CommandError, Word};
use crate::coordinator::Coordinator;
use crate::take_up::TakeUp;

/// How often a node looks for letters while it works on something.
const LOOK: Duration = Duration::from_millis(100);
/// How long it leaves a store alone that does not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// Letters read at one time.
const LETTERS_MAX: u32 = 200;
/// First and longest pause between two looks for the effect of a letter.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// What a letter says. Kinds are added, never changed: nodes of two versions read each other's letters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Content {
    /// What the sender of a message says about its local transaction.
    Verdict { gid: Gid, verdict: Verdict },
    /// Anything else.
    Word { gid: Gid, word: Word },
}

/// The words that every version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Submit,
    Abort,
}

impl Content {
    fn new(gid: &Gid, word: &Word) -> Self {
        let gid = gid.clone();
        match word {
            Word::Submit => Self::Verdict { gid, verdict: Verdict::Submit },
            Word::Abort => Self::Verdict { gid, verdict: Verdict::Abort },
            Word::Enlist { .. }
            | Word::Report { .. }
            | Word::Commit { .. }
            | Word::RollBack { .. }
            | Word::Force { .. }
            | Word::Hurry => Self::Word { gid, word: word.clone() },
        }
    }

    fn into_word(self) -> (Gid, Word) {
        match self {
            Self::Verdict { gid, verdict: Verdict::Submit } => (gid, Word::Submit),
            Self::Verdict { gid, verdict: Verdict::Abort } => (gid, Word::Abort),
            Self::Word { gid, word } => (gid, word),
        }
    }
}

/// Something to tell an execution, wherever it is.
#[derive(Debug)]
pub(crate) struct Errand {
    gid: Gid,
    content: Content,
    posted: Option<i64>,
    pause: Duration,
    give_up_at: Instant,
}

impl Errand {
    /// `patience`: how long an effect is waited for.
    pub(crate) fn new(gid: &Gid, word: &Word, patience: Duration) -> Self {
        let content = Content::new(gid, word);
        Self { gid: gid.clone(), content, posted: None, pause: PAUSE.0, give_up_at: Instant::now() + patience }
    }

    /// Leaves a letter, once, and waits a while for its effect.
    pub(crate) async fn run(&mut self, cluster: &dyn Cluster, to: ExecutionKey) -> Result<(), CommandError> {
        if Instant::now() >= self.give_up_at {
            return Err(CommandError::NoAnswer(self.gid.clone()));
        }
        if self.posted.is_none() {
            let letter = self.letter(to);
            self.posted = Some(letter.id);
            cluster.post(&letter).await?;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE.1);
        Ok(())
    }

    /// Leaves a letter whose effect nobody waits for.
    pub(crate) async fn leave(&self, cluster: &dyn Cluster, to: ExecutionKey) -> Result<(), CommandError> {
        Ok(cluster.post(&self.letter(to)).await?)
    }

    fn letter(&self, to: ExecutionKey) -> Letter {
        let content = serde_json::to_vec(&self.content).expect("a letter is plain data");
        Letter { id: fresh_id(), execution: to, content }
    }

    /// The effect is there, or nobody waits for it any more.
    pub(crate) async fn end(self, cluster: Option<&dyn Cluster>) {
        if let (Some(cluster), Some(id)) = (cluster, self.posted)
            && let Err(error) = cluster.remove_letters(&[id]).await
        {
            tracing::debug!(%error, "a letter stays; the store removes it when it is old");
        }
    }
}

/// Random enough that no two letters have the same.
fn fresh_id() -> i64 {
    uuid::Uuid::now_v7().as_u64_pair().1.cast_signed()
}

/// Looks for letters to executions of this node, and reads them to their drivers.
pub(crate) async fn read_letters(coordinator: Coordinator) {
    let shared = &coordinator.shared;
    let Some(cluster) = shared.store.cluster() else { return };
    // Those that somebody is reading.
    let open: Arc<DashSet<i64>> = Arc::default();
    let mut looks = Looks::each(LOOK);
    while looks.next(shared).await {
        if shared.live.is_empty() {
            continue;
        }
        match cluster.letters(LETTERS_MAX).await {
            Ok(letters) => {
                for letter in letters.into_iter().filter(|letter| open.insert(letter.id)) {
                    let (coordinator, open) = (coordinator.clone(), open.clone());
                    tokio::spawn(async move {
                        coordinator.read_letter(&letter).await;
                        open.remove(&letter.id);
                    });
                }
            }
            Err(error) => {
                tracing::debug!(%error, "letters can't be read; trying again");
                looks.pause(STORE_PAUSE);
            }
        }
    }
}

impl Coordinator {
    /// Reads a letter to its execution and removes it; one that can't be delivered now stays.
    async fn read_letter(&self, letter: &Letter) {
        match serde_json::from_slice(&letter.content).map(Content::into_word) {
            Ok((gid, word)) => match self.hear(&gid, &word).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return tracing::warn!(%gid, %error, "a letter can't be delivered; trying again"),
            },
            // Who sent it learns from the silence that nothing came of it.
            Err(error) => tracing::warn!(%error, "a letter of a newer node is not understood; update this one"),
        }
        let Some(cluster) = self.shared.store.cluster() else { return };
        if let Err(error) = cluster.remove_letters(&[letter.id]).await {
            tracing::debug!(%error, "a letter stays, and is read again; that does no harm");
        }
    }

    /// Tells an execution of this node something; false if it is not here any more.
    async fn hear(&self, gid: &Gid, word: &Word) -> Result<bool, StoreError> {
        if self.tell(gid, word).await.is_some() {
            return Ok(true);
        }
        let Some(row) = self.shared.store.execution(gid).await?.filter(|row| !row.elsewhere) else { return Ok(false) };
        self.take_up(vec![row], TakeUp::Asked).await;
        Ok(self.tell(gid, word).await.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_other_versions_read_letters() {
        let content = Content::new(&"g".parse().expect("valid"), &Word::Submit);
        let text = r#"{"kind":"verdict","gid":"g","verdict":"submit"}"#;
        assert_eq!(serde_json::to_string(&content).expect("plain data"), text);
        assert_eq!(serde_json::from_str::<Content>(text).expect("its own text"), content);
    }

    #[test]
    fn letters_have_ids_of_their_own() {
        let ids: std::collections::HashSet<i64> = (0..1_000).map(|_| fresh_id()).collect();
        assert_eq!(ids.len(), 1_000);
    }
}
