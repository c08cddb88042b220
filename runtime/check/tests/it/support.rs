//! Guests, checked.

use std::sync::Arc;

use reprise_check::{Replies, Report, Setup, check};
use reprise_engine::Completeness;
use reprise_host::{Host, HostConfig, Program};

/// A host for a few instances.
pub(crate) fn host() -> Host {
    Host::new(HostConfig { instances: 4, memory_bytes_max: 64 << 20, ..HostConfig::default() }).expect("a small host")
}

/// The program of a guest of this workspace.
pub(crate) async fn program(host: &Host, package: &str, features: &[&str]) -> Arc<Program> {
    let built = match features {
        [] => reprise_tests::guest(package),
        features => reprise_tests::guest_with(package, features),
    };
    let bytes = std::fs::read(built.expect("it builds")).expect("cargo wrote it");
    host.prepare(bytes).await.expect("a good component").program
}

/// What to check: strictly, with these replies.
pub(crate) fn setup(program: Arc<Program>, input: &str, replies: &[&str]) -> Setup {
    let mut given = Replies::default();
    replies.iter().for_each(|reply| given.add(reply).expect("a reply"));
    Setup {
        program,
        upgrade: None,
        input: input.into(),
        replies: given,
        no_barrier: Vec::new(),
        completeness: Completeness::Strict,
    }
}

/// Checks a guest strictly, without barriers missing.
pub(crate) async fn checked(package: &str, input: &str, replies: &[&str]) -> Report {
    check(&setup(program(&host(), package, &[]).await, input, replies)).await
}

/// `error left-behind 01 action POST bank/first`, one line a finding.
pub(crate) fn findings(report: &Report) -> Vec<String> {
    let lines = report.findings.iter().map(|finding| {
        let call = finding.call.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {} {call}", finding.severity.name(), finding.kind.name()).trim_end().to_owned()
    });
    lines.collect()
}

/// One line a case: what was done, to which call, the end, what was left behind.
pub(crate) fn cases(report: &Report) -> String {
    let lines = report.cases.iter().map(|case| {
        let call = case.deed.call().map(|call| format!(" {call}")).unwrap_or_default();
        let left = case.left_behind.iter().map(|call| format!(" left {call}")).collect::<String>();
        format!("{}{call}: {}{left}", case.deed, case.end.name())
    });
    lines.collect::<Vec<_>>().join("\n")
}
