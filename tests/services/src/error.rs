//! What keeps a server from serving.

use std::{io, path::PathBuf};

use crate::product::Product;

/// Why there is no server, or no database on it.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// A program of the server is not on this machine.
    #[error("`{program}` is not installed; install the Debian package `{package}`, or run `make test`, which does")]
    Missing {
        /// The program that was looked for.
        program: &'static str,
        /// What brings it.
        package: &'static str,
    },
    /// The folder for the data could not be filled.
    #[error("{product} could not create its data in `{}`:\n{output}", folder.display())]
    Prepare {
        /// The server.
        product: Product,
        /// Where its data was to be.
        folder: PathBuf,
        /// What its program said.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("{product} did not start; its last lines:\n{log}")]
    Start {
        /// The server.
        product: Product,
        /// The end of what it said.
        log: String,
    },
    /// A file, a pipe or a signal did not do as told.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// PostgreSQL or MariaDB did not create a database.
    #[error("cannot create a database at `{url}`; is the server that the environment names still running?")]
    Sql {
        /// The server.
        url: String,
        /// Why it failed.
        source: sqlx::Error,
    },
    /// Redis did not give a database.
    #[error("cannot take a database at `{url}`; is the server that the environment names still running?")]
    Redis {
        /// The server.
        url: String,
        /// Why it failed.
        source: redis::RedisError,
    },
}

impl ServicesError {
    /// For `map_err`: `what` is a verb and its object.
    pub(crate) fn io<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source: source.into() }
    }
}
