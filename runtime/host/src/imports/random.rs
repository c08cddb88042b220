//! `reprise:workflow/random`.

use crate::bindings::random::Host;
use crate::state::State;

impl Host for State {
    fn bytes(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        Ok(self.ask("random.bytes", |execution| execution.random(length))??)
    }
}
