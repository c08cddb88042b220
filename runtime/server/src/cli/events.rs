//! The live events of an execution (SSE): each is an entry of its journal.

use super::error::CliError;

/// An open stream of events.
pub(super) struct Events {
    url: String,
    response: reqwest::Response,
    frames: Frames,
}

impl Events {
    pub(super) fn new(url: String, response: reqwest::Response) -> Self {
        Self { url, response, frames: Frames::default() }
    }

    /// The data of the next event; none at the end of the stream, which a broken connection is too.
    pub(super) async fn next(&mut self) -> Result<Option<String>, CliError> {
        loop {
            if let Some(data) = self.frames.take() {
                return data.map(Some).map_err(|reason| CliError::Foreign { url: self.url.clone(), reason });
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.frames.feed(&chunk),
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
}

/// Cuts a byte stream into events: lines up to an empty line.
#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes.iter().filter(|byte| **byte != b'\r'));
    }

    /// The data of the next whole event; events without data are passed over.
    fn take(&mut self) -> Option<Result<String, String>> {
        loop {
            let end = self.bytes.windows(2).position(|pair| pair == b"\n\n")?;
            let event = String::from_utf8(self.bytes.drain(..end + 2).collect());
            let event = match event {
                Ok(event) => event,
                Err(error) => return Some(Err(error.to_string())),
            };
            let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
            let data: Vec<&str> = data.map(|data| data.strip_prefix(' ').unwrap_or(data)).collect();
            if !data.is_empty() {
                return Some(Ok(data.join("\n")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_cut_whatever_the_chunks() {
        for (chunks, want) in [
            (&["event: x\ndata: {}\n\n"][..], &["{}"][..]),
            (&["data: {", "}\n", "\nda", "ta:b\n\n"], &["{}", "b"]),
            (&["data: a\r\ndata: b\r\n\r\n"], &["a\nb"]),
            (&["data: {}\n"], &[]),
            (&[":\n\n", ": keep-alive\n\n", "id: 3\ndata: 3\n\n"], &["3"]),
        ] {
            let mut frames = Frames::default();
            chunks.iter().for_each(|chunk| frames.feed(chunk.as_bytes()));
            let events: Vec<String> = std::iter::from_fn(|| frames.take()).map(|event| event.expect("UTF-8")).collect();
            assert_eq!(events, want, "{chunks:?}");
        }
    }
}
