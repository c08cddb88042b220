//! `reprise:workflow/time`.

use crate::bindings::time::{Duration, Host, Moment};
use crate::state::State;

impl Host for State {
    fn now(&mut self) -> wasmtime::Result<Moment> {
        let now = self.session.with(|execution| execution.now());
        // The contract counts seconds in 32 bits: enough until the year 2106.
        let seconds = u32::try_from(now.0 / 1_000).unwrap_or(u32::MAX);
        let nanos = u32::try_from(now.0 % 1_000 * 1_000_000).expect("less than a second");
        Ok(Moment { seconds, nanos })
    }

    async fn sleep(&mut self, length: Duration) -> wasmtime::Result<()> {
        let ticket = self.ask("time.sleep", |execution| execution.timer(millis(length)))??;
        self.session.answer(|execution| execution.take(ticket)).await?;
        Ok(())
    }

    fn timer(&mut self, length: Duration) -> wasmtime::Result<u32> {
        Ok(self.ask("time.timer", |execution| execution.timer(millis(length)))??.0)
    }
}

/// Whole milliseconds, never shorter than asked.
fn millis(Duration { seconds, nanos }: Duration) -> u64 {
    u64::from(seconds) * 1_000 + u64::from(nanos).div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_up() {
        for (seconds, nanos, want) in [
            (0, 0, 0),
            (0, 1, 1),
            (0, 1_000_000, 1),
            (0, 1_000_001, 2),
            (2, 5, 2_001),
            (u32::MAX, u32::MAX, 4_294_967_299_295),
        ] {
            assert_eq!(millis(Duration { seconds, nanos }), want, "{seconds} s {nanos} ns");
        }
    }
}
