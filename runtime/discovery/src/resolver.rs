//! What finds the addresses of a name, and what it tells.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::watch;

use crate::address::Address;

/// Finds the addresses of one name and follows them.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync {
    /// Tells `news` the whole set of addresses, again whenever it changes, until this is dropped. What fails is told
    /// and tried again.
    async fn follow(&self, news: &News) -> Infallible;
}

/// Nothing is known about a name; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unknown(pub(crate) String);

/// What is known about a name.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    /// The first answer is not there yet.
    Nothing,
    /// There is none, and why.
    Failed(Unknown),
    /// The addresses, each once, in order. They stay until others are told, also while nobody can be asked.
    Addresses(Arc<[Address]>),
}

/// Where a resolver tells what it finds.
#[derive(Debug)]
pub struct News(watch::Sender<Known>);

impl News {
    pub(crate) fn new() -> (Self, watch::Receiver<Known>) {
        let (sender, receiver) = watch::channel(Known::Nothing);
        (Self(sender), receiver)
    }

    /// These are all the addresses; the same ones again are no news.
    pub fn addresses(&self, found: impl IntoIterator<Item = Address>) {
        let mut found: Vec<Address> = found.into_iter().collect();
        found.sort_unstable();
        found.dedup();
        self.0.send_if_modified(|known| {
            let same = matches!(known, Known::Addresses(now) if now[..] == found[..]);
            if !same {
                *known = Known::Addresses(found.into());
            }
            !same
        });
    }

    /// Nobody could be asked. What was known stays; says whether anything was.
    pub fn failed(&self, why: String) -> bool {
        let mut kept = false;
        self.0.send_if_modified(|known| {
            kept = matches!(known, Known::Addresses(_));
            if !kept {
                *known = Known::Failed(Unknown(why));
            }
            !kept
        });
        kept
    }
}
