//! The scenarios of `tests/conformance/SCENARIOS.md`: input, answers, and what they must come to.

use reprise_engine::{CallResult, Operation};
use reprise_tests::drive::Script;
use serde_json::{Value, json};

use crate::orders::timers_first;
use crate::stub;

/// One run of a guest.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// For people: the scenario, and what is special about this run.
    pub(crate) name: String,
    pub(crate) input: Value,
    pub(crate) script: Script,
    pub(crate) want: Want,
    /// Whether the journal has to be Rust's.
    pub(crate) journal: Journal,
}

/// What a scenario comes to.
#[derive(Debug, Clone)]
pub(crate) enum Want {
    /// This output.
    Output(Vec<u8>),
    /// Some output: the journal tells which.
    AnyOutput,
    /// This failure.
    Failure { message: &'static str, details: &'static str },
    /// A failure whose message has this in it.
    FailureWith(&'static str),
    /// A trap whose message has this in it.
    Trap(&'static str),
    /// A handler that returns a failure with this message.
    HandlerFails(&'static str),
}

/// How the journal compares with Rust's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// The same bytes, and every replay writes them again.
    Same,
    /// The same bytes; a replay may find another order and ends well.
    SameLive,
    /// The same calls; every replay writes the same journal again.
    SameCalls,
}

/// Scenarios that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Calls,
    Errors,
    Concurrency,
    Bodies,
    Databases,
    PhaseTwo,
    Time,
    Input,
    Traps,
    Many,
}

impl Group {
    pub(crate) const ALL: [Self; 10] = [
        Self::Calls,
        Self::Errors,
        Self::Concurrency,
        Self::Bodies,
        Self::Databases,
        Self::PhaseTwo,
        Self::Time,
        Self::Input,
        Self::Traps,
        Self::Many,
    ];

