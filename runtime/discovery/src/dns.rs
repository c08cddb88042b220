//! All addresses of a DNS name, A and AAAA, asked for again and again: the system's resolver does not tell how long they
//! hold.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use crate::address::Address;
use crate::resolver::{News, Resolver};

/// How long addresses are taken for true.
const AGAIN: Duration = Duration::from_secs(10);
/// Pause after a question without an answer.
const RETRY: Duration = Duration::from_secs(1);
/// Longest time of one question.
const PATIENCE: Duration = Duration::from_secs(5);

/// `dns:///host:port`
#[derive(Debug)]
pub(crate) struct Dns(pub(crate) Address);

#[async_trait]
impl Resolver for Dns {
    async fn follow(&self, news: &News) -> Infallible {
        loop {
            let pause = match self.look_up().await {
                Ok(found) => {
                    news.addresses(found);
                    AGAIN
                }
                Err(why) => {
                    let kept = news.failed(why.clone());
                    tracing::warn!(name = %self.0, kept, why, "DNS");
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

impl Dns {
    async fn look_up(&self) -> Result<Vec<Address>, String> {
        let host = self.0.host();
        match timeout(PATIENCE, tokio::net::lookup_host(self.0.as_str())).await {
            Ok(Ok(found)) => Ok(found.map(|at| Address::of_name(at, &self.0)).collect()),
            Ok(Err(error)) => Err(format!("DNS does not know `{host}`: {error}; correct the name, or add it")),
            Err(_) => Err(format!("DNS did not answer for `{host}` within {} s", PATIENCE.as_secs())),
        }
    }
}
