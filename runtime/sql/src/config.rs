//! Settings: which databases there are. Checked once, by [`crate::Databases::new`]; credentials never leave this room.

use std::fmt;
use std::time::Duration;

use reprise_barrier::{BarrierError, Tables};
use serde::Deserialize;
use thiserror::Error;

/// A database that SQL and XA operations name: `[databases.ledger]` in the configuration.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/name`, `mysql://..`, `mariadb://..` or `sqlite:/path/to/file`.
    pub url: String,
    /// Connections at most.
    #[serde(default = "connections")]
    pub connections: u32,
    /// Longest wait for a connection, from the pool or a new one.
    #[serde(default = "connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Longest time of one statement, kept by the server itself; an attempt's own timeout shortens it.
    #[serde(default = "statement_timeout_ms")]
    pub statement_timeout_ms: u64,
    /// The barrier table where it is not the usual one: `dtm_barrier.barrier`, on SQLite `barrier`.
    #[serde(default)]
    pub barrier_table: Option<String>,
}

const fn connections() -> u32 {
    10
}

const fn connect_timeout_ms() -> u64 {
    2_000
}

const fn statement_timeout_ms() -> u64 {
    30_000
}

impl DatabaseConfig {
    /// A database at `url` with everything else at its default.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connections: connections(),
            connect_timeout_ms: connect_timeout_ms(),
            statement_timeout_ms: statement_timeout_ms(),
            barrier_table: None,
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    /// What the URL's scheme says.
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self.url.split(':').next()? {
            "postgres" | "postgresql" => Some(Kind::Postgres),
            "mysql" | "mariadb" => Some(Kind::MySql),
            "sqlite" => Some(Kind::Sqlite),
            _ => None,
        }
    }

    pub(crate) fn tables(&self) -> Result<Option<Tables>, BarrierError> {
        self.barrier_table.as_deref().map(Tables::new).transpose()
    }
}

impl fmt::Debug for DatabaseConfig {
    /// Names the kind of database and hides where it is and who connects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &self.kind().map_or("(hidden)", |kind| kind.hidden_url()))
            .field("connections", &self.connections)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("statement_timeout_ms", &self.statement_timeout_ms)
            .field("barrier_table", &self.barrier_table)
            .finish()
    }
}

/// What a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// PostgreSQL, or what speaks its protocol.
    Postgres,
    /// MySQL or MariaDB.
    MySql,
}

impl Kind {
    /// `sqlite`, `postgres` or `mysql`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    const fn hidden_url(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite:(hidden)",
            Self::Postgres => "postgres:(hidden)",
            Self::MySql => "mysql:(hidden)",
        }
    }
}

/// Settings that can't be used; none of them shows a URL.
#[derive(Debug, Error)]
pub enum DatabasesError {
    /// Neither of the three kinds.
    #[error("database `{name}`: `url` has to begin with postgres://, mysql://, mariadb:// or sqlite:")]
    Scheme {
        /// The database's name.
        name: String,
    },
    /// The rest of the URL.
    #[error("database `{name}`: `url` can't be used: {reason}")]
    Url {
        /// The database's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The barrier table's name.
    #[error("database `{name}`: `barrier_table`: {source}")]
    BarrierTable {
        /// The database's name.
        name: String,
        /// What is wrong with it.
        source: BarrierError,
    },
    /// A number that leaves nothing.
    #[error("database `{name}`: `{key}` has to be at least 1")]
    Zero {
        /// The database's name.
        name: String,
        /// Which setting.
        key: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", DatabaseConfig::at("postgres://me:secret@bank/ledger"));
        assert!(shown.contains("postgres:") && !shown.contains("secret") && !shown.contains("bank"), "{shown}");
    }
}
