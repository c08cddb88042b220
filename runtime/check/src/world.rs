//! The stub world: participants behind barriers, as a model that knows what took effect.

use std::collections::HashMap;

use reprise_engine::{Answer, BranchId, BranchOptions, CallEffect, Op, Operation, Outcome, OutcomeMap};

use crate::call::{Call, CallName, changes};
use crate::case::{Fault, Trouble};
use crate::replies::Replies;

/// How long a participant takes to answer, milliseconds.
const LATENCY_MS: u64 = 1;
/// How long an attempt waits for its answer where the branch sets no `timeout_ms`.
const TIMEOUT_MS: u64 = 30_000;

/// What a participant did.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) name: CallName,
    /// How often it took effect.
    pub(crate) times: u32,
    /// Whether it undid something that never took effect.
    pub(crate) of_nothing: bool,
    /// Why a barrier does not stand before it; none if one does.
    pub(crate) open: Option<Open>,
}

/// Why a repeat would take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// The caller says so.
    Named,
    /// It is a request of a plain HTTP client: most services that are called so know no barrier.
    Request,
}

/// Participants, and what happens to the calls of one run.
#[derive(Debug)]
pub(crate) struct World<'a> {
    replies: &'a Replies,
    no_barrier: &'a [String],
    faults: &'a [Fault],
    attempts: HashMap<CallName, u32>,
    effects: Vec<Effects>,
}

impl<'a> World<'a> {
    pub(crate) fn new(replies: &'a Replies, no_barrier: &'a [String], faults: &'a [Fault]) -> Self {
        Self { replies, no_barrier, faults, attempts: HashMap::new(), effects: Vec::new() }
    }

    /// Whether every attempt of this call has trouble.
    pub(crate) fn is_hopeless(&self, name: &CallName) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.call == *name && fault.attempts.is_none() && fault.trouble != Trouble::Twice)
    }

    /// One attempt: the answer, and how long it takes.
    pub(crate) fn attempt(&mut self, call: &Call) -> (Answer, u64) {
        let made = self.attempts.entry(call.name.clone()).or_default();
        *made += 1;
        let faults = self.faults.iter().filter(|fault| fault.call == call.name);
        let trouble =
            faults.filter(|fault| fault.attempts.is_none_or(|most| *made <= most)).map(|fault| fault.trouble).next();
        match trouble {
            Some(Trouble::Refused) => {
                let refusal = refusal(&call.operation, &call.options.outcome_map);
                (refusal.unwrap_or_else(|| Answer::Lost("refused".into())), LATENCY_MS)
            }
            Some(Trouble::Unreachable) => (Answer::Lost("connection refused".into()), LATENCY_MS),
            Some(Trouble::AnswerLost) => {
                self.deliver(call);
                let timeout = call.options.timeout_ms.map_or(TIMEOUT_MS, u64::from);
                (Answer::Lost("no answer in time".into()), timeout)
            }
            Some(Trouble::Twice) => {
                self.deliver(call);
                self.deliver(call);
                (self.replies.answer(call), LATENCY_MS)
            }
            None => {
                self.deliver(call);
                (self.replies.answer(call), LATENCY_MS)
            }
        }
    }

    /// The request arrives: a barrier lets it take effect once, undo only what was done, and nothing after its undo.
    fn deliver(&mut self, call: &Call) {
        if !changes(&call.operation, &call.options) {
            return;
        }
        let branch = call.name.branch;
        let nothing_done = call.name.op == Op::Rollback && self.times(branch, Op::Action) == 0;
        let undone = call.name.op == Op::Action && self.has_arrived(branch, Op::Rollback);
        let open = self.open(call);
        let effects = self.entry(&call.name, open);
        if open.is_some() {
            effects.times += 1;
            effects.of_nothing |= nothing_done;
        } else if effects.times == 0 && !nothing_done && !undone {
            effects.times = 1;
        }
    }

    fn entry(&mut self, name: &CallName, open: Option<Open>) -> &mut Effects {
        let index = self.effects.iter().position(|effects| effects.name == *name).unwrap_or_else(|| {
            self.effects.push(Effects { name: name.clone(), times: 0, of_nothing: false, open });
            self.effects.len() - 1
        });
        &mut self.effects[index]
    }

    /// Whether a repeat of this call would take effect again.
    fn open(&self, call: &Call) -> Option<Open> {
        let safe = match &call.operation {
            Operation::Http { method, .. } => is_idempotent(method),
            Operation::Request { method, headers, .. } => {
                is_idempotent(method) || headers.iter().any(|(name, _)| name == "idempotency-key")
            }
            Operation::Grpc { .. } | Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => false,
        };
        // The runtime's own barrier row is in the same transaction as SQL.
        let participant = participant(&call.operation)?;
        if safe || call.options.idempotency_key.is_some() {
            return None;
        }
        let named = self.no_barrier.iter().any(|name| name == participant);
        let request = matches!(call.operation, Operation::Request { .. });
        if named { Some(Open::Named) } else { request.then_some(Open::Request) }
    }

    /// How often this part of a branch took effect.
    pub(crate) fn times(&self, branch: BranchId, op: Op) -> u32 {
        let of = self.effects.iter().filter(|effects| effects.name.branch == branch && effects.name.op == op);
        of.map(|effects| effects.times).sum()
    }

    fn has_arrived(&self, branch: BranchId, op: Op) -> bool {
        self.effects.iter().any(|effects| effects.name.branch == branch && effects.name.op == op)
    }

    /// All that was done.
    pub(crate) fn effects(&self) -> &[Effects] {
        &self.effects
    }
}

