//! How far an upload is, on a terminal: what is sent, and then that the server compiles it.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// So much is handed over at a time.
const PIECE: usize = 64 << 10;
/// How often the time goes on while the server compiles.
const TICK: Duration = Duration::from_millis(100);

const SENDING: &str = "sending {bytes} of {total_bytes} {wide_bar} {bytes_per_sec}";
const COMPILING: &str = "compiling {total_bytes} {spinner} {elapsed}";

/// A body that is shown while it is sent. Dropped, nothing of it stays on the terminal.
pub(super) struct Upload(ProgressBar);

impl Upload {
    /// Shown on standard error, if that is a terminal.
    pub(super) fn of(bytes: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes as u64), ProgressDrawTarget::stderr());
        bar.set_style(style(SENDING));
        Self(bar)
    }

    /// The body.
    pub(super) fn body(&self, bytes: Vec<u8>) -> reqwest::Body {
        let (bar, mut rest) = (self.0.clone(), Bytes::from(bytes));
        let pieces = std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let piece = rest.split_to(PIECE.min(rest.len()));
            bar.inc(piece.len() as u64);
            // Nobody asks for more than was announced, so this is the place.
            if rest.is_empty() {
                bar.set_style(style(COMPILING));
                bar.enable_steady_tick(TICK);
            }
            Some(Ok::<_, Infallible>(piece))
        });
        reqwest::Body::wrap_stream(futures::stream::iter(pieces))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("this crate's own templates are good")
}
