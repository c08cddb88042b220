//! One run of a guest, what it came to, and its replays.

use anyhow::{Result, bail, ensure};
use reprise_engine::{EntryRecord, Rules, RunResult};
use reprise_host::{GuestFailure, HandlerFailure, Program};
use reprise_tests::Lines;
use reprise_tests::drive::{Drive, End, execution};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::scenarios::{Journal, Scenario, Want};
use crate::text;

/// The execution that all scenarios are played in.
pub(crate) const GID: &str = "conformance";

/// Every prefix of a journal up to this length is replayed, and then one in [`STRIDE`].
const PREFIXES: usize = 200;
const STRIDE: usize = 97;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) end: End,
    pub(crate) journal: Vec<EntryRecord>,
    pub(crate) sent: Vec<String>,
    /// Lines of the runtime's log that the guest wrote.
    pub(crate) log: Vec<String>,
}

impl Told {
    async fn of(mut drive: Drive, program: &Program) -> Self {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone()).with_ansi(false).without_time();
        let only_guests = Targets::new().with_target("guest", Level::TRACE);
        let subscriber = tracing_subscriber::registry().with(layer).with(only_guests);
        let log = tracing::subscriber::set_default(subscriber);
        let end = drive.finish(program).await;
        drop(log);
        Self { end, journal: drive.journal, sent: drive.sent, log: lines.take() }
    }

    /// The output, if there is one.
    pub(crate) fn output(&self) -> Option<&[u8]> {
        match &self.end {
            End::Done(RunResult::Output(output)) => Some(output),
            End::Done(RunResult::Failure { .. }) | End::Guest(_) | End::Handler(_) => None,
        }
    }
}

/// Plays a scenario from its beginning.
pub(crate) async fn play(program: &Program, gid: &str, scenario: &Scenario) -> Told {
    let input = scenario.input.to_string();
    let execution = execution(Rules::default(), gid, input.as_bytes());
    Told::of(Drive::of(execution, scenario.script.clone()), program).await
}

/// Plays it again from prefixes of its journal.
pub(crate) async fn replay(program: &Program, scenario: &Scenario, live: &Told) -> Result<()> {
    let all = live.journal.len();
    for length in (1..=all).filter(|length| *length <= PREFIXES || length % STRIDE == 0 || *length == all) {
        let replay = Drive::resume(&live.journal[..length], scenario.script.clone());
        let again = Told::of(replay, program).await;
        if scenario.journal == Journal::SameLive && length < all {
            ensure!(matches!(again.end, End::Done(_)), "from entry {length} it ends otherwise: {:?}", again.end);
            continue;
        }
        ensure!(
            again.journal == live.journal,
            "a replay from entry {length} parts ways:\n{}",
            text::difference(&live.journal, &again.journal)
        );
        ensure!(again.end == live.end, "from entry {length} it ends otherwise: {:?}\nnot {:?}", again.end, live.end);
    }
    Ok(())
}

/// Whether it came to what the scenario wants.
pub(crate) fn check(scenario: &Scenario, told: &Told) -> Result<()> {
    match (&scenario.want, &told.end) {
        (Want::Output(want), End::Done(RunResult::Output(output))) => {
            ensure!(output == want, "the output is {}\nnot {}", text::excerpt(output), text::excerpt(want));
        }
        (Want::AnyOutput, End::Done(RunResult::Output(_))) => {}
        (Want::Failure { message: want, details }, End::Done(RunResult::Failure { message, details: given })) => {
            ensure!(message == want, "the failure is {message:?}, not {want:?}");
            ensure!(given == details.as_bytes(), "its details are {}, not {details}", text::excerpt(given));
        }
        (Want::FailureWith(part), End::Done(RunResult::Failure { message, .. })) => {
            ensure!(message.contains(part) && message.len() > 10, "the failure {message:?} does not name {part:?}");
        }
        (Want::Trap(part), End::Guest(GuestFailure::Trap { message, .. })) => {
            ensure!(message.contains(part), "the trap does not say {part:?}: {message}");
        }
        (Want::HandlerFails(want), End::Handler(HandlerFailure { message, .. })) => {
            ensure!(message == want, "the handler's failure is {message:?}, not {want:?}");
        }
        (want, end) => bail!("it ends with {end:?}\nnot {want:?}"),
    }
    Ok(())
}
