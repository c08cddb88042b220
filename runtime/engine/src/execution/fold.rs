//! The fold: a stored journal becomes an execution, or an error that names the place.

use thiserror::Error;

use super::{Execution, GuestLimits, InFlight, returned_event};
use crate::entry::{Entry, EntryError, EntryRecord};
use crate::ids::Seq;
use crate::phase::{PhaseError, PhaseEvent};
use crate::replay::{Recorded, TicketResult};
use crate::retry::Pursuit;
use crate::rules::Rules;

/// A journal that is not the history of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistoryError {
    /// There is nothing, or it does not start with `started`.
    #[error("the journal has no beginning: {0}")]
    NoStart(String),
    /// An entry is missing or doubled.
    #[error("entry {found} stands where entry {expected} belongs")]
    Gap {
        /// The sequence number due.
        expected: Seq,
        /// The one found.
        found: Seq,
    },
    /// An entry can't be read.
    #[error("entry {seq}: {source}")]
    Entry {
        /// Which.
        seq: Seq,
        /// Why.
        source: EntryError,
    },
    /// An entry contradicts those before it.
    #[error("entry {seq} ({kind}) contradicts what is before it: {why}")]
    Contradiction {
        /// Which.
        seq: Seq,
        /// Its kind.
        kind: &'static str,
        /// What it contradicts.
        why: String,
    },
}

impl HistoryError {
    /// Whether a newer runtime may be able to read the journal.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        match self {
            Self::Entry { source, .. } => source.is_newer(),
            Self::NoStart(_) | Self::Gap { .. } | Self::Contradiction { .. } => false,
        }
    }
}

impl Execution {
    /// Folds a journal. `records` is the whole journal, in order.
    ///
    /// # Errors
    /// [`HistoryError`]: the journal is damaged; the execution must not go on.
    pub fn load(records: Vec<EntryRecord>, limits: GuestLimits) -> Result<Self, HistoryError> {
        let mut records = records.into_iter();
        let first = records.next().ok_or_else(|| HistoryError::NoStart("it is empty".into()))?;
        let entry = decode(&first, Seq(0))?;
        let (gid, workflow, digest, input, rules, steering) = match entry {
            Entry::Admitted { gid, workflow, digest, input, rules } => (gid, workflow, digest, input, rules, None),
            Entry::Opened { gid, workflow, digest, input, rules, steering } => {
                (gid, workflow, digest, input, rules, Some(steering))
            }
            Entry::Started { gid, workflow, digest, input, on_trap } => {
                (gid, workflow, digest, input, Rules::before_there_were_any(on_trap), None)
            }
            Entry::Intended { .. }
            | Entry::Completed { .. }
            | Entry::TimerFired { .. }
            | Entry::Canceled { .. }
            | Entry::Returned { .. }
            | Entry::PhaseTwoDone { .. }
            | Entry::Closed
            | Entry::FinishDone { .. }
            | Entry::Upgraded { .. }
            | Entry::Submitted { .. }
            | Entry::Enlisted { .. }
            | Entry::Reported(_)
            | Entry::Forced { .. } => {
                return Err(HistoryError::NoStart(format!("entry 0 is `{}`", entry.kind_name())));
            }
        };
        let mut execution = Self::empty(gid, workflow, digest, input, rules, limits, first.at);
        execution.steering = steering;
        execution.count(&first);
        for record in records {
            let entry = decode(&record, execution.next_seq)?;
            execution.count(&record);
            execution.clock = execution.clock.max(record.at);
            execution.apply(entry, record)?;
        }
        Ok(execution)
    }

    /// Folds one stored entry.
    fn apply(&mut self, entry: Entry, record: EntryRecord) -> Result<(), HistoryError> {
        let (seq, at, kind) = (record.seq, record.at, entry.kind_name());
        let contradiction = |why: String| HistoryError::Contradiction { seq, kind, why };
        let phase_error = |e: PhaseError| HistoryError::Contradiction { seq, kind, why: e.to_string() };
        match entry {
            Entry::Started { .. } | Entry::Admitted { .. } | Entry::Opened { .. } => {
                return Err(contradiction("an execution starts once".into()));
            }
            Entry::Submitted { .. } => self.note_submitted(at),
            Entry::Intended { scope, ticket, branch, operation, options, registered } => {
                self.registrations.extend(registered);
                let pursuit = if scope.is_some() { Pursuit::UntilDone } else { Pursuit::Limited };
                let mut intent = InFlight { branch, operation, options, pursuit, since: at, again: true };
                if intent.is_pivot() && scope.is_none() {
                    intent.pursuit = Pursuit::UntilKnown;
                }
                self.in_flight.insert((scope, ticket), intent);
                let log = self.scopes.entry(scope).or_default();
                log.push_call(ticket);
                log.push_asked(record);
            }
            Entry::Completed { scope, ticket, result, attempts } => {
                self.note_result(scope, ticket, &result, attempts);
                let Some(log) = self.scopes.get_mut(&scope).filter(|log| log.has_call(ticket)) else {
                    return Err(contradiction(format!("call {ticket} was never intended")));
                };
                let recorded = Recorded { seq, at, result: Some(TicketResult::Call(result)) };
                if !log.push_result(ticket, recorded) {
                    return Err(contradiction(format!("call {ticket} has a result already")));
                }
            }
            Entry::TimerFired { scope, ticket, length_ms } => {
                let recorded = Recorded { seq, at, result: Some(TicketResult::Timer { length_ms }) };
                if !self.scopes.entry(scope).or_default().push_result(ticket, recorded) {
                    return Err(contradiction(format!("timer {ticket} fired already")));
                }
            }
            Entry::Canceled { scope, ticket } => {
                self.in_flight.remove(&(scope, ticket));
                self.scopes.entry(scope).or_default().push_asked(record);
            }
            Entry::Returned { result, registered } => {
                self.registrations.extend(registered);
                self.phase = self.phase.next(returned_event(&result)).map_err(phase_error)?;
                self.result = Some(result);
                self.cursor = self.registrations.len();
                self.stepped_at = at;
                self.scopes.entry(None).or_default().push_asked(record);
            }
            Entry::PhaseTwoDone { index, .. } | Entry::FinishDone { index, .. } => {
                if index as usize >= self.registrations.len() || !self.done.insert(index) {
                    return Err(contradiction(format!("registration {index} is unknown or done already")));
                }
                self.cursor = index as usize;
                self.stepped_at = at;
            }
            Entry::Closed => {
                self.phase = self.phase.next(PhaseEvent::PhaseTwoDone).map_err(phase_error)?;
                self.cursor = self.registrations.len();
            }
            Entry::Upgraded { digest } => self.digest = digest,
            Entry::Enlisted { name, registered } => self.note_enlisted(name, registered),
            Entry::Reported(report) => self.reports.push(report),
            Entry::Forced { reason } => {
                if self.phase.is_closed() {
                    return Err(contradiction("it is closed already".into()));
                }
                self.note_forced(reason);
            }
        }
        Ok(())
    }
}

fn decode(record: &EntryRecord, expected: Seq) -> Result<Entry, HistoryError> {
    if record.seq != expected {
        return Err(HistoryError::Gap { expected, found: record.seq });
    }
    record.decode().map_err(|source| HistoryError::Entry { seq: record.seq, source })
}
