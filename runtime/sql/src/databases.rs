//! The handle: all databases of the configuration, by name.

use std::collections::BTreeMap;
use std::time::Duration;

use reprise_engine::{Answer, BranchId, Gid, Op, Operation};
use sqlx::{MySql, Postgres, Sqlite};

use crate::call::SqlCall;
use crate::config::{DatabaseConfig, DatabasesError, Kind};
use crate::database::Database;
use crate::failure::Failure;
use crate::{local, xa};

/// How long an answer about a database may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// All databases of the configuration. One per process: it holds the connections.
#[derive(Debug, Default)]
pub struct Databases(BTreeMap<String, Any>);

#[derive(Debug)]
enum Any {
    Sqlite(Database<Sqlite>),
    Postgres(Database<Postgres>),
    MySql(Database<MySql>),
}

/// A transaction that a database keeps prepared under a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The execution that its name names.
    pub gid: Gid,
    /// The branch, as text.
    pub branch: String,
    /// How long ago it was prepared, if the database knows.
    pub age_ms: Option<u64>,
}

impl Databases {
    /// Checks the settings; connects to nobody. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DatabasesError`]: settings that can't be used; the text says which and what to write instead.
    pub fn new(config: BTreeMap<String, DatabaseConfig>) -> Result<Self, DatabasesError> {
        let open = |(name, config): (String, DatabaseConfig)| {
            let any = match config.kind() {
                Some(Kind::Sqlite) => Any::Sqlite(Database::new(&name, &config)?),
                Some(Kind::Postgres) => Any::Postgres(Database::new(&name, &config)?),
                Some(Kind::MySql) => Any::MySql(Database::new(&name, &config)?),
                None => return Err(DatabasesError::Scheme { name }),
            };
            Ok((name, any))
        };
        config.into_iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Names and kinds, in order of the names.
    pub fn list(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.0.iter().map(|(name, any)| (name.as_str(), any.kind()))
    }

    /// Makes one attempt and says what came of it: [`Answer::Rows`], [`Answer::Refused`], [`Answer::Lost`] or
    /// [`Answer::Invalid`].
    ///
    /// Dropping the future gives the attempt up and closes its connection; it may have taken effect.
    pub async fn perform(&self, call: SqlCall<'_>) -> Answer {
        let name = match call.operation {
            Operation::Sql(sql) | Operation::Xa(sql) => &sql.database,
            Operation::XaFinish { database } => database,
            Operation::Http { .. } | Operation::Grpc { .. } | Operation::Request { .. } => {
                return Answer::Invalid(format!("{} is not for a database", call.operation));
            }
        };
        let Some(any) = self.0.get(name) else { return self.unknown(name) };
        let done = match tokio::time::timeout(call.timeout, any.perform(call)).await {
            Ok(done) => done,
            Err(_) => {
                let ms = call.timeout.as_millis();
                Err(Failure::Lost(format!("not done within {ms} ms; the connection was closed")))
            }
        };
        match done {
            Ok(reply) => Answer::Rows(reply.into_bytes()),
            Err(failure) => failure.answer(name),
        }
    }

    /// What a database keeps prepared under names of ours; nothing on SQLite.
    ///
    /// # Errors
    /// It can't be asked; the text says why.
    pub async fn prepared(&self, name: &str) -> Result<Vec<Prepared>, String> {
        let Some(any) = self.0.get(name) else { return Err(format!("no database `{name}` is configured")) };
        let listed = tokio::time::timeout(LOOK_TIMEOUT, any.listed()).await;
        let listed = listed.unwrap_or_else(|_| Err(Failure::Lost("no answer in time".into())));
        let listed = listed.map_err(|failure| failure.answer(name).summary())?;
        // A gid that none of ours could have is none of ours.
        let ours =
            |one: xa::Listed| Some(Prepared { gid: one.gid.parse().ok()?, branch: one.branch, age_ms: one.age_ms });
        Ok(listed.into_iter().filter_map(ours).collect())
    }

    /// Ends the XA transaction of a branch, as [`Op::Commit`] or [`Op::Rollback`] says. It can be repeated.
    pub async fn finish(&self, name: &str, gid: &Gid, branch: BranchId, op: Op, timeout: Duration) -> Answer {
        let operation = Operation::XaFinish { database: name.to_owned() };
        self.perform(SqlCall {
            gid,
            branch,
            op,
            operation: &operation,
            must_succeed: true,
            timeout,
            reply_bytes_max: 0,
        })
        .await
    }

    fn unknown(&self, name: &str) -> Answer {
        let known = match self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => "none".to_owned(),
            known => known,
        };
        Answer::Invalid(format!(
            "no database `{name}`; configured: {known}. Add [databases.{name}] with url = \"postgres://..\", \"mysql://..\" \
             or \"sqlite:..\" to the configuration"
        ))
    }
}

impl Any {
    const fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
            Self::MySql(_) => Kind::MySql,
        }
    }

    async fn perform(&self, call: SqlCall<'_>) -> Result<String, Failure> {
        match (self, call.operation) {
            (Self::Sqlite(database), Operation::Sql(sql)) => local::perform(database, call, sql).await,
            (Self::Postgres(database), Operation::Sql(sql)) => local::perform(database, call, sql).await,
            (Self::MySql(database), Operation::Sql(sql)) => local::perform(database, call, sql).await,
            (Self::Postgres(database), Operation::Xa(sql)) => xa::perform(database, call, sql).await,
            (Self::MySql(database), Operation::Xa(sql)) => xa::perform(database, call, sql).await,
            (Self::Postgres(database), _) => xa::finish(database, call).await,
            (Self::MySql(database), _) => xa::finish(database, call).await,
            // It was never prepared, so a rollback has nothing to do.
            (Self::Sqlite(_), Operation::XaFinish { .. }) if call.op == Op::Rollback => Ok(local::NOTHING.to_owned()),
            (Self::Sqlite(_), _) => Err(Failure::Invalid(
                "SQLite can't prepare transactions; use a SQL operation with on-rollback (SAGA), or on-commit and \
                 on-rollback (TCC)"
                    .into(),
            )),
        }
    }

    async fn listed(&self) -> Result<Vec<xa::Listed>, Failure> {
        match self {
            Self::Sqlite(database) => database.lease().await.map(|lease| {
                lease.give_back();
                Vec::new()
            }),
            Self::Postgres(database) => xa::list(database).await,
            Self::MySql(database) => xa::list(database).await,
        }
    }
}
