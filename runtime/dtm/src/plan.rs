//! From a request to what the engine is told: triggers of sagas and messages, executions that are steered, branches.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use reprise_coordinator::{End, Prepare, Start, Trigger, Word};
use reprise_engine::{
    AtDue, BranchOptions, DtmIdentity, Gid, InvalidId, OnTrap, Op, Report, RetryPolicy, Steering, Timestamp, TransType,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::call::{BranchCall, Protocol};
use crate::programs::workflow_name;
use crate::trans::{Options, Trans};

/// The branch that stands for the whole transaction.
pub(crate) const WHOLE: &str = "00";
/// Headers that say how one message is sent, and are no branch's.
const OF_CONNECTIONS: [&str; 7] =
    ["host", "connection", "content-length", "transfer-encoding", "keep-alive", "te", "upgrade"];
/// Steps of one transaction, topics expanded: as many branches as an execution has.
const STEPS_MAX: usize = 10_000;
/// Bytes of all their payloads, base64.
const BYTES_MAX: usize = 64 << 20;
/// Longest time of a workflow's callback, where its client does not set one: it may run the rest of the workflow.
const CALLBACK_MS: u32 = 60_000;

/// Times that hold where a request names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// When a prepared TCC or XA transaction is rolled back, and the sender of a message asked, milliseconds.
    pub timeout_ms: u64,
    /// Pause between two callbacks of a workflow, milliseconds.
    pub callback_ms: u64,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { timeout_ms: 35_000, callback_ms: 10_000 }
    }
}

/// What can't be run as it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// No gid, or one that breaks the rules.
    #[error("{0}")]
    Gid(#[from] InvalidId),
    /// No such kind.
    #[error("unknown trans_type {0:?}; use saga, msg, tcc, xa or workflow")]
    Kind(String),
    /// This request is not for transactions of this kind.
    #[error("trans_type {kind:?} can't be used here: {what}")]
    NotHere {
        /// Which kind.
        kind: &'static str,
        /// What it is used with.
        what: &'static str,
    },
    /// Something in it can't be used.
    #[error("{0}")]
    Invalid(String),
}

/// What a saga or a message does: the input of its execution, the same text for the same request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In order.
    pub steps: Vec<Step>,
    /// How branches are called.
    #[serde(default, skip_serializing_if = "is_http")]
    pub protocol: Protocol,
    /// Whether steps run at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub concurrent: bool,
    /// Of a concurrent saga: the steps (from 0) that a step waits for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub orders: BTreeMap<usize, BTreeSet<usize>>,
    /// Of a message: how long after it was submitted it begins, seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay: u64,
    /// How calls are made.
    #[serde(default)]
    pub options: Options,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The branch, as participants know it.
    pub branch: String,
    /// What is called; nothing if it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// What undoes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub compensate: String,
    /// The body of both, base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub payload: String,
}

impl Step {
    /// The body.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        // Written by `Plan::of`; a damaged journal does not come so far.
        STANDARD.decode(&self.payload).unwrap_or_default()
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CustomData {
    orders: Option<BTreeMap<String, Vec<usize>>>,
    concurrent: bool,
    delay: u64,
    name: String,
    data: Option<String>,
}

/// What a workflow's execution has as its input: name and input of the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which workflow of the client.
    pub name: String,
    /// Its input, base64.
    pub data: String,
}

