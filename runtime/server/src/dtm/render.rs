//! A transaction as DTM writes it: times in RFC 3339, members that say nothing left out.

use reprise_coordinator::Status;
use reprise_dtm::{Options, Trans};
use reprise_engine::{Phase, RunResult, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::state::{TransState, kind_of, rollback_reason};
use crate::api::time::Time;

/// A transaction.
#[derive(Debug, Serialize)]
pub(super) struct TransactionJson {
    pub(super) id: i64,
    pub(super) create_time: Time,
    pub(super) update_time: Time,
    pub(super) gid: String,
    pub(super) trans_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<StepJson>,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) query_prepared: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) finish_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rollback_time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) options: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) custom_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cron_time: Option<Time>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) result: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) rollback_reason: String,
    #[serde(flatten)]
    pub(super) given: Options,
    /// Always written; not among the others.
    pub(super) concurrent: bool,
}

/// A step of a saga or a message.
#[derive(Debug, Serialize)]
pub(super) struct StepJson {
    pub(super) action: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) compensate: String,
}

impl Default for TransactionJson {
    fn default() -> Self {
        Self {
            id: 0,
            create_time: Time(Timestamp(0)),
            update_time: Time(Timestamp(0)),
            gid: String::new(),
            trans_type: "",
            steps: Vec::new(),
            status: "",
            query_prepared: String::new(),
            protocol: "",
            finish_time: None,
            rollback_time: None,
            options: String::new(),
            custom_data: String::new(),
            next_cron_time: None,
            result: String::new(),
            rollback_reason: String::new(),
            given: Options::default(),
            concurrent: false,
        }
    }
}

impl TransactionJson {
    /// What its row and memory say.
    pub(super) fn of(status: &Status) -> Self {
        let closed_at = |phase| (status.phase == phase).then_some(Time(status.updated_at));
        let next = status.calls.iter().filter_map(|call| call.next_attempt_at).min();
        let result = match &status.result {
            Some(RunResult::Output(output)) => String::from_utf8_lossy(output).into_owned(),
            Some(RunResult::Failure { .. }) | None => String::new(),
        };
        Self {
            id: status.key.0,
            create_time: Time(status.created_at),
            update_time: Time(status.updated_at),
            gid: status.gid.to_string(),
            trans_type: kind_of(&status.workflow).map_or("", |kind| kind.name()),
            status: TransState::of(status).name(),
            finish_time: closed_at(Phase::Succeeded),
            rollback_time: closed_at(Phase::Failed),
            next_cron_time: status.wake_at.or(next).map(Time),
            result,
            rollback_reason: rollback_reason(status).to_owned(),
            ..Self::default()
        }
    }

    /// A workflow that has begun a moment ago.
    pub(super) fn begun(trans: &Trans, now: Timestamp) -> Self {
        let mut transaction = Self {
            create_time: Time(now),
            update_time: Time(now),
            gid: trans.gid.clone(),
            trans_type: trans.kind().map_or("", |kind| kind.name()),
            status: TransState::Prepared.name(),
            query_prepared: trans.query_prepared.clone(),
            custom_data: trans.custom_data.clone(),
            ..Self::default()
        };
        transaction.set_options(trans.options.clone(), trans.options.concurrent);
        transaction
    }

    /// How it is run: as members, and as the text that DTM keeps.
    pub(super) fn set_options(&mut self, options: Options, concurrent: bool) {
        self.concurrent = concurrent;
        self.given = Options { concurrent: false, ..options };
        let mut text = json!(self.given);
        text["concurrent"] = concurrent.into();
        self.options = text.to_string();
    }
}
