//! Errors as answers: what passes by itself is `Lost`, what the business refuses is `Refused`, what somebody has to
//! change is `Invalid`.

use std::error::Error as _;

use reprise_barrier::BarrierError;
use reprise_engine::Answer;
use serde_json::{Value, json};

use crate::dialect::Dialect;

/// What an error of a database means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It may pass by itself: a deadlock, a lost connection, a server that stops.
    Passing,
    /// The data says no: a constraint, a value out of range.
    Refusal,
    /// The statement or the database has to be changed.
    Mistake,
}

/// Why an operation is not done. Nothing of it is, except where a commit's answer is lost.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Failure {
    /// Try again.
    Lost(String),
    /// The answer of the business.
    Refused(Value),
    /// Can't be done as it stands.
    Invalid(String),
}

/// Why one statement can't be run.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database, or the way there.
    Database(sqlx::Error),
    /// What the statement asks for can't be done; what to do about it.
    Unusable(String),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Failure {
    /// The failure of statement `number`, from 1.
    pub(crate) fn of_statement<D: Dialect>(fault: Fault, number: usize) -> Self {
        let error = match fault {
            Fault::Unusable(text) => return Self::Invalid(format!("statement {number}: {text}")),
            Fault::Database(error) => error,
        };
        match sort::<D>(&error) {
            Sort::Passing => Self::Lost(format!("statement {number}: {}", describe(&error))),
            Sort::Refusal => {
                let mut refusal = refusal(&error);
                refusal["statement"] = json!(number);
                Self::Refused(refusal)
            }
            Sort::Mistake => Self::Invalid(format!("statement {number}: {}{}", describe(&error), D::advice(&error))),
        }
    }

    /// The failure to end a transaction that did not come to an end.
    pub(crate) fn of_end<D: Dialect>(error: &sqlx::Error, what: &str) -> Self {
        match sort::<D>(error) {
            Sort::Passing => Self::Lost(format!("{what}: {}", describe(error))),
            Sort::Refusal => Self::Refused(refusal(error)),
            Sort::Mistake => Self::Invalid(format!("{what}: {}{}", describe(error), D::advice(error))),
        }
    }

    /// A failure before or between the statements, which says nothing about them.
    pub(crate) fn of_way(error: &sqlx::Error) -> Self {
        Self::Lost(describe(error))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and what it does not say may pass")]
    pub(crate) fn of_barrier<D: Dialect>(error: BarrierError) -> Self {
        match error {
            BarrierError::Database(error) => match sort::<D>(&error) {
                Sort::Passing | Sort::Refusal => Self::Lost(format!("barrier: {}", describe(&error))),
                Sort::Mistake => Self::Invalid(format!(
                    "the barrier tables can't be used: {}; create them as docs/sql.md says, or grant SELECT, INSERT, \
                     UPDATE and DELETE on them",
                    describe(&error)
                )),
            },
            BarrierError::GidAlias { .. } => Self::Invalid(error.to_string()),
            _ => Self::Lost(error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))),
        }
    }

    /// The answer, naming the database.
    pub(crate) fn answer(self, database: &str) -> Answer {
        match self {
            Self::Lost(text) => Answer::Lost(format!("database `{database}`: {text}")),
            Self::Refused(refusal) => Answer::Refused(refusal.to_string().into_bytes()),
            Self::Invalid(text) => Answer::Invalid(format!("database `{database}`: {text}")),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open: whatever else goes wrong is on the way")]
fn sort<D: Dialect>(error: &sqlx::Error) -> Sort {
    match error {
        sqlx::Error::Database(error) => D::sort(error.as_ref()),
        sqlx::Error::Encode(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::TypeNotFound { .. } => Sort::Mistake,
        _ => Sort::Passing,
    }
}

/// Whether the server answered, rather than the way to it: then it is certain that the statement did nothing.
pub(crate) fn is_answer(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(_))
}

fn refusal(error: &sqlx::Error) -> Value {
    let mut refusal = json!({ "message": describe(error) });
    if let sqlx::Error::Database(error) = error {
        refusal["message"] = json!(error.message());
        if let Some(code) = error.code() {
            refusal["code"] = json!(code);
        }
        if let Some(constraint) = error.constraint() {
            refusal["constraint"] = json!(constraint);
        }
    }
    refusal
}

/// One line, without what sqlx puts before it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and the rest says its own")]
pub(crate) fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => match error.code() {
            Some(code) => format!("{} ({code})", error.message()),
            None => error.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => "no connection in time; it can't be reached, or all connections are in use".into(),
        other => other.to_string(),
    }
}
