//! Standard output and error of a guest: lines for the log, and the last bytes for trap messages.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::session::Session;

/// What one write may bring. There is no end to how many there are.
const WRITE_BYTES: usize = 64 << 10;
/// A longer line is logged in pieces.
const LINE_BYTES_MAX: usize = 8 << 10;

#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// A stream that takes everything and keeps the end. All handles of a guest share it.
#[derive(Clone)]
pub(super) struct Output {
    stream: Stream,
    session: Session,
    bytes_max: usize,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    tail: VecDeque<u8>,
    line: Vec<u8>,
}

impl Output {
    pub(super) fn new(stream: Stream, session: Session, bytes_max: usize) -> Self {
        Self { stream, session, bytes_max, kept: Arc::default() }
    }

    pub(super) fn tail(&self) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(kept.tail.make_contiguous()).into_owned()
    }

    fn take(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tail.extend(&bytes[bytes.len().saturating_sub(self.bytes_max)..]);
        let surplus = kept.tail.len().saturating_sub(self.bytes_max);
        kept.tail.drain(..surplus);
        if !self.session.shows() {
            kept.line.clear();
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            kept.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || kept.line.len() > LINE_BYTES_MAX {
                self.log(&std::mem::take(&mut kept.line));
            }
        }
    }

    pub(super) fn flush_line(&self) {
        let line = std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).line);
        if !line.is_empty() {
            self.log(&line);
        }
    }

    fn log(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        self.session.with(|execution| {
            let (gid, workflow) = (execution.gid(), execution.workflow());
            match self.stream {
                Stream::Stdout => tracing::info!(target: "guest", %gid, %workflow, stream = "stdout", "{line}"),
                Stream::Stderr => tracing::warn!(target: "guest", %gid, %workflow, stream = "stderr", "{line}"),
            }
        });
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