impl Plan {
    /// Reads the plan of a saga or message. `expand` says what an action stands for: one URL, or those that have
    /// subscribed to a topic.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn of(
        trans: &Trans,
        kind: TransType,
        mut expand: impl FnMut(&str) -> Result<Vec<String>, PlanError>,
    ) -> Result<Self, PlanError> {
        let custom = custom_data(trans)?;
        let protocol = protocol(trans)?;
        let mut steps = Vec::with_capacity(trans.steps.len().min(STEPS_MAX));
        let mut bytes = 0_usize;
        for (index, step) in trans.steps.iter().enumerate() {
            let url = |name: &str| step.get(name).cloned().unwrap_or_default();
            // Old clients have the body in the step.
            let payload = trans.payloads.get(index).map(|payload| payload.0.clone());
            let payload = payload.unwrap_or_else(|| url("data").into_bytes());
            let payload = STANDARD.encode(payload);
            let branch = format!("{:02}", index + 1);
            let (action, compensate) = (url("action"), url("compensate"));
            let urls = if kind == TransType::Msg { expand(&action)? } else { vec![action] };
            let alone = urls.len() == 1;
            bytes = bytes.saturating_add(urls.len().saturating_mul(payload.len() + compensate.len()));
            if steps.len() + urls.len() > STEPS_MAX || bytes > BYTES_MAX {
                let text = format!(
                    "more than {STEPS_MAX} steps or {BYTES_MAX} bytes of payloads, for each subscriber of a topic its \
                     own; use several transactions"
                );
                return Err(PlanError::Invalid(text));
            }
            for (nth, action) in urls.into_iter().enumerate() {
                let branch = if alone { branch.clone() } else { format!("{branch}-{:02}", nth + 1) };
                let compensate = compensate.clone();
                steps.push(Step { branch, action, compensate, payload: payload.clone() });
            }
        }
        let orders = orders(custom.orders.unwrap_or_default(), trans.steps.len())?;
        let concurrent = custom.concurrent || trans.options.concurrent;
        let options = Options { wait_result: false, timeout_to_fail: 0, concurrent: false, ..trans.options.clone() };
        let plan = Self { steps, protocol, concurrent, orders, delay: custom.delay, options };
        plan.check(trans, kind)?;
        Ok(plan)
    }

    /// Everything that is called must be callable: nobody finds out in the middle of a rollback.
    fn check(&self, trans: &Trans, kind: TransType) -> Result<(), PlanError> {
        for step in &self.steps {
            for (op, url) in [(Op::Action, &step.action), (Op::Rollback, &step.compensate)] {
                if !url.is_empty() {
                    let call = BranchCall { gid: &trans.gid, trans_type: kind, branch_id: &step.branch, op };
                    call.operation(self.protocol, url, &step.payload()).map_err(PlanError::Invalid)?;
                }
            }
        }
        branch_options(&self.options).check().map_err(|error| PlanError::Invalid(error.to_string()))
    }

    fn input(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a plan is plain data with text keys")
    }
}

impl Trans {
    /// What the request is about.
    ///
    /// # Errors
    /// [`PlanError::Gid`], [`PlanError::Kind`].
    pub fn named(&self) -> Result<(Gid, TransType), PlanError> {
        let gid = self.gid.parse()?;
        let kind = self.kind().ok_or_else(|| PlanError::Kind(self.trans_type.chars().take(40).collect()))?;
        Ok((gid, kind))
    }

