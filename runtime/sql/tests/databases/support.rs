//! A fresh database, its handle, and a way to look behind the handle's back.

use std::collections::BTreeMap;
use std::time::Duration;

use reprise_engine::{Answer, BranchId, Gid, Op, Operation, SqlOperation, SqlValue, Statement};
use reprise_sql::{DatabaseConfig, Databases, SqlCall};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// The name that operations say.
pub(crate) const NAME: &str = "ledger";

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Sqlite,
    Postgres,
    MariaDb,
}

/// A fresh database.
pub(crate) struct Subject {
    pub(crate) product: Product,
    pub(crate) url: String,
    pub(crate) databases: Databases,
    _folder: Option<TempDir>,
}

/// Transactions of connections that are on their way out.
const OF_CONNECTIONS_THAT_GO: &str = "SELECT COUNT(*) FROM information_schema.INNODB_TRX t \
     LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
     WHERE t.trx_mysql_thread_id <> 0 AND (p.ID IS NULL OR p.COMMAND IN ('Killed', 'Quit'))";

impl Subject {
    /// On the shared server.
    pub(crate) async fn new(product: Product) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match product {
            Product::Sqlite => format!("sqlite:{}?mode=rwc", folder.path().join("ledger.db").display()),
            Product::Postgres => reprise_test_services::postgres().await,
            Product::MariaDb => reprise_test_services::mariadb().await,
        };
        Self { _folder: Some(folder), ..Self::at(product, &url).await }
    }

    /// With a table `account`: `alice` has 100, `bob` nothing, and nobody less.
    pub(crate) async fn at(product: Product, url: &str) -> Self {
        let subject = Self { product, url: url.to_owned(), databases: open(url), _folder: None };
        subject
            .execute("CREATE TABLE account (id VARCHAR(20) PRIMARY KEY, balance BIGINT NOT NULL CHECK (balance >= 0))")
            .await;
        subject.execute("INSERT INTO account VALUES ('alice', 100), ('bob', 0)").await;
        subject
    }

    /// Loses all connections, as a process that ends, and waits until the server knows it too: only then may somebody
    /// else end what was prepared on one of them.
    pub(crate) async fn let_go(&mut self) {
        self.databases = open(&self.url);
        if self.product == Product::MariaDb {
            for _ in 0..100 {
                // InnoDB answers from what it knew before, unless nobody has asked for a tenth of a second.
                tokio::time::sleep(std::time::Duration::from_millis(130)).await;
                if self.number(OF_CONNECTIONS_THAT_GO).await == 0 {
                    return;
                }
            }
            panic!("the server does not let go");
        }
    }

    /// Runs a statement on a connection of its own.
    pub(crate) async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn try_execute(&self, sql: &str) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.product {
            Product::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
            Product::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
            Product::MariaDb => {
                let mut connection = MySqlConnection::connect(&self.url).await?;
                sqlx::raw_sql(sql).execute(&mut connection).await?;
                connection.close().await
            }
        }
    }

    /// The integer that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let text = AssertSqlSafe(sql.to_owned());
        let number = match self.product {
            Product::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.expect("connects");
                sqlx::query_scalar(text).fetch_one(&mut connection).await
            }
            Product::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.expect("connects");
                sqlx::query_scalar(text).fetch_one(&mut connection).await
            }
            Product::MariaDb => {
                let mut connection = MySqlConnection::connect(&self.url).await.expect("connects");
                sqlx::query_scalar(text).fetch_one(&mut connection).await
            }
        };
        number.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn balance(&self, id: &str) -> i64 {
        self.number(&format!("SELECT balance FROM account WHERE id = '{id}'")).await
    }

    /// A statement with its `?` as this database writes them.
    pub(crate) fn statement(&self, sql: &str, parameters: Vec<SqlValue>, affected: Option<u32>) -> Statement {
        let mut sql = sql.to_owned();
        if self.product == Product::Postgres {
            for number in 1..=sql.matches('?').count() {
                sql = sql.replacen('?', &format!("${number}"), 1);
            }
        }
        Statement { sql, parameters, affected }
    }

    /// Adds to an account.
    pub(crate) fn add(&self, id: &str, amount: i64) -> Statement {
        let sql = "UPDATE account SET balance = balance + ? WHERE id = ?";
        self.statement(sql, vec![SqlValue::Integer(amount), SqlValue::Text(id.into())], Some(1))
    }

    /// The attempt of an action.
    pub(crate) async fn act(&self, gid: &str, statements: Vec<Statement>) -> Answer {
        perform(&self.databases, gid, Op::Action, &sql(statements)).await
    }

    pub(crate) async fn prepare(&self, gid: &str, statements: Vec<Statement>) -> Answer {
        perform(&self.databases, gid, Op::Action, &xa(statements)).await
    }

    pub(crate) async fn finish(&self, gid: &str, op: Op) -> Answer {
        self.databases.finish(NAME, &gid_of(gid), BranchId::of_run(1), op, TIMEOUT).await
    }

    /// The gids of what is prepared.
    pub(crate) async fn prepared(&self) -> Vec<String> {
        let all = self.databases.prepared(NAME).await.expect("it can be asked");
        all.into_iter().map(|one| one.gid.as_str().to_owned()).collect()
    }
}

pub(crate) const TIMEOUT: Duration = Duration::from_secs(3);

/// A gid that no other test of this server uses.
pub(crate) fn new_gid() -> String {
    format!("g-{}", uuid::Uuid::now_v7().simple())
}

pub(crate) fn open(url: &str) -> Databases {
    open_with(DatabaseConfig { barrier_table: Some("barrier".into()), ..DatabaseConfig::at(url) })
}

pub(crate) fn open_with(config: DatabaseConfig) -> Databases {
    Databases::new(BTreeMap::from([(NAME.to_owned(), config)])).expect("valid")
}

pub(crate) fn gid_of(text: &str) -> Gid {
    text.parse().expect("a gid")
}

pub(crate) fn sql(statements: Vec<Statement>) -> Operation {
    Operation::Sql(SqlOperation { database: NAME.into(), statements })
}

pub(crate) fn xa(statements: Vec<Statement>) -> Operation {
    Operation::Xa(SqlOperation { database: NAME.into(), statements })
}

pub(crate) async fn perform(databases: &Databases, gid: &str, op: Op, operation: &Operation) -> Answer {
    perform_within(databases, gid, op, operation, TIMEOUT).await
}

pub(crate) async fn perform_within(
    databases: &Databases,
    gid: &str,
    op: Op,
    operation: &Operation,
    timeout: Duration,
) -> Answer {
    let (gid, branch) = (gid_of(gid), BranchId::of_run(1));
    databases
        .perform(SqlCall { gid: &gid, branch, op, operation, must_succeed: false, timeout, reply_bytes_max: 10_000 })
        .await
}

/// The reply.
#[track_caller]
pub(crate) fn rows(answer: Answer) -> Value {
    let Answer::Rows(json) = answer else { panic!("no rows: {answer:?}") };
    serde_json::from_slice(&json).expect("JSON")
}

#[track_caller]
pub(crate) fn refused(answer: Answer) -> Value {
    let Answer::Refused(json) = answer else { panic!("not refused: {answer:?}") };
    serde_json::from_slice(&json).expect("JSON")
}

#[track_caller]
pub(crate) fn lost(answer: Answer) -> String {
    let Answer::Lost(text) = answer else { panic!("not lost: {answer:?}") };
    text
}

#[track_caller]
pub(crate) fn invalid(answer: Answer) -> String {
    let Answer::Invalid(text) = answer else { panic!("not invalid: {answer:?}") };
    text
}
