//! Results in several orders: what runs at once must do the same in every language, whichever ends first.

use anyhow::Result;
use reprise_engine::Timestamp;
use reprise_tests::Language;
use reprise_tests::drive::{Open, Script};
use rstest::rstest;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::agree::agrees_with_rust;
use crate::scenarios::{Journal, Scenario, Want, counting, plain};
use crate::stub;

/// Timers first, then the newest call.
pub(crate) fn timers_first(open: &[Open]) -> usize {
    open.iter().position(|open| matches!(open, Open::Timer { .. })).unwrap_or(open.len() - 1)
}

fn oldest(_: &[Open]) -> usize {
    0
}

/// A chance that is the same in every language and every replay.
fn by_chance(seed: u64) -> impl Fn(&[Open]) -> usize {
    move |open| {
        let rank = |index: &usize| match &open[*index] {
            Open::Call(send) => xxh3_64_with_seed(send.operation.to_string().as_bytes(), seed),
            Open::Timer { due: Timestamp(due), .. } => xxh3_64_with_seed(&due.to_le_bytes(), seed),
        };
        (0..open.len()).min_by_key(rank).unwrap_or(0)
    }
}

/// What runs at once, each in its usual order.
fn at_once() -> Vec<Scenario> {
    let tcc = plain("tcc", stub::answer, Want::Output(br#"{"a":11,"b":22}"#.into()));
    vec![plain("fan-out", stub::answer, Want::AnyOutput), tcc, counting("many-tasks", 12)]
}

fn ordered(name: &str, order: impl Fn(Script) -> Script, journal: Journal) -> Vec<Scenario> {
    let ordered = |scenario: Scenario| {
        let (name, script) = (format!("{}, {name}", scenario.name), order(scenario.script));
        Scenario { name, script, journal, ..scenario }
    };
    at_once().into_iter().map(ordered).collect()
}

#[rstest]
#[tokio::test]
async fn one_by_one(
    #[values(Language::Python, Language::Js, Language::JsStarlingMonkey, Language::Go, Language::C)] language: Language,
) -> Result<()> {
    agrees_with_rust(language, ordered("the oldest first", |script| script.ending(oldest), Journal::Same)).await?;
    for seed in 0..8 {
        let name = format!("by chance {seed}");
        agrees_with_rust(language, ordered(&name, |script| script.ending(by_chance(seed)), Journal::Same)).await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn several_at_once(
    #[values(Language::Python, Language::Js, Language::JsStarlingMonkey, Language::Go, Language::C)] language: Language,
) -> Result<()> {
    for results in [2, 3, usize::MAX] {
        for seed in 0..4 {
            let name = format!("{results} by chance {seed}");
            let order = |script: Script| script.ending(by_chance(seed)).at_once(results);
            agrees_with_rust(language, ordered(&name, order, Journal::SameLive)).await?;
        }
    }
    Ok(())
}