    /// A saga or a message that runs.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn submitted(&self, expand: impl FnMut(&str) -> Result<Vec<String>, PlanError>) -> Result<Trigger, PlanError> {
        let (gid, kind) = self.named()?;
        let start = match kind {
            TransType::Saga => Start::AtOnce,
            TransType::Msg => Start::Submitted,
            TransType::Tcc | TransType::Xa | TransType::Workflow => {
                return Err(PlanError::NotHere { kind: kind.name(), what: "it is prepared before it is submitted" });
            }
        };
        // That of a message is for asking its sender.
        let seconds = self.options.timeout_to_fail;
        let timeout_ms = (kind == TransType::Saga && seconds > 0).then(|| seconds.saturating_mul(1_000));
        let input = Plan::of(self, kind, expand)?.input();
        let (workflow, on_trap) = (workflow_name(kind), OnTrap::Quarantine);
        Ok(Trigger { gid, workflow, input, on_trap, timeout_ms, start })
    }

    /// A message, TCC or XA transaction that is prepared, at `now`.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn prepared(
        &self,
        defaults: Defaults,
        now: Timestamp,
        expand: impl FnMut(&str) -> Result<Vec<String>, PlanError>,
    ) -> Result<Trigger, PlanError> {
        let (gid, kind) = self.named()?;
        let seconds = self.options.timeout_to_fail;
        let timeout_ms = if seconds > 0 { seconds.saturating_mul(1_000) } else { defaults.timeout_ms };
        let (input, start) = match kind {
            TransType::Msg => {
                if self.query_prepared.is_empty() {
                    let text = "a prepared message needs query_prepared: without it nobody can tell, after a crash of \
                                its sender, whether it is to be sent";
                    return Err(PlanError::Invalid(text.into()));
                }
                let call = BranchCall { gid: &self.gid, trans_type: kind, branch_id: WHOLE, op: Op::Msg };
                let query_back = call.operation(protocol(self)?, &self.query_prepared, &[]);
                let query_back = query_back.map_err(PlanError::Invalid)?;
                let prepare = Prepare { query_back, check_after_ms: timeout_ms };
                (Plan::of(self, kind, expand)?.input(), Start::Prepared(prepare))
            }
            TransType::Tcc | TransType::Xa => {
                let message = format!("Timeout after {} seconds", timeout_ms / 1_000);
                let options = branch_options(&self.options);
                options.check().map_err(|error| PlanError::Invalid(error.to_string()))?;
                let steering = Steering {
                    due: now.plus_ms(timeout_ms),
                    at_due: AtDue::RollBack(message),
                    branch_options: options.to_recorded(),
                };
                (Vec::new(), Start::Steered(steering))
            }
            TransType::Saga => {
                return Err(PlanError::NotHere { kind: "saga", what: "it is submitted with all its steps" });
            }
            TransType::Workflow => {
                return Err(PlanError::NotHere { kind: "workflow", what: "use prepareWorkflow" });
            }
        };
        let (workflow, on_trap) = (workflow_name(kind), OnTrap::Quarantine);
        Ok(Trigger { gid, workflow, input, on_trap, timeout_ms: None, start })
    }

    /// A workflow of the client's, at `now`: until it is decided, `query_prepared` is called from time to time.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn workflow(&self, defaults: Defaults, now: Timestamp) -> Result<Trigger, PlanError> {
        let gid = self.gid.parse()?;
        let custom = custom_data(self)?;
        let data = custom.data.unwrap_or_default();
        let payload = STANDARD.decode(&data).map_err(|error| {
            PlanError::Invalid(format!("custom_data.data is no base64 of the workflow's input: {error}"))
        })?;
        let seconds = self.options.retry_interval;
        let every_ms = if seconds > 0 { seconds.saturating_mul(1_000) } else { defaults.callback_ms };
        let protocol = protocol(self)?;
        let call = BranchCall { gid: &self.gid, trans_type: TransType::Workflow, branch_id: WHOLE, op: Op::Action };
        let payload = if protocol == Protocol::Grpc { WorkflowData { data: payload }.encode_to_vec() } else { payload };
        let operation = call.operation(protocol, &self.query_prepared, &payload).map_err(PlanError::Invalid)?;
        let mut options = branch_options(&self.options);
        options.timeout_ms = options.timeout_ms.or(Some(CALLBACK_MS));
        options.dtm = Some(DtmIdentity {
            trans_type: TransType::Workflow,
            branch_id: Some(WHOLE.into()),
            op: Some(custom.name.clone()),
        });
        options.check().map_err(|error| PlanError::Invalid(error.to_string()))?;
        let steering = Steering {
            due: now.plus_ms(every_ms),
            at_due: AtDue::Call { operation, options: options.to_recorded(), every_ms },
            branch_options: String::new(),
        };
        let progress = Progress { name: custom.name, data };
        let input = serde_json::to_vec(&progress).expect("plain data");
        let (workflow, on_trap) = (workflow_name(TransType::Workflow), OnTrap::Quarantine);
        let start = Start::Steered(steering);
        Ok(Trigger { gid, workflow, input, on_trap, timeout_ms: None, start })
    }

    /// How a workflow's client says that it has ended.
    ///
    /// # Errors
    /// [`PlanError::Invalid`]: no status, or none that ends it.
    pub fn ended(&self) -> Result<Word, PlanError> {
        let extra = |name: &str| self.req_extra.get(name).cloned().unwrap_or_default();
        match extra("status").as_str() {
            "succeed" => Ok(Word::Commit { output: extra("result").into_bytes() }),
            "failed" => Ok(Word::RollBack { reason: extra("rollback_reason") }),
            other => Err(PlanError::Invalid(format!("req_extra.status is {other:?}; use succeed or failed"))),
        }
    }
}

/// A branch as it is registered, by HTTP or gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Branch {
    /// The transaction.
    pub gid: String,
    /// Its kind.
    pub trans_type: String,
    /// The branch.
    pub branch_id: String,
    /// `confirm` and `cancel`, or `url`, or `op` and `status`.
    pub fields: BTreeMap<String, String>,
    /// Body of its ends, or the result of what a workflow did.
    pub data: Vec<u8>,
    /// How it was registered; its ends are called so where the URL does not say otherwise.
    pub protocol: Protocol,
}

impl Branch {
    /// What the transaction is told.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn word(&self) -> Result<(Gid, Word), PlanError> {
        let trans = Trans { gid: self.gid.clone(), trans_type: self.trans_type.clone(), ..Trans::default() };
        let (gid, kind) = trans.named()?;
        let field = |name: &str| self.fields.get(name).cloned().unwrap_or_default();
        let ends = match kind {
            TransType::Tcc => [(Op::Rollback, field("cancel")), (Op::Commit, field("confirm"))],
            TransType::Xa => [(Op::Rollback, field("url")), (Op::Commit, field("url"))],
            TransType::Workflow => {
                let (branch, op, status) = (self.branch_id.clone(), field("op"), field("status"));
                return Ok((gid, Word::Report { report: Report { branch, op, status, data: self.data.clone() } }));
            }
            TransType::Saga | TransType::Msg => {
                return Err(PlanError::NotHere { kind: kind.name(), what: "its branches come with submit" });
            }
        };
        if self.branch_id.is_empty() {
            return Err(PlanError::Invalid("branch_id is missing".into()));
        }
        let mut said = Vec::with_capacity(ends.len());
        for (op, url) in ends {
            if url.is_empty() {
                continue;
            }
            let call = BranchCall { gid: &self.gid, trans_type: kind, branch_id: &self.branch_id, op };
            let payload = if kind == TransType::Xa { &[][..] } else { &self.data };
            let operation = call.operation(self.protocol, &url, payload).map_err(PlanError::Invalid)?;
            let options = call.options(self.protocol, &url);
            options.check().map_err(|error| PlanError::Invalid(error.to_string()))?;
            said.push(End { op, operation, options: options.to_recorded() });
        }
        Ok((gid, Word::Enlist { name: self.branch_id.clone(), ends: said }))
    }
}

