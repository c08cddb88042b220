//! The programs that run sagas and messages, and the kinds that clients steer.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use futures::future::BoxFuture;
use reprise_coordinator::Native;
use reprise_engine::{
    BranchOptions, CallResult, GuestError, Op, Operation, RunResult, Ticket, TransType, WorkflowName,
};
use reprise_host::{NativeGuest, NativeProgram};

use crate::call::BranchCall;
use crate::plan::{Plan, Step, WHOLE, branch_options};

/// Every kind, as a workflow of the runtime.
#[must_use]
pub fn natives() -> Vec<Native> {
    let native = |kind: TransType, program: Option<Arc<dyn NativeProgram>>| Native {
        name: workflow_name(kind),
        program,
        question,
    };
    vec![
        native(TransType::Saga, Some(Arc::new(Saga))),
        native(TransType::Msg, Some(Arc::new(Msg))),
        native(TransType::Tcc, None),
        native(TransType::Xa, None),
        native(TransType::Workflow, None),
    ]
}

/// How the sender of a message is asked: as its branches are called.
fn question(input: &[u8], operation: &Operation) -> BranchOptions {
    let plan = serde_json::from_slice::<Plan>(input).ok();
    let (protocol, mut options) =
        plan.map_or_else(Default::default, |plan| (plan.protocol, branch_options(&plan.options)));
    let call = BranchCall { gid: "", trans_type: TransType::Msg, branch_id: WHOLE, op: Op::Msg };
    let url = if let Operation::Http { target, .. } = operation { target } else { "" };
    options.lay_over(call.options(protocol, url));
    options
}

/// The workflow that stands for transactions of a kind: `dtm.saga` and so on.
#[must_use]
pub fn workflow_name(kind: TransType) -> WorkflowName {
    format!("dtm.{}", kind.name()).parse().expect("plain ASCII")
}

/// What of a refusal is told to the client: a page. An error text is no place for megabytes.
const MESSAGE_BYTES: usize = 1_024;

/// Calls the actions; when one refuses, everything that may have acted is compensated, itself included.
struct Saga;

/// Calls the actions until each has succeeded: its sender has committed, and there is no way back.
struct Msg;

impl NativeProgram for Saga {
    fn run(&self, asks: NativeGuest, input: Vec<u8>) -> BoxFuture<'static, Result<RunResult, GuestError>> {
        Box::pin(run(asks, input, TransType::Saga))
    }
}

impl NativeProgram for Msg {
    fn run(&self, asks: NativeGuest, input: Vec<u8>) -> BoxFuture<'static, Result<RunResult, GuestError>> {
        Box::pin(run(asks, input, TransType::Msg))
    }
}

async fn run(asks: NativeGuest, input: Vec<u8>, kind: TransType) -> Result<RunResult, GuestError> {
    let plan: Plan = serde_json::from_slice(&input)
        .map_err(|error| GuestError::Misuse(format!("the input is no plan of a {}: {error}", kind.name())))?;
    if plan.delay > 0 {
        asks.sleep(plan.delay.saturating_mul(1_000)).await?;
    }
    let (waiting, gid) = ((0..plan.steps.len()).collect(), asks.gid());
    let mut steps = Steps { asks: &asks, kind, plan: &plan, gid, waiting, open: Vec::new(), done: BTreeSet::new() };
    loop {
        steps.begin_ready()?;
        if steps.done.len() == plan.steps.len() {
            return Ok(RunResult::Output(Vec::new()));
        }
        if steps.open.is_empty() {
            return Err(GuestError::Misuse("steps wait for each other in a circle".into()));
        }
        if let Some(message) = steps.next_result().await? {
            return Ok(RunResult::Failure { message, details: Vec::new() });
        }
    }
}

/// How far a plan is.
struct Steps<'a> {
    asks: &'a NativeGuest,
    kind: TransType,
    plan: &'a Plan,
    gid: String,
    /// Steps that have not begun, in order.
    waiting: VecDeque<usize>,
    /// Steps whose action is under way.
    open: Vec<(usize, Ticket)>,
    done: BTreeSet<usize>,
}

