//! The participants as others see them: leave to send an attempt, what holds for their calls, how they stand, pausing.

use reprise_engine::{BranchOptions, Operation, Outcome};
use thiserror::Error;

use crate::directory::Place;
use crate::gate::{GateState, Passage, Pause, Wait};
use crate::outbound::Outbound;
use crate::policy::Policies;

/// Leave to make one attempt. It holds the attempt's place among those of its participant; dropped without
/// [`Self::ended`] the attempt counts as never made.
#[derive(Debug)]
#[must_use = "the attempt is made while this lives"]
pub struct Admitted<'a>(Option<Passage<'a>>);

impl Admitted<'_> {
    /// Reports what the attempt ended in: the breaker and the counts of its participant live on it.
    pub fn ended(self, outcome: Outcome) {
        if let Some(passage) = self.0 {
            passage.ended(outcome);
        }
    }
}

/// How a participant stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantState {
    /// Its name.
    pub name: String,
    /// `host:port`, or what discovery is asked for.
    pub host: String,
    /// What holds for its calls.
    pub policies: Policies,
    /// Whether calls get through.
    pub gate: GateState,
}

impl ParticipantState {
    fn of(place: &Place) -> Self {
        Self {
            name: place.name.clone(),
            host: place.host.clone(),
            policies: place.policies.clone(),
            gate: place.gate.state(),
        }
    }
}

/// There is no such participant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no participant `{name}`; configured: {known}")]
pub struct UnknownParticipant {
    /// What was asked for.
    pub name: String,
    /// The names there are.
    pub known: String,
}

impl Outbound {
    /// Waits until an attempt of `operation` may begin: as long as its participant is paused, its breaker is open, or
    /// it has enough to do. `tell` learns what is waited for, whenever that changes; it is not called if the attempt
    /// may begin at once. Nobody waits where no participant is called.
    pub async fn admit(&self, operation: &Operation, tell: impl FnMut(Wait)) -> Admitted<'_> {
        match self.directory().place_of(operation) {
            Some(place) => Admitted(Some(place.gate.admit(tell).await)),
            None => Admitted(None),
        }
    }

    /// What lies under the options of calls like `operation`: its participant's. None where nothing is set.
    #[must_use]
    pub fn defaults(&self, operation: &Operation) -> Option<&BranchOptions> {
        let place = self.directory().place_of(operation)?;
        (place.options != BranchOptions::default()).then_some(&place.options)
    }

    /// All participants, by name.
    #[must_use]
    pub fn participants(&self) -> Vec<ParticipantState> {
        self.directory().places().map(ParticipantState::of).collect()
    }

    /// One participant.
    ///
    /// # Errors
    /// [`UnknownParticipant`].
    pub fn participant(&self, name: &str) -> Result<ParticipantState, UnknownParticipant> {
        self.place(name).map(ParticipantState::of)
    }

    /// Sends nothing more to a participant, or goes on. Attempts under way end as they would.
    ///
    /// # Errors
    /// [`UnknownParticipant`]: it is not configured; the text lists those that are.
    pub fn pause(&self, name: &str, pause: Pause) -> Result<(), UnknownParticipant> {
        self.place(name).map(|place| place.gate.pause(pause))
    }

    fn place(&self, name: &str) -> Result<&Place, UnknownParticipant> {
        self.directory().place(name).ok_or_else(|| UnknownParticipant {
            name: name.chars().take(80).collect(),
            known: self.directory().known(),
        })
    }
}
