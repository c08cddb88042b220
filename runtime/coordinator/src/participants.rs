//! Participants as operators see them: how they stand, pausing them. A pause is kept in the store and survives the
//! process.

use reprise_engine::Timestamp;
use reprise_outbound::{BreakerState, Outbound, OutcomeCounts, ParticipantState, Pause, Policies, UnknownParticipant};
use reprise_store::{Store, StoreError};
use thiserror::Error;

use crate::clock::{now, timestamp_of};
use crate::coordinator::Coordinator;

/// How a participant stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantStatus {
    /// Its name.
    pub name: String,
    /// `host:port`.
    pub host: String,
    /// What holds for its calls.
    pub policies: Policies,
    /// Whether an operator paused it.
    pub paused: bool,
    /// None if it has none.
    pub breaker: Option<Breaker>,
    /// Attempts under way.
    pub in_flight: usize,
    /// Attempts that wait until they may begin.
    pub waiting: usize,
    /// What attempts ended in since the start of the process.
    pub outcomes: OutcomeCounts,
}

/// How a participant's breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Calls go through.
    Closed,
    /// Nothing is sent until then.
    Open {
        /// When the next attempt may be made.
        until: Timestamp,
    },
    /// One attempt decides whether to go on.
    HalfOpen,
}

/// Why a participant can't be paused or resumed.
#[derive(Debug, Error)]
pub enum ParticipantError {
    /// There is none of this name; the text lists those that are.
    #[error(transparent)]
    Unknown(#[from] UnknownParticipant),
    /// The store does not answer; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ParticipantState> for ParticipantStatus {
    fn from(ParticipantState { name, host, policies, gate }: ParticipantState) -> Self {
        let breaker = gate.breaker.map(|breaker| match breaker {
            BreakerState::Closed => Breaker::Closed,
            BreakerState::Open { until } => Breaker::Open { until: timestamp_of(until) },
            BreakerState::HalfOpen { .. } => Breaker::HalfOpen,
        });
        Self {
            name,
            host,
            policies,
            paused: gate.paused,
            breaker,
            in_flight: gate.in_flight,
            waiting: gate.waiting,
            outcomes: gate.outcomes,
        }
    }
}

impl Coordinator {
    /// All participants, by name.
    #[must_use]
    pub fn participants(&self) -> Vec<ParticipantStatus> {
        self.shared.outbound.participants().into_iter().map(Into::into).collect()
    }

    /// How one participant stands.
    ///
    /// # Errors
    /// [`UnknownParticipant`].
    pub fn participant(&self, name: &str) -> Result<ParticipantStatus, UnknownParticipant> {
        self.shared.outbound.participant(name).map(Into::into)
    }

    /// Sends nothing more to a participant, or goes on; calls wait meanwhile. Durable when it returns, and the same
    /// when it is repeated.
    ///
    /// # Errors
    /// [`ParticipantError`].
    pub async fn pause_participant(&self, name: &str, pause: Pause) -> Result<ParticipantStatus, ParticipantError> {
        let (store, outbound) = (&self.shared.store, &self.shared.outbound);
        // One at a time, so that store and gate agree at the end.
        let _one = self.shared.pausing.lock().await;
        let known = outbound.participant(name)?.name;
        match pause {
            Pause::On => store.pause_participant(&known, now()).await?,
            Pause::Off => store.resume_participant(&known).await?,
        }
        outbound.pause(&known, pause)?;
        tracing::info!(participant = known, ?pause, "an operator paused or resumed a participant");
        Ok(outbound.participant(&known)?.into())
    }
}

impl Coordinator {
    /// Pauses and resumes as the store says: another node may have been told to.
    pub(crate) async fn follow_pauses(&self) -> Result<(), StoreError> {
        let (store, outbound) = (&self.shared.store, &self.shared.outbound);
        let _one = self.shared.pausing.lock().await;
        let paused = store.paused_participants().await?;
        for ParticipantState { name, gate, .. } in outbound.participants() {
            let pause = if paused.contains(&name) { Pause::On } else { Pause::Off };
            if gate.paused == (pause == Pause::On) {
                continue;
            }
            tracing::info!(participant = name, ?pause, "another node was told to pause or resume a participant");
            if let Err(error) = outbound.pause(&name, pause) {
                tracing::error!(%error, "a participant of the configuration is not there; this is a bug");
            }
        }
        Ok(())
    }
}

/// Pauses again what was paused when the last process ended.
pub(crate) async fn pause_again(store: &dyn Store, outbound: &Outbound) -> Result<(), StoreError> {
    for name in store.paused_participants().await? {
        match outbound.pause(&name, Pause::On) {
            Ok(()) => tracing::warn!(participant = name, "is paused; `reprise participants resume` ends that"),
            Err(error) => tracing::warn!(%error, "a participant that was paused is not configured any more"),
        }
    }
    Ok(())
}
