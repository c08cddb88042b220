//! Topics: who gets what is sent to one, and what DTM shows of them: entries of a table of keys and values.

use std::collections::{BTreeMap, BTreeSet};

use reprise_coordinator::Subscriber;
use reprise_dtm::{PlanError, Trans};
use reprise_store::Topic;
use serde::Serialize;

use super::Dtm;
use super::refusal::Refusal;
use crate::api::time::Time;

/// What an action begins with that stands for a topic's subscribers.
const SCHEME: &str = "topic://";
/// The one category of keys and values.
const CATEGORY: &str = "topics";

/// The topics that a message names, and who gets it.
#[derive(Debug, Default)]
pub(super) struct Subscribers(BTreeMap<String, Vec<String>>);

/// An entry of DTM's table of keys and values.
#[derive(Debug, Serialize)]
pub(super) struct KeyJson {
    id: u64,
    create_time: Time,
    update_time: Time,
    cat: &'static str,
    k: String,
    v: String,
    version: u32,
}

/// A page of them.
#[derive(Debug, Serialize)]
pub(super) struct KeysJson {
    pub(super) kv: Vec<KeyJson>,
    pub(super) next_position: String,
}

impl Subscribers {
    /// What an action stands for.
    pub(super) fn urls(&self, action: &str) -> Result<Vec<String>, PlanError> {
        let Some(name) = action.strip_prefix(SCHEME) else { return Ok(vec![action.to_owned()]) };
        let urls = self.0.get(name).cloned();
        urls.ok_or_else(|| PlanError::Invalid(format!("topic not found: {name:?}; subscribe to it first")))
    }
}

/// The topics among the actions of a message.
fn topic_names(trans: &Trans) -> impl Iterator<Item = &str> {
    trans.steps.iter().filter_map(|step| step.get("action")?.strip_prefix(SCHEME))
}

/// Whether a message is for a topic.
pub(super) fn names_topics(trans: &Trans) -> bool {
    topic_names(trans).next().is_some()
}

impl KeyJson {
    fn of(Topic { name, subscribers, version, created_at, updated_at }: Topic) -> Self {
        let (create_time, update_time) = (Time(created_at), Time(updated_at));
        Self { id: 0, create_time, update_time, cat: CATEGORY, k: name, v: subscribers, version }
    }
}

impl Dtm {
    /// The topics of a message, as they are now.
    pub(super) async fn topics_of(&self, trans: &Trans) -> Result<Subscribers, Refusal> {
        let mut all = Subscribers::default();
        for name in topic_names(trans).collect::<BTreeSet<_>>() {
            if let Some(subscribers) = self.coordinator.subscribers(name).await? {
                all.0.insert(name.to_owned(), subscribers.into_iter().map(|subscriber| subscriber.url).collect());
            }
        }
        Ok(all)
    }

    pub(super) async fn subscribe(&self, topic: &str, url: String, remark: String) -> Result<(), Refusal> {
        Ok(self.coordinator.subscribe_to(topic, Subscriber { url, remark }).await?)
    }

    pub(super) async fn unsubscribe(&self, topic: &str, url: &str) -> Result<(), Refusal> {
        Ok(self.coordinator.unsubscribe(topic, url).await?)
    }

    pub(super) async fn delete_topic(&self, topic: &str) -> Result<(), Refusal> {
        Ok(self.coordinator.delete_topic(topic).await?)
    }

    /// One entry of a category; none if there is no such.
    pub(super) async fn key(&self, category: &str, key: &str) -> Result<Vec<KeyJson>, Refusal> {
        if category != CATEGORY {
            return Ok(Vec::new());
        }
        Ok(self.coordinator.topic(key).await?.map(KeyJson::of).into_iter().collect())
    }

    /// Entries of a category, in the order of their keys, after `position`.
    pub(super) async fn keys(&self, category: &str, position: &str, limit: u32) -> Result<KeysJson, Refusal> {
        if category != CATEGORY {
            return Ok(KeysJson { kv: Vec::new(), next_position: String::new() });
        }
        let after = Some(position).filter(|position| !position.is_empty());
        let topics = self.coordinator.topics(after, limit).await?;
        let full = topics.len() == limit as usize;
        let next_position = topics.last().filter(|_| full).map(|topic| topic.name.clone()).unwrap_or_default();
        Ok(KeysJson { kv: topics.into_iter().map(KeyJson::of).collect(), next_position })
    }
}