/// Methods that HTTP itself defines to have the same effect when repeated.
fn is_idempotent(method: &str) -> bool {
    ["PUT", "DELETE"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
}

/// The participant that is called, or the host of the URL; none for databases.
pub(crate) fn participant(operation: &Operation) -> Option<&str> {
    let target = match operation {
        Operation::Http { target, .. } | Operation::Grpc { target, .. } | Operation::Request { url: target, .. } => {
            target
        }
        Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => return None,
    };
    let rest = target.split_once("://").map_or(target.as_str(), |(_, rest)| rest);
    rest.split(['/', '?', '#']).next()
}

/// An answer that this call takes for a refusal; none if there is none.
pub(crate) fn refusal(operation: &Operation, map: &OutcomeMap) -> Option<Answer> {
    let http = |status: u16| Answer::Http { status, headers: Vec::new(), body: b"refused by the check".to_vec() };
    let candidates: Vec<Answer> = match operation {
        Operation::Http { .. } | Operation::Request { .. } => {
            let mapped = map.http.keys().filter_map(|range| range.split('-').next()?.trim().parse().ok());
            let told = br#"{"dtm_result":"FAILURE"}"#.to_vec();
            std::iter::once(409)
                .chain(mapped)
                .map(http)
                .chain([Answer::Http { status: 200, headers: Vec::new(), body: told }])
                .collect()
        }
        Operation::Grpc { .. } => (1..=16)
            .rev()
            .chain([10])
            .rev()
            .map(|code| Answer::Grpc { code, headers: Vec::new(), body: b"refused by the check".to_vec() })
            .collect(),
        Operation::Sql(_) | Operation::Xa(_) | Operation::XaFinish { .. } => {
            vec![Answer::Refused(br#"{"message":"refused by the check","statement":1}"#.to_vec())]
        }
    };
    candidates.into_iter().find(|answer| answer.outcome(operation.convention(), map) == Outcome::Failure)
}

/// Whether the options say that there is no way back.
pub(crate) fn is_pivot(options: &BranchOptions) -> bool {
    options.effect == Some(CallEffect::Pivot)
}

#[cfg(test)]
mod tests {
    use reprise_engine::Pursuit;

    use super::*;

    fn call(branch: u32, op: Op, target: &str) -> Call {
        let operation = Operation::Http { method: "POST".into(), target: target.into(), body: Vec::new() };
        let name = CallName::new(BranchId::of_run(branch), op, &operation);
        Call { name, operation, options: BranchOptions::default(), pursuit: Pursuit::UntilDone, scope: None }
    }

    /// How often action and rollback of branch 1 took effect after these arrived, and whether an undo undid nothing.
    fn after(no_barrier: &[&str], arrivals: &[Op]) -> (u32, u32, bool) {
        let no_barrier: Vec<String> = no_barrier.iter().map(|name| (*name).to_owned()).collect();
        let replies = Replies::default();
        let mut world = World::new(&replies, &no_barrier, &[]);
        for op in arrivals {
            world.attempt(&call(1, *op, "bank/a"));
        }
        let branch = BranchId::of_run(1);
        let of_nothing = world.effects().iter().any(|effects| effects.of_nothing);
        (world.times(branch, Op::Action), world.times(branch, Op::Rollback), of_nothing)
    }

    #[test]
    fn a_barrier_lets_each_part_of_a_branch_take_effect_once() {
        use Op::{Action, Rollback};
        for (arrivals, with, without) in [
            (&[Action][..], (1, 0, false), (1, 0, false)),
            (&[Action, Action], (1, 0, false), (2, 0, false)),
            (&[Action, Rollback, Rollback], (1, 1, false), (1, 2, false)),
            (&[Rollback], (0, 0, false), (0, 1, true)),
            (&[Rollback, Action], (0, 0, false), (1, 1, true)),
        ] {
            assert_eq!(after(&[], arrivals), with, "{arrivals:?}");
            assert_eq!(after(&["bank"], arrivals), without, "{arrivals:?} without barrier");
        }
    }

    #[test]
    fn refusals_follow_the_outcome_map() {
        let operation = call(1, Op::Action, "bank/a").operation;
        let mut map = OutcomeMap::default();
        assert_eq!(refusal(&operation, &map).map(|answer| answer.status()), Some(409));
        map.http.insert("409".into(), Outcome::Success);
        map.http.insert("422-429".into(), Outcome::Failure);
        assert_eq!(refusal(&operation, &map).map(|answer| answer.status()), Some(422));
        let grpc = Operation::Grpc { target: "bank".into(), method: "b/M".into(), message: Vec::new() };
        assert_eq!(refusal(&grpc, &map).map(|answer| answer.status()), Some(10));
    }

    #[test]
    fn participants_are_named_as_calls_name_them() {
        for (target, want) in [("bank/a/b", "bank"), ("http://shop:8080/x?y", "shop:8080"), ("bank", "bank")] {
            assert_eq!(participant(&call(1, Op::Action, target).operation), Some(want));
        }
    }
}
