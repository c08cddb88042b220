//! A report as text: a table of the cases, what was found, and a sum.

use std::fmt::Write as _;

use reprise_check::{CaseReport, Deed, End, Finding, Report, Severity};

use super::super::columns::{Cell, Columns};
use super::super::output::clean;
use super::super::paint::{Paint, Role};

/// Numbers of cases that are named with a finding.
const CASES_SHOWN: usize = 4;

/// The whole report.
pub(super) fn draw(report: &Report, paint: Paint) -> String {
    let rows: Vec<Vec<Cell>> = std::iter::once(head()).chain(rows(&report.cases)).collect();
    let mut columns = Columns::default();
    rows.iter().for_each(|row| columns.fit(row));
    let mut text = String::new();
    for row in &rows {
        text.push_str(&columns.line(paint, row));
        text.push('\n');
    }
    for finding in &report.findings {
        draw_finding(&mut text, finding, paint);
    }
    let (cases, errors) = (report.cases.len(), report.count(Severity::Error));
    let sum = format!(
        "{}, {}, {}",
        counted(cases, "case"),
        counted(errors, "error"),
        counted(report.count(Severity::Warning), "warning")
    );
    let role = if errors > 0 { Role::Bad } else { Role::Good };
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n{}", paint.paint(role, &sum));
    text
}

fn head() -> Vec<Cell> {
    ["case", "what", "call", "end", "left behind"].map(|title| (Role::Quiet, title.to_owned())).into()
}

/// One row a case; crashes and timeouts one after the other that end alike share one.
fn rows(cases: &[CaseReport]) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    let mut from = 0;
    while from < cases.len() {
        let alike = cases[from..].iter().take_while(|case| share_a_row(&cases[from], case)).count().max(1);
        rows.push(row(from, &cases[from..from + alike]));
        from += alike;
    }
    rows
}

fn share_a_row(first: &CaseReport, other: &CaseReport) -> bool {
    let kind = |case: &CaseReport| match case.deed {
        Deed::Crash { .. } => Some("crash"),
        Deed::Timeout { .. } => Some("timeout"),
        Deed::Baseline | Deed::Trouble { .. } => None,
    };
    kind(first).is_some()
        && kind(first) == kind(other)
        && first.end.name() == other.end.name()
        && first.beside == other.beside
        && first.left_behind == other.left_behind
}

fn row(number: usize, cases: &[CaseReport]) -> Vec<Cell> {
    let (first, last) = (&cases[0], &cases[cases.len() - 1]);
    let (mut numbers, mut what) = (number.to_string(), first.deed.to_string());
    if cases.len() > 1
        && let Deed::Crash { entries } | Deed::Timeout { entries } = last.deed
    {
        let _ = write!(numbers, "-{}", number + cases.len() - 1);
        let _ = write!(what, " to {}", entries.saturating_sub(1));
    }
    let beside = first.beside.iter().map(|deed| match deed.call() {
        Some(call) => format!("{} {} {deed}", call.branch, call.op),
        None => deed.to_string(),
    });
    let beside = beside.collect::<Vec<_>>().join("; ");
    let call = first.deed.call().map(|call| clean(&call.to_string())).unwrap_or_default();
    let call = match (call.is_empty(), beside.is_empty()) {
        (_, true) => call,
        (true, false) => format!("with {beside}"),
        (false, false) => format!("{call}, with {beside}"),
    };
    let role = match first.end {
        End::Succeeded | End::Failed { .. } => Role::Normal,
        End::Waits { .. } => Role::Busy,
        End::Quarantined { .. } => Role::Bad,
    };
    let left = first.left_behind.iter().map(|call| clean(&call.to_string())).collect::<Vec<_>>().join(", ");
    vec![
        (Role::Quiet, numbers),
        (Role::Normal, what),
        (Role::Normal, call),
        (role, first.end.name().to_owned()),
        (Role::Bad, left),
    ]
}

/// `error[left-behind]: 01 action POST bank/out took effect, ..`, where it shows, and what to do.
fn draw_finding(text: &mut String, finding: &Finding, paint: Paint) {
    let Finding { severity, kind, call, message, help, cases } = finding;
    let role = if *severity == Severity::Error { Role::Bad } else { Role::Busy };
    let label = paint.paint(role, &format!("{}[{}]", severity.name(), kind.name()));
    let about = call.as_ref().map(|call| format!("{call} ")).unwrap_or_default();
    let message = clean(&format!("{about}{message}")).replace('\n', "\n  ");
    let shown = cases.iter().take(CASES_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let more = match cases.len().saturating_sub(CASES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if cases.len() == 1 { "case" } else { "cases" };
    let _ = writeln!(text, "\n{label}: {message}\n  in {noun} {shown}{more}\nhelp: {}", clean(help));
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
