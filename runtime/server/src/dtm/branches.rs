//! From a journal to a transaction with its branches, a row for each part of each branch, as DTM has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reprise_coordinator::Status;
use reprise_dtm::{Options, Plan, Progress, Protocol};
use reprise_engine::{
    AtDue, Entry, EntryRecord, ExecutionView, HistoryError, Op, OpState, OpView, Operation, Registration, Report,
    Rules, Steering, Timestamp, TransType, Undo,
};
use serde::Serialize;
use serde_json::json;

use super::lookup::Seen;
use super::render::{StepJson, TransactionJson};
use crate::api::time::Time;

const PREPARED: &str = "prepared";
const SUCCEED: &str = "succeed";
const FAILED: &str = "failed";

/// A part of a branch.
#[derive(Debug, Serialize)]
pub(super) struct BranchJson {
    id: i64,
    create_time: Time,
    update_time: Time,
    gid: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    bin_data: String,
    pub(super) branch_id: String,
    pub(super) op: String,
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_time: Option<Time>,
}

/// A transaction of this kind, as its row and its journal tell it.
pub(super) fn see(kind: TransType, status: &Status, records: &[EntryRecord]) -> Result<Seen, HistoryError> {
    let view = ExecutionView::fold(records)?;
    let mut transaction = TransactionJson::of(status);
    let first = records.first().map(EntryRecord::decode).transpose();
    let first = first.map_err(|source| HistoryError::Entry { seq: records[0].seq, source })?;
    let mut branches = Vec::new();
    if let Some(Entry::Admitted { input, rules, .. }) = first {
        // The runtime wrote it, and read it again before anything was called.
        if let Ok(plan) = serde_json::from_slice::<Plan>(&input) {
            branches = rows_of(kind, &plan, &view);
            describe(&mut transaction, plan, &rules);
        }
    } else if let Some(Entry::Opened { input, steering, .. }) = first {
        branches = steered_rows(kind, records)?;
        describe_steered(&mut transaction, kind, &input, &steering);
    }
    for (id, branch) in (1..).zip(&mut branches) {
        branch.id = id;
        branch.gid.clone_from(&transaction.gid);
    }
    Ok(Seen { transaction, branches })
}

impl BranchJson {
    fn new(branch: &str, op: &str, at: Timestamp) -> Self {
        Self {
            id: 0,
            create_time: Time(at),
            update_time: Time(at),
            gid: String::new(),
            url: String::new(),
            bin_data: String::new(),
            branch_id: branch.to_owned(),
            op: op.to_owned(),
            status: PREPARED.into(),
            finish_time: None,
            rollback_time: None,
        }
    }

    fn ended(&mut self, status: &str, at: Timestamp) {
        self.status = status.into();
        self.update_time = Time(at);
        if status == FAILED {
            self.rollback_time = Some(Time(at));
        } else {
            self.finish_time = Some(Time(at));
        }
    }

    /// The bytes it was registered with, or its result.
    pub(super) fn bin_data(&self) -> Vec<u8> {
        STANDARD.decode(&self.bin_data).unwrap_or_default()
    }
}

/// Of a saga or a message: its plan says which parts there are, its journal how they stand.
fn rows_of(kind: TransType, plan: &Plan, view: &ExecutionView) -> Vec<BranchJson> {
    let mut rows = Vec::new();
    for step in &plan.steps {
        let known = view.branches.iter().find(|branch| branch.name.as_deref() == Some(&step.branch));
        let ops = known.map(|branch| branch.ops.as_slice()).unwrap_or_default();
        let parts = [(Op::Rollback, &step.compensate), (Op::Action, &step.action)];
        for (op, url) in parts.into_iter().filter(|(op, _)| kind == TransType::Saga || *op == Op::Action) {
            let mut row = BranchJson::new(&step.branch, kind.op_name(op), view.started_at);
            row.url.clone_from(url);
            row.bin_data.clone_from(&step.payload);
            if let Some((status, at)) = ops.iter().find(|known| known.op == op).and_then(ended) {
                row.ended(status, at);
            }
            rows.push(row);
        }
    }
    rows
}

