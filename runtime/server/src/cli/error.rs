//! What can go wrong in a command, and what is said about it.

use std::error::Error;
use std::fmt::{self, Display, Write as _};
use std::io;

use reprise_host::{ComponentError, HostError};
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::exit_code::Exit;
use super::output::clean;

/// Why a command did not do what was asked for.
#[derive(Debug, Error)]
pub enum CliError {
    /// The arguments make no sense together.
    #[error("{0}")]
    Usage(String),
    /// No server answers there.
    #[error("no server answers at {url}")]
    Unreachable {
        /// Where.
        url: String,
        /// What happened instead.
        source: reqwest::Error,
    },
    /// The connection broke before the whole answer was there.
    #[error("the connection to {url} broke")]
    Broken {
        /// Where.
        url: String,
        /// How.
        source: reqwest::Error,
    },
    /// The server answered with an error.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The server answered with something else than its API promises.
    #[error("{url} answered with something that is not the API of Reprise: {reason}")]
    Foreign {
        /// Where.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file or folder can't be read or written.
    #[error("can't {doing}")]
    File {
        /// `read x.wasm`.
        doing: String,
        /// Why.
        source: io::Error,
    },
    /// A component that can't be checked.
    #[error("`{file}` can't be checked: {source}")]
    Component {
        /// Which.
        file: String,
        /// What is wrong with it.
        source: ComponentError,
    },
    /// A core module that no component can be made of.
    #[error("`{file}`: {source}")]
    Module {
        /// Which.
        file: String,
        /// What is wrong with it.
        source: ComponentError,
    },
    /// The host of guests can't work here.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Whoever reads stdout has gone, or its disk is full.
    #[error("can't write to stdout")]
    Stdout(#[source] io::Error),
    /// The runtime could not be started or stopped with an error.
    #[error("{0:#}")]
    Serve(anyhow::Error),
}

/// An RFC 9457 problem document.
#[derive(Debug, Deserialize)]
pub struct Problem {
    /// The HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// A URI whose last segment names the problem.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The problem in general.
    #[serde(default)]
    pub title: String,
    /// This occurrence, and what to do.
    #[serde(default)]
    pub detail: String,
    /// What else the server says.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Problem {
    /// Reads the body of an answer with this status; what is no problem document becomes the detail of one.
    pub(super) fn read(status: reqwest::StatusCode, body: &str) -> Self {
        let reason = status.canonical_reason().unwrap_or("error");
        let mut problem: Self = serde_json::from_str(body).unwrap_or_else(|_| Self {
            status: 0,
            kind: String::new(),
            title: reason.to_owned(),
            detail: body.trim().chars().take(400).collect(),
            more: Map::new(),
        });
        problem.status = status.as_u16();
        if problem.detail.is_empty() {
            problem.detail = if problem.title.is_empty() { reason.to_owned() } else { problem.title.clone() };
        }
        problem
    }

    /// `unknown-workflow`; the status where the server names none.
    fn slug(&self) -> String {
        let last = self.kind.rsplit(['/', ':', '#']).next().unwrap_or_default();
        if last.is_empty() || last == "blank" { format!("http-{}", self.status) } else { last.to_owned() }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl CliError {
    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Problem(problem) => Exit::of_status(problem.status),
            // Whoever read stdout has read enough, as `head` does.
            Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Component { .. } | Self::Module { .. } => Exit::Unusable,
            Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Foreign { .. }
            | Self::Host(_)
            | Self::File { .. }
            | Self::Stdout(_)
            | Self::Serve(_) => Exit::Trouble,
        }
    }

    /// What to tell on stderr: `error[slug]: what happened`, its causes, and what to do. None if nobody needs to know.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        if self.exit() == Exit::Ok {
            return None;
        }
        let mut text = format!("error[{}]: {}", self.slug(), clean(&self.to_string()));
        let mut cause = self.source();
        while let Some(error) = cause {
            let said = clean(&error.to_string());
            if !text.contains(&said) {
                // Writing to a string does not fail.
                let _ = write!(text, ": {said}");
            }
            cause = error.source();
        }
        if let Self::Problem(problem) = self {
            for (name, value) in problem.more.iter().filter(|(name, _)| !["status", "help"].contains(&name.as_str())) {
                let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                if !problem.detail.contains(&value) {
                    let _ = write!(text, "\n  {}: {}", clean(name), clean(&value).replace('\n', "\n    "));
                }
            }
        }
        if let Some(help) = self.help() {
            let _ = write!(text, "\nhelp: {help}");
        }
        Some(text)
    }

    fn slug(&self) -> String {
        match self {
            Self::Problem(problem) => clean(&problem.slug()),
            Self::Usage(_) => "usage".into(),
            Self::Unreachable { .. } => "unreachable".into(),
            Self::Broken { .. } => "broken-connection".into(),
            Self::Foreign { .. } => "not-reprise".into(),
            Self::File { .. } => "file".into(),
            Self::Component { .. } | Self::Module { .. } => "invalid-component".into(),
            Self::Host(_) => "host".into(),
            Self::Stdout(_) => "stdout".into(),
            Self::Serve(_) => "serve".into(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Unreachable { .. } => {
                Some("start one with `reprise serve`, or name another with --server URL or REPRISE_SERVER".into())
            }
            Self::Broken { .. } => {
                Some("whether it was done is unknown; the same command with the same gid is safe to repeat".into())
            }
            Self::Foreign { .. } => Some("check --server and REPRISE_SERVER, and that both versions fit".into()),
            Self::Problem(problem) => problem.more.get("help").and_then(Value::as_str).map(clean),
            Self::Usage(_) => Some("see --help".into()),
            Self::File { .. }
            | Self::Component { .. }
            | Self::Module { .. }
            | Self::Host(_)
            | Self::Stdout(_)
            | Self::Serve(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;

    use super::*;

    fn message(status: u16, body: &str) -> String {
        let problem = Problem::read(StatusCode::from_u16(status).expect("a status"), body);
        CliError::Problem(Box::new(problem)).message().expect("it is told")
    }

    #[test]
    fn a_problem_is_told_with_its_name_and_members() {
        let body = r#"{"type": "https://reprise.dev/problems/gid-conflict", "title": "Conflict", "status": 409,
            "detail": "`a` runs with another input", "differs": ["input"], "help": "choose another gid"}"#;
        insta::assert_snapshot!(message(409, body), @r#"
        error[gid-conflict]: `a` runs with another input
          differs: ["input"]
        help: choose another gid
        "#);
    }

    #[test]
    fn what_is_no_problem_document_is_told_as_it_is() {
        assert_eq!(message(502, "bad gateway\u{1b}[2J"), "error[http-502]: bad gateway\u{fffd}[2J");
        assert_eq!(message(404, ""), "error[http-404]: Not Found");
    }

    #[test]
    fn nobody_needs_to_know_that_head_has_read_enough() {
        let error = CliError::Stdout(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((error.exit(), error.message()), (Exit::Ok, None));
    }
}
