//! What the tests of both protocols share: a call, an outbound side, an address that nobody listens at.

use reprise_engine::{Answer, BranchId, BranchOptions, Gid, Op, Operation};
use reprise_outbound::{Call, Outbound, OutboundConfig, Participant};

/// A configuration that knows `bank` at `url`.
pub(crate) fn bank_at(url: &str) -> OutboundConfig {
    let mut config = OutboundConfig::default();
    config.participants.insert("bank".into(), Participant::at(url));
    config
}

/// An outbound side that knows `bank` at `url`.
pub(crate) fn outbound(url: &str) -> Outbound {
    Outbound::new(bank_at(url)).expect("valid configuration")
}

/// Performs the action of branch 02 of `order-42` once.
pub(crate) async fn act(outbound: &Outbound, operation: &Operation, options: &str) -> Answer {
    perform(outbound, operation, options, Op::Action, None).await
}

/// Performs one attempt for branch 02 of `order-42`.
pub(crate) async fn perform(
    outbound: &Outbound,
    operation: &Operation,
    options: &str,
    op: Op,
    outcome: Option<&'static str>,
) -> Answer {
    let gid: Gid = "order-42".parse().expect("valid gid");
    let mut checked = BranchOptions::default();
    checked.merge_json(options).expect("valid options");
    let branch = BranchId::of_run(2);
    outbound
        .perform(Call { gid: &gid, branch, op, operation, options: &checked, must_succeed: false, attempt: 1, outcome })
        .await
}

/// A URL at which connections are refused.
pub(crate) fn refused_url() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// The text of an answer that was lost.
pub(crate) fn lost(answer: Answer) -> String {
    let Answer::Lost(text) = &answer else { panic!("not lost: {answer:?}") };
    text.clone()
}

/// The text of an answer that says the operation can't be sent.
pub(crate) fn invalid(answer: Answer) -> String {
    let Answer::Invalid(text) = &answer else { panic!("not invalid: {answer:?}") };
    text.clone()
}