/// What an operation ended in, and when. One that was given up or whose result nobody knows has none, as with DTM.
fn ended(op: &OpView) -> Option<(&'static str, Timestamp)> {
    let status = match op.state {
        OpState::Success => SUCCEED,
        OpState::Failure | OpState::Invalid => FAILED,
        OpState::Registered
        | OpState::InFlight
        | OpState::Exhausted
        | OpState::Deadline
        | OpState::Canceled
        | OpState::NotNeeded => return None,
    };
    op.completed_at.map(|at| (status, at))
}

/// Of what its client steers: a row for each end of a registered branch, and for each thing that was reported.
fn steered_rows(kind: TransType, records: &[EntryRecord]) -> Result<Vec<BranchJson>, HistoryError> {
    let mut rows = Vec::new();
    for record in records {
        let entry = record.decode().map_err(|source| HistoryError::Entry { seq: record.seq, source })?;
        if let Entry::Enlisted { name, registered } = entry {
            rows.extend(registered.iter().map(|end| end_row(kind, &name, end, record.at)));
        } else if let Entry::Reported(report) = entry {
            rows.push(report_row(report, record.at));
        } else if let Entry::PhaseTwoDone { index, .. } = entry
            && let Some(row) = rows.get_mut(index as usize)
        {
            row.ended(SUCCEED, record.at);
        }
    }
    Ok(rows)
}

fn end_row(kind: TransType, name: &str, end: &Registration, at: Timestamp) -> BranchJson {
    let mut row = BranchJson::new(name, kind.op_name(end.op), at);
    if let Undo::Operation { operation, .. } = &end.undo {
        row.url = url_of(operation);
        if let Operation::Http { body, .. } | Operation::Grpc { message: body, .. } = operation {
            row.bin_data = STANDARD.encode(body);
        }
    }
    row
}

fn report_row(Report { branch, op, status, data }: Report, at: Timestamp) -> BranchJson {
    let mut row = BranchJson::new(&branch, &op, at);
    row.bin_data = STANDARD.encode(data);
    row.ended(&status, at);
    row
}

/// As its client wrote it.
fn url_of(operation: &Operation) -> String {
    match operation {
        Operation::Http { target, .. } => target.clone(),
        Operation::Grpc { target, method, .. } => {
            format!("{}/{}", target.strip_prefix("http://").unwrap_or(target), method.trim_start_matches('/'))
        }
        Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } | Operation::Request { .. } => {
            operation.to_string()
        }
    }
}

fn describe(transaction: &mut TransactionJson, plan: Plan, rules: &Rules) {
    let Plan { steps, protocol, concurrent, orders, delay, options } = plan;
    transaction.steps =
        steps.into_iter().map(|step| StepJson { action: step.action, compensate: step.compensate }).collect();
    transaction.protocol = match protocol {
        Protocol::Http => "http",
        Protocol::Grpc => "grpc",
        Protocol::JsonRpc => "json-rpc",
    };
    transaction.custom_data = match (orders.is_empty(), delay) {
        (false, _) => json!({ "orders": orders, "concurrent": concurrent }).to_string(),
        (true, 0) => String::new(),
        (true, delay) => json!({ "delay": delay }).to_string(),
    };
    let query_back = rules.query_back.as_ref().map(|query_back| url_of(&query_back.operation));
    transaction.query_prepared = query_back.unwrap_or_default();
    transaction.set_options(options, concurrent);
}

fn describe_steered(transaction: &mut TransactionJson, kind: TransType, input: &[u8], steering: &Steering) {
    if kind == TransType::Workflow
        && let Ok(Progress { name, data }) = serde_json::from_slice(input)
    {
        transaction.custom_data = json!({ "name": name, "data": data }).to_string();
    }
    if let AtDue::Call { operation, .. } = &steering.at_due {
        transaction.query_prepared = url_of(operation);
    }
    transaction.set_options(Options::default(), false);
}