impl Steps<'_> {
    /// Begins every step that may begin and has not; nothing is called for an empty URL.
    fn begin_ready(&mut self) -> Result<(), GuestError> {
        // One that calls nothing is done at once, and others may wait for it.
        while self.begin_some()? {}
        Ok(())
    }

    /// Looks at each waiting step once; true if another look may find more.
    fn begin_some(&mut self) -> Result<bool, GuestError> {
        let before = self.done.len();
        for _ in 0..self.waiting.len() {
            let Some(index) = self.waiting.pop_front() else { break };
            if !self.is_ready(index) {
                if self.plan.concurrent {
                    self.waiting.push_back(index);
                    continue;
                }
                // Those behind it wait for it.
                self.waiting.push_front(index);
                return Ok(false);
            }
            match self.begin(&self.plan.steps[index])? {
                Some(ticket) => self.open.push((index, ticket)),
                None => drop(self.done.insert(index)),
            }
        }
        Ok(self.done.len() > before && !self.waiting.is_empty())
    }

    fn is_ready(&self, index: usize) -> bool {
        if self.plan.concurrent {
            return self.plan.orders.get(&index).is_none_or(|before| before.is_subset(&self.done));
        }
        self.done.len() == index
    }

    fn begin(&self, step: &Step) -> Result<Option<Ticket>, GuestError> {
        let payload = step.payload();
        let call = |op| BranchCall { gid: &self.gid, trans_type: self.kind, branch_id: &step.branch, op };
        let operation =
            |op, url: &str| call(op).operation(self.plan.protocol, url, &payload).map_err(GuestError::Misuse);
        if step.action.is_empty() && step.compensate.is_empty() {
            return Ok(None);
        }
        let branch = self.asks.new_branch()?;
        // Two URLs of one step may be of two protocols.
        let options = |op, url: &str| {
            let mut options = branch_options(&self.plan.options);
            options.lay_over(call(op).options(self.plan.protocol, url));
            if self.kind == TransType::Saga {
                options.compensate_failed = Some(true);
                let limit = self.plan.options.retry_limit;
                options.retry.attempts = (limit > 0).then(|| limit.saturating_add(1));
            }
            self.asks.set_options(branch, options)
        };
        if !step.compensate.is_empty() {
            options(Op::Rollback, &step.compensate)?;
            self.asks.register(Op::Rollback, branch, operation(Op::Rollback, &step.compensate)?)?;
        }
        if step.action.is_empty() {
            return Ok(None);
        }
        options(Op::Action, &step.action)?;
        self.asks.submit(branch, operation(Op::Action, &step.action)?).map(Some)
    }

    /// Takes the next result; a message if it means failure.
    async fn next_result(&mut self) -> Result<Option<String>, GuestError> {
        let tickets: Vec<Ticket> = self.open.iter().map(|(_, ticket)| *ticket).collect();
        let first = if tickets.len() == 1 { 0 } else { self.asks.wait_any(&tickets).await? };
        let (index, ticket) = self.open.remove(first);
        let url = &self.plan.steps[index].action;
        let message = match self.asks.take(ticket).await? {
            CallResult::Success { .. } | CallResult::Response { refused: false, .. } => {
                self.done.insert(index);
                return Ok(None);
            }
            CallResult::Failure { body, .. } | CallResult::Response { body, .. } => {
                let start = &body[..body.len().min(MESSAGE_BYTES)];
                format!("url:{url} return failed: {} FAILURE", String::from_utf8_lossy(start))
            }
            CallResult::Exhausted { error, .. } => {
                let limit = self.plan.options.retry_limit;
                format!("RetryCount is greater than RetryLimit, RetryLimit: {limit}; url:{url}: {error}")
            }
            CallResult::Deadline { error, .. } => format!("url:{url} did not succeed in time: {error}"),
            CallResult::Canceled => format!("url:{url} was given up"),
            CallResult::Invalid(text) => format!("url:{url} can't be called: {text}"),
        };
        Ok(Some(message))
    }
}
