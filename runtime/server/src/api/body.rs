//! Reading request bodies: within a size and a time, with a clear answer where they are too large, cut off or stuck.

use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;

use super::problem::{Problem, ProblemKind};

/// Longest pause within a body.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How much of a refused body is read so that the client, who is still sending, gets the answer and not a reset.
const DISCARD_BYTES_MAX: u64 = 1 << 30;
/// And how long.
const DISCARD_TIME_MAX: Duration = Duration::from_secs(60);

/// What a body is and how large it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    /// For people: `component`, `input`.
    pub(crate) what: &'static str,
    /// The most bytes.
    pub(crate) most: usize,
    /// The setting that says so.
    pub(crate) setting: &'static str,
    /// The problem if it is larger.
    pub(crate) too_large: ProblemKind,
}

impl Bound {
    fn exceeded(self, announced: Option<u64>) -> Problem {
        let Self { what, most, setting, too_large } = self;
        let size = announced.map_or_else(|| "more".to_owned(), |bytes| format!("{bytes} bytes"));
        let detail = format!(
            "the {what} may have {most} bytes (setting `{setting}`), this one has {size}; make it smaller, or raise the \
             setting"
        );
        Problem::new(too_large, detail).with("setting", setting).with("limit", most)
    }
}

/// Reads a whole body.
pub(crate) async fn read(headers: &HeaderMap, body: Body, bound: Bound) -> Result<Vec<u8>, Problem> {
    let announced = body.size_hint().exact();
    let mut stream = body.into_data_stream();
    if announced.is_some_and(|bytes| bytes > bound.most as u64) {
        // A client that asked for leave to send (`expect: 100-continue`) sends nothing once it is refused.
        if !headers.contains_key(header::EXPECT) {
            discard(stream).await;
        }
        return Err(bound.exceeded(announced));
    }
    let announced_bytes = announced.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0);
    let mut bytes = Vec::with_capacity(announced_bytes);
    while let Some(chunk) = next(&mut stream, bytes.len(), announced).await? {
        if bytes.len() + chunk.len() > bound.most {
            discard(stream).await;
            return Err(bound.exceeded(None));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn next(stream: &mut BodyDataStream, so_far: usize, announced: Option<u64>) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(PAUSE_MAX, stream.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(error))) => {
            let of = announced.map(|bytes| format!(" of {bytes}")).unwrap_or_default();
            let detail =
                format!("the body broke off after {so_far}{of} bytes ({error}); send it again, nothing is kept");
            Err(Problem::new(ProblemKind::TruncatedBody, detail))
        }
        Err(_) => {
            let detail = format!(
                "nothing of the body arrived for {} s, after {so_far} bytes; send it again, nothing is kept",
                PAUSE_MAX.as_secs()
            );
            Err(Problem::new(ProblemKind::SlowBody, detail))
        }
    }
}

async fn discard(mut stream: BodyDataStream) {
    let all = async {
        let mut left = DISCARD_BYTES_MAX;
        while let Some(Ok(chunk)) = stream.next().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // Whoever is still sending after that gets a reset.
    let _ = tokio::time::timeout(DISCARD_TIME_MAX, all).await;
}