/// How calls of a transaction with these options are made.
pub(crate) fn branch_options(options: &Options) -> BranchOptions {
    let ms = |seconds: u64| (seconds > 0).then(|| u32::try_from(seconds.saturating_mul(1_000)).unwrap_or(u32::MAX));
    let initial_ms = ms(options.retry_interval);
    // What belongs to a connection is left out, as by DTM's own client: some applications hand on what they were sent.
    let headers = options.branch_headers.clone().into_iter();
    let headers = headers.filter(|(name, _)| !OF_CONNECTIONS.iter().any(|of| name.eq_ignore_ascii_case(of))).collect();
    // Backs off as DTM does, but never for hours: no longer than a minute, or what the client asked for.
    let retry = RetryPolicy { initial_ms, max_ms: initial_ms.map(|ms| ms.max(60_000)), ..RetryPolicy::default() };
    BranchOptions {
        timeout_ms: ms(options.request_timeout),
        retry,
        ongoing_ms: initial_ms,
        headers,
        ..BranchOptions::default()
    }
}

fn custom_data(trans: &Trans) -> Result<CustomData, PlanError> {
    if trans.custom_data.is_empty() {
        return Ok(CustomData::default());
    }
    serde_json::from_str(&trans.custom_data)
        .map_err(|error| PlanError::Invalid(format!("custom_data can't be read: {error}")))
}

fn protocol(trans: &Trans) -> Result<Protocol, PlanError> {
    Protocol::from_name(&trans.protocol).ok_or_else(|| {
        let shown: String = trans.protocol.chars().take(40).collect();
        PlanError::Invalid(format!("protocol {shown:?} is unknown; use http, grpc or json-rpc"))
    })
}

/// Steps that wait for others; a circle would never begin.
fn orders(given: BTreeMap<String, Vec<usize>>, steps: usize) -> Result<BTreeMap<usize, BTreeSet<usize>>, PlanError> {
    let invalid = |text: String| Err(PlanError::Invalid(format!("custom_data.orders: {text}")));
    let mut orders = BTreeMap::new();
    for (step, before) in given {
        let Some(index) = step.parse().ok().filter(|index: &usize| *index < steps) else {
            return invalid(format!("there is no step {step:?}"));
        };
        if let Some(unknown) = before.iter().find(|index| **index >= steps) {
            return invalid(format!("step {step} waits for step {unknown}, which does not exist"));
        }
        orders.insert(index, before.into_iter().collect::<BTreeSet<_>>());
    }
    let mut done: BTreeSet<usize> = BTreeSet::new();
    loop {
        let ready = |index: &usize| orders.get(index).is_none_or(|before| before.is_subset(&done));
        let next: Vec<usize> = (0..steps).filter(|index| !done.contains(index)).filter(ready).collect();
        if next.is_empty() {
            break;
        }
        done.extend(next);
    }
    if done.len() < steps {
        return invalid("steps wait for each other in a circle".into());
    }
    Ok(orders)
}

/// What the service `workflow.Workflow` of a client is called with.
#[derive(Clone, PartialEq, Message)]
struct WorkflowData {
    #[prost(bytes = "vec", tag = "1")]
    data: Vec<u8>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_http(protocol: &Protocol) -> bool {
    *protocol == Protocol::Http
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_or_what_the_client_asked_for() {
        for (retry_interval, initial_ms, max_ms) in
            [(0, None, None), (1, Some(1_000), Some(60_000)), (600, Some(600_000), Some(600_000))]
        {
            let options = branch_options(&Options { retry_interval, ..Options::default() });
            assert_eq!((options.retry.initial_ms, options.ongoing_ms), (initial_ms, initial_ms));
            // Where nothing is set the runtime's own bound holds, a minute too.
            assert_eq!(options.retry.max_ms, max_ms);
        }
    }
}
