//! Whether to try again, and when.

use crate::ids::Timestamp;
use crate::operation::Convention;
use crate::options::{AnswerForm, BranchOptions};
use crate::outcome::{Answer, Outcome};
use crate::result::CallResult;

/// Pause after the first unknown attempt where no policy says otherwise, milliseconds.
const INITIAL_MS: u32 = 500;
/// Growth of the pause.
const FACTOR: f32 = 2.0;
/// Longest pause, milliseconds.
const MAX_MS: u32 = 60_000;
/// Shortest pause, whatever a policy says: nothing is repeated without one.
const PAUSE_MIN_MS: u64 = 10;
/// Share of a pause that chance takes off.
const JITTER: f32 = 0.25;
/// Pause after an "ongoing" answer, milliseconds.
const ONGOING_MS: u32 = 1_000;

/// What is known of the attempts of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts made, the last one included; 1 or more.
    pub made: u32,
    /// How many of them ended unknown; these grow the pause.
    pub unknown: u32,
    /// When the operation was intended.
    pub since: Timestamp,
}

/// What follows an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Record this result.
    Done(CallResult),
    /// Try again after a pause.
    Again {
        /// The pause, milliseconds.
        pause_ms: u64,
    },
}

/// How long a call is pursued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pursuit {
    /// Within the limits and the deadline of its options; every end is an answer.
    Limited,
    /// Until it is known what the participant did: a pivot must not be left in doubt.
    UntilKnown,
    /// Until it succeeds: phase two, and everything after a pivot.
    UntilDone,
}

/// Decides what follows an attempt that was answered with `answer`.
///
/// `chance`: 0.0 to 1.0, takes a share of the pause off; `now`: when the answer came.
#[must_use]
pub fn retry_decision(
    pursuit: Pursuit,
    convention: Convention,
    options: &BranchOptions,
    attempts: Attempts,
    answer: Answer,
    now: Timestamp,
    chance: f64,
) -> Verdict {
    let outcome = answer.outcome(convention, &options.outcome_map);
    // That a call can't be sent now says nothing about an attempt before, which another configuration let through.
    let says_nothing = matches!(answer, Answer::Invalid(_)) && attempts.made > 1;
    let ends = match pursuit {
        Pursuit::Limited => true,
        Pursuit::UntilKnown => !says_nothing,
        Pursuit::UntilDone => false,
    };
    if let Answer::Invalid(text) = &answer
        && ends
    {
        return Verdict::Done(CallResult::Invalid(text.clone()));
    }
    match outcome {
        Outcome::Success => return Verdict::Done(result(answer, Refused::No, convention, options)),
        Outcome::Failure if ends => return Verdict::Done(result(answer, Refused::Yes, convention, options)),
        Outcome::Failure | Outcome::Ongoing | Outcome::Unknown => {}
    }
    let pause_ms = match outcome {
        Outcome::Ongoing => u64::from(options.ongoing_ms.unwrap_or(ONGOING_MS)),
        Outcome::Success | Outcome::Failure | Outcome::Unknown => backoff_ms(options, attempts.unknown, chance),
    };
    let pause_ms = pause_ms.max(PAUSE_MIN_MS);
    if pursuit == Pursuit::Limited {
        if options.retry.attempts.is_some_and(|most| attempts.made >= most) {
            return Verdict::Done(CallResult::Exhausted { attempts: attempts.made, error: answer.summary() });
        }
        if let Some(deadline_ms) = options.deadline_ms {
            let due = attempts.since.plus_ms(u64::from(deadline_ms));
            if now.plus_ms(pause_ms) >= due {
                return Verdict::Done(CallResult::Deadline { attempts: attempts.made, error: answer.summary() });
            }
        }
    }
    Verdict::Again { pause_ms }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Yes,
    No,
}

fn result(answer: Answer, refused: Refused, convention: Convention, options: &BranchOptions) -> CallResult {
    let status = answer.status();
    let (headers, body) = answer.into_parts();
    let full = convention == Convention::Plain || options.answer == Some(AnswerForm::Full);
    match refused {
        _ if full => CallResult::Response { status, headers, body, refused: refused == Refused::Yes },
        Refused::No => CallResult::Success { status, body },
        Refused::Yes => CallResult::Failure { status, body },
    }
}

