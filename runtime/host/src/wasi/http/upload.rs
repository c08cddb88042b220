//! The body of a request while the guest writes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// What one write may bring. There is no end to how many there are.
const WRITE_BYTES: usize = 1 << 20;

/// A body: `outgoing-body` and its `output-stream`. All handles share it.
#[derive(Clone)]
pub(super) struct Upload(Arc<Mutex<Buffer>>);

struct Buffer {
    bytes: Vec<u8>,
    bytes_max: usize,
    /// What the header `content-length` promises.
    length: Option<u64>,
    room: Room,
    end: End,
    has_stream: bool,
    /// The exchange that waits for the end.
    exchange: Option<u32>,
}

/// How far a body is.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// It is being written.
    Open,
    /// It is whole.
    Finished,
    /// It can't be sent.
    Failed(ErrorCode),
}

impl Upload {
    pub(super) fn new(bytes_max: usize, length: Option<u64>, room: Room) -> Self {
        let bytes = Vec::new();
        let buffer = Buffer { bytes, bytes_max, length, room, end: End::Open, has_stream: false, exchange: None };
        Self(Arc::new(Mutex::new(buffer)))
    }

    /// The stream, once.
    pub(super) fn stream(&self) -> Option<Self> {
        let mut buffer = self.buffer();
        (!std::mem::replace(&mut buffer.has_stream, true)).then(|| self.clone())
    }

    /// The guest says that it is whole, or drops it.
    pub(super) fn finish(&self, result: Result<(), ErrorCode>) -> Result<(), ErrorCode> {
        let mut buffer = self.buffer();
        let written = buffer.bytes.len() as u64;
        let end = match (&buffer.end, result) {
            (End::Failed(error), _) => End::Failed(error.clone()),
            (End::Open | End::Finished, Err(error)) => End::Failed(error),
            (End::Open | End::Finished, Ok(())) if buffer.length.is_some_and(|length| length != written) => {
                End::Failed(ErrorCode::HttpRequestBodySize(Some(written)))
            }
            (End::Open | End::Finished, Ok(())) => End::Finished,
        };
        buffer.end = end.clone();
        match end {
            End::Failed(error) => Err(error),
            End::Open | End::Finished => Ok(()),
        }
    }

    pub(super) fn end(&self) -> End {
        self.buffer().end.clone()
    }

    pub(super) fn take_bytes(&self) -> Vec<u8> {
        let mut buffer = self.buffer();
        let bytes = std::mem::take(&mut buffer.bytes);
        buffer.room.give_back(bytes.len());
        bytes
    }

    /// Who waits for the end.
    pub(super) fn exchange(&self) -> Option<u32> {
        self.buffer().exchange
    }

    pub(super) fn set_exchange(&self, exchange: Option<u32>) {
        self.buffer().exchange = exchange;
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ErrorCode> {
        let (has, most) = (self.bytes.len() + bytes.len(), self.bytes_max);
        if has > most {
            return Err(internal(format!(
                "a request body of more than {most} bytes, no more are allowed (setting `limits.payload_bytes`)"
            )));
        }
        self.room.take(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.room.give_back(self.bytes.len());
    }
}

impl OutputStream for Upload {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut buffer = self.buffer();
        if !matches!(buffer.end, End::Open) {
            return Err(StreamError::Closed);
        }
        buffer.write(&bytes).map_err(|error| {
            buffer.end = End::Failed(error.clone());
            StreamError::LastOperationFailed(error.into())
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.check_write().map(drop)
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match self.buffer().end {
            End::Open => Ok(WRITE_BYTES),
            End::Finished | End::Failed(_) => Err(StreamError::Closed),
        }
    }
}

#[async_trait]
impl Pollable for Upload {
    async fn ready(&mut self) {}
}

/// How much all bodies of a guest may hold together.
#[derive(Clone)]
pub(super) struct Room {
    left: Arc<Mutex<usize>>,
    most: usize,
}

impl Room {
    pub(super) fn new(most: usize) -> Self {
        Self { left: Arc::new(Mutex::new(most)), most }
    }

    fn take(&self, bytes: usize) -> Result<(), ErrorCode> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(bytes).ok_or_else(|| {
            let most = self.most;
            internal(format!("more than {most} bytes of request bodies at one time; write one after the other"))
        })?;
        Ok(())
    }

    fn give_back(&self, bytes: usize) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
    }
}

/// An error that a text explains best.
pub(super) const fn internal(text: String) -> ErrorCode {
    ErrorCode::InternalError(Some(text))
}
