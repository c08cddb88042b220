//! An execution as the API shows it.

use reprise_coordinator::{CallState, Note, Status};
use reprise_engine::{BranchView, ExecutionView, OpState, OpView, RunResult};
use reprise_store::Activity;
use serde::Serialize;
use serde_json::value::RawValue;

use super::bytes::json_or_base64;
use super::time::Time;

/// `active`, `parked`, `quarantined`, `finished`.
pub(super) const fn activity_name(activity: Activity) -> &'static str {
    match activity {
        Activity::Active => "active",
        Activity::Parked => "parked",
        Activity::Quarantined => "quarantined",
        Activity::Finished => "finished",
    }
}

/// The activity of this name.
pub(super) fn activity_from(name: &str) -> Option<Activity> {
    [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished]
        .into_iter()
        .find(|activity| activity_name(*activity) == name)
}

/// An execution; members that say nothing are left out.
#[derive(Serialize)]
pub(super) struct ExecutionJson<'a> {
    gid: &'a str,
    workflow: &'a str,
    digest: String,
    phase: &'static str,
    activity: &'static str,
    #[serde(skip_serializing_if = "is_here")]
    elsewhere: bool,
    created_at: Time,
    updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wake_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<NoteJson<'a>>,
    calls: Vec<CallJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branches: Option<Vec<BranchJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal_error: Option<String>,
}

#[derive(Serialize)]
struct FailureJson<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details_base64: Option<String>,
}

/// As [`Note`] is stored, with times for people.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum NoteJson<'a> {
    Waiting {
        calls: Vec<WaitingJson<'a>>,
    },
    Prepared {
        query_back: &'a str,
        due: Time,
    },
    Steered {
        due: Time,
        #[serde(skip_serializing_if = "Option::is_none")]
        calls: Option<&'a str>,
    },
    Newer {
        message: &'a str,
    },
    Quarantined {
        reason: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        backtrace: Option<&'a str>,
    },
}

#[derive(Serialize)]
struct WaitingJson<'a> {
    slot: &'a str,
    attempts: u32,
    next_attempt_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<&'a str>,
    last_error: &'a str,
}

#[derive(Serialize)]
struct CallJson<'a> {
    branch: &'a str,
    op: &'static str,
    call: &'a str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
    stuck: bool,
}

#[derive(Serialize)]
struct BranchJson<'a> {
    id: &'a str,
    ops: Vec<OpJson<'a>>,
}

#[derive(Serialize)]
struct OpJson<'a> {
    op: &'static str,
    call: &'a str,
    state: OpState,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> ExecutionJson<'a> {
    /// What its row and memory say.
    pub(super) fn of(status: &'a Status) -> Self {
        let (output, output_base64) = match &status.result {
            Some(RunResult::Output(output)) => json_or_base64(output),
            Some(RunResult::Failure { .. }) | None => (None, None),
        };
        Self {
            gid: status.gid.as_str(),
            workflow: status.workflow.as_str(),
            digest: status.digest.to_string(),
            phase: status.phase.name(),
            activity: activity_name(status.activity),
            elsewhere: status.elsewhere,
            created_at: Time(status.created_at),
            updated_at: Time(status.updated_at),
            closed_at: None,
            wake_at: status.wake_at.map(Time),
            entries: None,
            output,
            output_base64,
            failure: failure(status.result.as_ref()),
            note: status.note.as_ref().map(note),
            calls: status.calls.iter().map(call).collect(),
            branches: None,
            journal_error: None,
        }
    }

    /// And what its journal says, or why it can't be read.
    pub(super) fn with_view(mut self, view: &'a Result<ExecutionView, String>) -> Self {
        match view {
            Ok(view) => {
                self.entries = Some(view.entries);
                self.closed_at = view.closed_at.map(Time);
                self.branches = Some(view.branches.iter().map(branch).collect());
            }
            Err(error) => self.journal_error = Some(error.clone()),
        }
        self
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_here(elsewhere: &bool) -> bool {
    !*elsewhere
}

fn failure(result: Option<&RunResult>) -> Option<FailureJson<'_>> {
    match result {
        Some(RunResult::Failure { message, details }) => {
            let (json, base64) = if details.is_empty() { (None, None) } else { json_or_base64(details) };
            Some(FailureJson { message, details: json, details_base64: base64 })
        }
        Some(RunResult::Output(_)) | None => None,
    }
}

fn note(note: &Note) -> NoteJson<'_> {
    match note {
        Note::Waiting { calls } => NoteJson::Waiting {
            calls: calls
                .iter()
                .map(|call| WaitingJson {
                    slot: &call.slot,
                    attempts: call.made,
                    next_attempt_at: Time(call.next_at),
                    waiting_for: call.waiting_for.as_deref(),
                    last_error: &call.error,
                })
                .collect(),
        },
        Note::Prepared { query_back, due } => NoteJson::Prepared { query_back, due: Time(*due) },
        Note::Steered { due, calls } => NoteJson::Steered { due: Time(*due), calls: calls.as_deref() },
        Note::Newer { message } => NoteJson::Newer { message },
        Note::Quarantined { reason, message, backtrace } => {
            NoteJson::Quarantined { reason, message, backtrace: backtrace.as_deref() }
        }
    }
}

fn call(call: &CallState) -> CallJson<'_> {
    CallJson {
        branch: &call.branch,
        op: call.op.name(),
        call: &call.call,
        attempts: call.attempts,
        next_attempt_at: call.next_attempt_at.map(Time),
        waiting_for: call.waiting_for,
        last_error: call.last_error.as_deref(),
        stuck: call.stuck,
    }
}

fn branch(branch: &BranchView) -> BranchJson<'_> {
    BranchJson { id: &branch.id, ops: branch.ops.iter().map(op).collect() }
}

fn op(op: &OpView) -> OpJson<'_> {
    OpJson {
        op: op.op.name(),
        call: &op.call,
        state: op.state,
        attempts: op.attempts,
        intended_at: op.intended_at.map(Time),
        completed_at: op.completed_at.map(Time),
        error: op.error.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_go_both_ways() {
        for activity in [Activity::Active, Activity::Parked, Activity::Quarantined, Activity::Finished] {
            assert_eq!(activity_from(activity_name(activity)), Some(activity));
        }
    }
}
