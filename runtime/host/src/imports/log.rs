//! `reprise:workflow/log`: messages become events of the runtime's log, once.

use tracing::{Level as Rank, event};

use crate::bindings::log::{Host, Level};
use crate::state::State;

impl Host for State {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if !self.session.shows() {
            return Ok(());
        }
        self.session.with(|execution| {
            let (gid, workflow) = (execution.gid(), execution.workflow());
            match level {
                Level::Trace => event!(target: "guest", Rank::TRACE, %gid, %workflow, "{message}"),
                Level::Debug => event!(target: "guest", Rank::DEBUG, %gid, %workflow, "{message}"),
                Level::Info => event!(target: "guest", Rank::INFO, %gid, %workflow, "{message}"),
                Level::Warn => event!(target: "guest", Rank::WARN, %gid, %workflow, "{message}"),
                Level::Error => event!(target: "guest", Rank::ERROR, %gid, %workflow, "{message}"),
            }
        });
        Ok(())
    }
}
