//! What is wrong in the configuration, where, and what would be right.

use std::path::PathBuf;

use figment::error::Kind;
use thiserror::Error;

/// A configuration that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// The named file is not there.
    #[error("the configuration file {path} does not exist or is no file; correct --config")]
    NoFile {
        /// Which.
        path: PathBuf,
    },
    /// Keys or values that are not valid, one line each.
    #[error("{0}")]
    Keys(String),
    /// A value out of range.
    #[error("key `{key}`: use {rule}")]
    Rule {
        /// Which key.
        key: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

impl From<figment::Error> for ConfigError {
    fn from(error: figment::Error) -> Self {
        Self::Keys(error.into_iter().map(|error| describe(&error)).collect::<Vec<_>>().join("\n"))
    }
}

fn describe(error: &figment::Error) -> String {
    let metadata = error.metadata.as_ref();
    let source = metadata.and_then(|metadata| metadata.source.as_ref()).map(ToString::to_string);
    let source = source.or_else(|| metadata.map(|metadata| metadata.name.to_string()));
    let place = source.map(|source| format!(" in {source}")).unwrap_or_default();
    let mut path = error.path.clone();
    let what = match &error.kind {
        Kind::UnknownField(field, known) => {
            // The path may end with the field or before it.
            if path.last() != Some(field) {
                path.push(field.clone());
            }
            format!("is unknown; use one of {}", known.join(", "))
        }
        // Headers and URLs of databases carry credentials: what was found there is not shown.
        Kind::InvalidType(_, expected)
            if path.iter().any(|key| key == "headers")
                || path.first().is_some_and(|key| ["databases", "discovery", "store_url"].contains(&key.as_str())) =>
        {
            format!("has another type; use {expected}")
        }
        Kind::Message(_)
        | Kind::InvalidType(..)
        | Kind::InvalidValue(..)
        | Kind::InvalidLength(..)
        | Kind::UnknownVariant(..)
        | Kind::MissingField(_)
        | Kind::DuplicateField(_)
        | Kind::ISizeOutOfRange(_)
        | Kind::USizeOutOfRange(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedKey(..) => error.kind.to_string(),
    };
    if path.is_empty() { format!("{what}{place}") } else { format!("key `{}`{place}: {what}", path.join(".")) }
}
