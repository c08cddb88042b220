//! gRPC messages as they are: the bytes come encoded and go back undecoded.

use bytes::{Buf, BufMut};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

/// Flag and length in front of a message.
const PREFIX_BYTES: usize = 5;
/// Buffers of this size and more are sent without waiting; we send one message, so it never matters.
const YIELD_BYTES: usize = 32 << 10;

/// A codec for one message of a known length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawCodec {
    pub(crate) message_bytes: usize,
}

impl Codec for RawCodec {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = RawDecoder;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> RawDecoder {
        RawDecoder
    }
}

impl Encoder for RawCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(self.message_bytes + PREFIX_BYTES, YIELD_BYTES)
    }
}

/// Takes one message whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawDecoder;

impl Decoder for RawDecoder {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(512, YIELD_BYTES)
    }
}