fn backoff_ms(options: &BranchOptions, unknown: u32, chance: f64) -> u64 {
    let retry = &options.retry;
    let initial = f64::from(retry.initial_ms.unwrap_or(INITIAL_MS));
    let factor = f64::from(retry.factor.unwrap_or(FACTOR));
    let exponent = i32::try_from(unknown.saturating_sub(1).min(1_000)).unwrap_or(1_000);
    let pause = (initial * factor.powi(exponent)).min(f64::from(retry.max_ms.unwrap_or(MAX_MS)));
    let jitter = f64::from(retry.jitter.unwrap_or(JITTER));
    (pause * (1.0 - jitter * chance.clamp(0.0, 1.0))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> BranchOptions {
        let mut options = BranchOptions::default();
        options.merge_json(json).expect("valid");
        options
    }

    fn decide(pursuit: Pursuit, options: &BranchOptions, made: u32, answer: Answer) -> Verdict {
        let attempts = Attempts { made, unknown: made, since: Timestamp(1_000) };
        retry_decision(pursuit, Convention::Transaction, options, attempts, answer, Timestamp(1_100), 0.0)
    }

    fn http(status: u16) -> Answer {
        Answer::Http { status, headers: Vec::new(), body: b"x".to_vec() }
    }

    #[test]
    fn decisions_follow_the_table() {
        let plain = options("{}");
        let three = options(r#"{"retry": {"attempts": 3, "initial_ms": 10, "max_ms": 15}}"#);
        let deadline = options(r#"{"deadline_ms": 150, "retry": {"initial_ms": 100}}"#);
        let again = |pause_ms| Verdict::Again { pause_ms };
        for (pursuit, options, made, answer, want) in [
            (
                Pursuit::Limited,
                &plain,
                1,
                http(200),
                Verdict::Done(CallResult::Success { status: 200, body: b"x".to_vec() }),
            ),
            (
                Pursuit::Limited,
                &plain,
                1,
                http(409),
                Verdict::Done(CallResult::Failure { status: 409, body: b"x".to_vec() }),
            ),
            (Pursuit::UntilDone, &plain, 1, http(409), again(500)),
            (Pursuit::Limited, &plain, 3, http(500), again(2_000)),
            (Pursuit::Limited, &plain, 99, http(500), again(60_000)),
            (Pursuit::Limited, &plain, 7, http(425), again(1_000)),
            (Pursuit::Limited, &three, 2, http(500), again(15)),
            (
                Pursuit::Limited,
                &three,
                3,
                http(500),
                Verdict::Done(CallResult::Exhausted { attempts: 3, error: "HTTP 500 x".into() }),
            ),
            (Pursuit::UntilDone, &three, 3, http(500), again(15)),
            (Pursuit::UntilKnown, &three, 3, http(500), again(15)),
            (
                Pursuit::UntilKnown,
                &three,
                3,
                http(409),
                Verdict::Done(CallResult::Failure { status: 409, body: b"x".to_vec() }),
            ),
            (
                Pursuit::Limited,
                &deadline,
                1,
                http(500),
                Verdict::Done(CallResult::Deadline { attempts: 1, error: "HTTP 500 x".into() }),
            ),
            (
                Pursuit::Limited,
                &plain,
                1,
                Answer::Invalid("no participant".into()),
                Verdict::Done(CallResult::Invalid("no participant".into())),
            ),
            (Pursuit::UntilDone, &plain, 1, Answer::Invalid("no participant".into()), again(500)),
            (
                Pursuit::UntilKnown,
                &plain,
                1,
                Answer::Invalid("no participant".into()),
                Verdict::Done(CallResult::Invalid("no participant".into())),
            ),
            (Pursuit::UntilKnown, &plain, 2, Answer::Invalid("no participant".into()), again(1_000)),
        ] {
            assert_eq!(decide(pursuit, options, made, answer.clone()), want, "{pursuit:?} {made} {answer:?}");
        }
    }

    #[test]
    fn jitter_only_shortens() {
        let plain = options("{}");
        assert_eq!(backoff_ms(&plain, 1, 1.0), 375);
        assert_eq!(backoff_ms(&plain, 1, 0.0), 500);
    }
}
