//! Topics: names that messages may be sent to, and who gets them. Kept in the store; every node sees a change at once.

use reprise_store::{StoreError, Topic};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::clock::now;
use crate::coordinator::Coordinator;

/// Characters of a topic's name.
const NAME_MAX: usize = 255;
/// Changes of others that one change gives way to.
const ATTEMPTS: u32 = 20;

/// Who gets what is sent to a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// What is called.
    pub url: String,
    /// For people.
    #[serde(default)]
    pub remark: String,
}

/// Why a topic is not changed.
#[derive(Debug, Error)]
pub enum TopicError {
    /// A topic needs a name.
    #[error("empty topic")]
    NoName,
    /// A subscriber needs a URL.
    #[error("empty url")]
    NoUrl,
    /// The name is too long.
    #[error("a topic's name has at most {NAME_MAX} characters; this one has {0}")]
    LongName(usize),
    /// It has subscribed.
    #[error("this url exists")]
    Exists,
    /// There is no such topic.
    #[error("no such a topic")]
    Unknown,
    /// Nobody has subscribed.
    #[error("this topic is empty")]
    Empty,
    /// This one has not subscribed.
    #[error("no such an url ")]
    UnknownUrl,
    /// Others change it all the time.
    #[error("the topic is changed by others all the time; try again")]
    Contended,
    /// The store does not answer; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Coordinator {
    /// Topics in the order of their names, after `after`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn topics(&self, after: Option<&str>, limit: u32) -> Result<Vec<Topic>, StoreError> {
        self.shared.store.topics(after, limit).await
    }

    /// One topic.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn topic(&self, name: &str) -> Result<Option<Topic>, StoreError> {
        self.shared.store.topic(name).await
    }

    /// Who gets what is sent to a topic; none if there is no such topic.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn subscribers(&self, name: &str) -> Result<Option<Vec<Subscriber>>, StoreError> {
        let topic = self.shared.store.topic(name).await?;
        topic.map(|topic| subscribers_of(&topic)).transpose()
    }

    /// Adds a subscriber to a topic, which is made if there is none. Durable when it returns.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn subscribe_to(&self, topic: &str, subscriber: Subscriber) -> Result<(), TopicError> {
        let characters = topic.chars().count();
        match (characters, subscriber.url.as_str()) {
            (0, _) => return Err(TopicError::NoName),
            (_, "") => return Err(TopicError::NoUrl),
            (1..=NAME_MAX, _) => {}
            (_, _) => return Err(TopicError::LongName(characters)),
        }
        self.change(topic, |known| {
            let mut all = known.unwrap_or_default();
            if all.iter().any(|other| other.url == subscriber.url) {
                return Err(TopicError::Exists);
            }
            all.push(subscriber.clone());
            Ok(all)
        })
        .await
    }

    /// Takes a subscriber off a topic.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn unsubscribe(&self, topic: &str, url: &str) -> Result<(), TopicError> {
        match (topic, url) {
            ("", _) => return Err(TopicError::NoName),
            (_, "") => return Err(TopicError::NoUrl),
            (_, _) => {}
        }
        self.change(topic, |known| {
            let mut all = known.ok_or(TopicError::Unknown)?;
            if all.is_empty() {
                return Err(TopicError::Empty);
            }
            let index = all.iter().position(|other| other.url == url).ok_or(TopicError::UnknownUrl)?;
            all.remove(index);
            Ok(all)
        })
        .await
    }

    /// Forgets a topic: nothing can be sent to it any more.
    ///
    /// # Errors
    /// [`TopicError`].
    pub async fn delete_topic(&self, name: &str) -> Result<(), TopicError> {
        match (name, self.shared.store.delete_topic(name).await?) {
            ("", _) => Err(TopicError::NoName),
            (_, true) => Ok(()),
            (_, false) => Err(TopicError::Unknown),
        }
    }

    /// Changes who has subscribed; `change` is called again when others were faster.
    async fn change(
        &self,
        name: &str,
        change: impl Fn(Option<Vec<Subscriber>>) -> Result<Vec<Subscriber>, TopicError>,
    ) -> Result<(), TopicError> {
        let store = &self.shared.store;
        for _ in 0..ATTEMPTS {
            let known = store.topic(name).await?;
            let subscribers = change(known.as_ref().map(subscribers_of).transpose()?)?;
            let (version, now) = (known.as_ref().map_or(0, |known| known.version), now());
            let topic = Topic {
                name: name.to_owned(),
                subscribers: serde_json::to_string(&subscribers).expect("subscribers are plain data"),
                version: version + 1,
                created_at: known.map_or(now, |known| known.created_at),
                updated_at: now,
            };
            if store.put_topic(&topic).await? {
                return Ok(());
            }
        }
        Err(TopicError::Contended)
    }
}

fn subscribers_of(topic: &Topic) -> Result<Vec<Subscriber>, StoreError> {
    serde_json::from_str(&topic.subscribers)
        .map_err(|error| StoreError::Damaged(format!("topic {:?}: {error}", topic.name)))
}