    pub(crate) fn scenarios(self) -> Vec<Scenario> {
        match self {
            Self::Calls => calls(),
            Self::Errors => errors(),
            Self::Concurrency => concurrency(),
            Self::Bodies => bodies(),
            Self::Databases => databases(),
            Self::PhaseTwo => phase_two(),
            Self::Time => time(),
            Self::Input => input(),
            Self::Traps => traps(),
            Self::Many => vec![counting("many", 200), counting("many-tasks", 60)],
        }
    }
}

/// A scenario without parameters.
pub(crate) fn plain(scenario: &str, answer: fn(&Operation) -> CallResult, want: Want) -> Scenario {
    Scenario {
        name: scenario.to_owned(),
        input: json!({ "scenario": scenario }),
        script: Script::new(answer),
        want,
        journal: Journal::Same,
    }
}

fn output(scenario: &str, answer: fn(&Operation) -> CallResult, output: impl Into<Vec<u8>>) -> Scenario {
    plain(scenario, answer, Want::Output(output.into()))
}

fn failure(scenario: &str, answer: fn(&Operation) -> CallResult, message: &'static str) -> Scenario {
    plain(scenario, answer, Want::Failure { message, details: "" })
}

/// `many` or `many-tasks`.
pub(crate) fn counting(scenario: &str, count: u32) -> Scenario {
    let sum = format!(r#"{{"sum":{}}}"#, (1..=count).sum::<u32>());
    let input = json!({ "scenario": scenario, "count": count });
    Scenario { input, ..output(scenario, stub::answer, sum) }
}

fn named(name: &str, scenario: Scenario) -> Scenario {
    Scenario { name: format!("{}, {name}", scenario.name), ..scenario }
}

fn calls() -> Vec<Scenario> {
    vec![
        output("saga", stub::answer, r#"{"a":11,"b":22}"#),
        output("tcc", stub::answer, r#"{"a":11,"b":22}"#),
        output("options", stub::answer, r#"{"n":11}"#),
        output("full", stub::whole, r#"{"status":203,"header":"blue é"}"#),
        output("finish", stub::answer, r#"{"a":11}"#),
    ]
}

fn errors() -> Vec<Scenario> {
    let refused =
        Want::Failure { message: "the participant refused: kein Konto für Zoë", details: "kein Konto für Zoë" };
    vec![
        output("refused", stub::refusal, format!(r#"{{"refused":"{}"}}"#, stub::REFUSAL)),
        named("refused", plain("saga", stub::refusal, refused)),
        named(
            "exhausted",
            failure("saga", stub::exhausted, "no success within the allowed attempts: 3 attempts: HTTP 503"),
        ),
        named("too late", failure("saga", stub::too_late, "no success before the deadline: 7 attempts: HTTP 503")),
        named(
            "impossible",
            failure("saga", |_| CallResult::Invalid("no participant `stub`".into()), "no participant `stub`"),
        ),
        output("attempts", stub::exhausted, r#"{"error":"exhausted"}"#),
        output("deadline", stub::too_late, r#"{"error":"deadline"}"#),
        output("cancel", stub::answer, r#"{"error":"canceled"}"#),
        output("invalid", stub::answer, r#"{"error":"invalid"}"#),
        plain("failure", stub::answer, Want::Failure { message: "no stock", details: r#"{"sku":7}"# }),
    ]
}

fn concurrency() -> Vec<Scenario> {
    let timer = output("race", stub::answer, r#"{"winner":"timer"}"#);
    let both = output("race", stub::answer, r#"{"winner":"call"}"#);
    vec![
        output("fan-out", stub::answer, r#"{"order":[4,3,2,1]}"#),
        output("race", stub::answer, r#"{"winner":"call"}"#),
        named("the timer first", Scenario { script: timer.script.clone().ending(timers_first), ..timer }),
        named("both at once", Scenario { script: both.script.clone().at_once(2), journal: Journal::SameLive, ..both }),
    ]
}

fn bodies() -> Vec<Scenario> {
    let sum: u64 = stub::big().into_iter().map(u64::from).sum();
    let text = serde_json::to_string(stub::TEXT).expect("a text has a JSON form");
    vec![
        output("big", stub::answer, format!(r#"{{"bytes":{},"sum":{sum}}}"#, stub::BIG)),
        output("empty", stub::answer, ""),
        output("unicode", stub::answer, format!(r#"{{"text":{text}}}"#)),
        output("grpc", stub::answer, r#"{"hex":"082a"}"#),
    ]
}

fn databases() -> Vec<Scenario> {
    let no_rows: fn(&Operation) -> CallResult = |_| CallResult::Failure {
        status: 0,
        body: br#"{"message":"statement 1 affected 0 rows instead of 1","statement":1}"#.to_vec(),
    };
    let want = Want::Failure {
        message: "the participant refused: statement 1 affected 0 rows instead of 1",
        details: r#"{"message":"statement 1 affected 0 rows instead of 1","statement":1}"#,
    };
    vec![
        output("sql", stub::answer, r#"{"done":true}"#),
        named("refused", plain("sql", no_rows, want)),
        output("xa", stub::answer, r#"{"done":true}"#),
    ]
}

fn phase_two() -> Vec<Scenario> {
    vec![
        failure("handlers", stub::answer, "on purpose"),
        output("commit-handlers", stub::answer, r#"{"done":3}"#),
        plain("handler-fails", stub::again, Want::HandlerFails("handler `stubborn`: again")),
        named("the second time it works", failure("handler-fails", stub::answer, "on purpose")),
        failure("closures", stub::answer, "on purpose"),
    ]
}

fn time() -> Vec<Scenario> {
    vec![
        output("sleep", stub::answer, r#"{"slept":true}"#),
        output("now", stub::answer, r#"{"before":1700000000123,"after":1700000000143}"#),
        plain("random", stub::answer, Want::AnyOutput),
    ]
}

/// Input that is wrong: what is said of it is each language's own.
fn input() -> Vec<Scenario> {
    let wrong = |input: Value, text| Scenario {
        name: format!("input {input}"),
        input,
        journal: Journal::SameCalls,
        ..plain("bad-input", stub::answer, Want::FailureWith(text))
    };
    vec![
        failure("nonsense", stub::answer, "unknown scenario"),
        wrong(json!({ "scenario": "bad-input", "amount": "much" }), ""),
        wrong(json!({ "count": 1 }), "scenario"),
        wrong(json!(null), ""),
    ]
}

fn traps() -> Vec<Scenario> {
    vec![plain("trap", stub::answer, Want::Trap("boom in scenario"))]
}

#[test]
fn every_scenario_of_the_specification_is_played() {
    let specification = include_str!("../../conformance/SCENARIOS.md");
    let rows = specification.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let rows: Vec<&str> = rows.map(|(name, _)| name).collect();
    assert!(rows.len() > 30, "{rows:?}");
    let played: Vec<Scenario> = Group::ALL.into_iter().flat_map(Group::scenarios).collect();
    let elsewhere = ["entropy", "log", "http"];
    for row in rows {
        let is_played = played.iter().any(|scenario| scenario.input["scenario"] == row);
        assert!(is_played || elsewhere.contains(&row), "nobody plays `{row}`");
    }
}
