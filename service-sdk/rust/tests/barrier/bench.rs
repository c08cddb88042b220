//! The test bench: one counter in each kind of database, behind a barrier.
//!
//! An action adds 10, whatever undoes one takes 10 off, so the counter shows what took effect. Replies are the counter
//! as text, so that all four databases give the same.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use futures::future::BoxFuture;
use reprise_barrier::{
    Barrier, BarrierDatabase, BarrierError, Branch, Business, Called, Prepared, RedisBarrier, RedisBusiness, Tables,
    begin, create_tables,
};
use sqlx::{
    Connection as _, MySql, Pool, Postgres, Sqlite, Transaction,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use tempfile::TempDir;

pub(crate) type Reply = Called<String, String>;

/// What the business function does when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Accepts,
    Refuses,
    Breaks,
}

/// A kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    MariaDb,
    Redis,
}

/// A counter in a database of some kind; clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Counter {
    Sqlite(Sql<Sqlite>),
    Postgres(Sql<Postgres>),
    MariaDb(Sql<MySql>),
    Redis(MultiplexedConnection),
}

/// The barrier of one request, on a database of some kind.
#[derive(Debug)]
pub(crate) enum Request {
    Sql(Barrier),
    Redis(RedisBarrier),
}

/// A counter in a SQL database. The folder, if there is one, holds the file.
#[derive(Debug)]
pub(crate) struct Sql<DB: sqlx::Database> {
    pub(crate) pool: Pool<DB>,
    _folder: Option<std::sync::Arc<TempDir>>,
}

impl<DB: sqlx::Database> Clone for Sql<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), _folder: self._folder.clone() }
    }
}

/// The barrier tables of the bench: in the test's own database, whatever the kind.
pub(crate) fn tables() -> Tables {
    Tables::new("barrier").expect("a name")
}

pub(crate) fn branch(gid: &str, op: &str) -> Branch {
    Branch::new("workflow", gid, "01", op).expect("valid")
}

/// How many connections a test may hold at once.
const CONNECTIONS: u32 = 16;

pub(crate) async fn sqlite() -> Sql<Sqlite> {
    let folder = TempDir::new().expect("a temporary folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("counter.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(Duration::from_secs(60));
    let pool = PoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.expect("opens");
    Sql { pool, _folder: Some(folder.into()) }.with_counter().await
}

pub(crate) async fn postgres() -> Sql<Postgres> {
    Sql::connect(&reprise_test_services::postgres().await).await.with_counter().await
}

pub(crate) async fn mariadb() -> Sql<MySql> {
    Sql::connect(&reprise_test_services::mariadb().await).await.with_counter().await
}

pub(crate) async fn redis() -> MultiplexedConnection {
    let url = reprise_test_services::redis().await;
    let client = ::redis::Client::open(url).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connects");
    ::redis::cmd("SET").arg(&["counter", "0"]).exec_async(&mut connection).await.expect("sets");
    connection
}

impl<DB: BarrierDatabase> Sql<DB> {
    async fn connect(url: &str) -> Self {
        let pool = PoolOptions::new().max_connections(CONNECTIONS).connect(url).await.expect("connects");
        Self { pool, _folder: None }
    }

    async fn with_counter(self) -> Self {
        let mut connection = self.pool.acquire().await.expect("connects");
        create_tables::<DB>(&mut connection, &tables()).await.expect("creates");
        drop(connection);
        self.run("CREATE TABLE counter (n INTEGER NOT NULL)").await;
        self.run("INSERT INTO counter VALUES (0)").await;
        self
    }

    pub(crate) async fn run(&self, sql: &str) -> u64 {
        let mut connection = self.pool.acquire().await.expect("connects");
        DB::execute(&mut connection, sql.to_owned(), &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn text(&self, sql: &str) -> Option<String> {
        let mut connection = self.pool.acquire().await.expect("connects");
        DB::text(&mut connection, sql.to_owned(), &[]).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) async fn begin(&self) -> Transaction<'static, DB> {
        begin(&self.pool).await.expect("begins")
    }

    /// One call in an open transaction.
    pub(crate) async fn call(
        transaction: &mut Transaction<'_, DB>,
        barrier: &mut Barrier,
        then: Then,
    ) -> Result<Reply, BarrierError> {
        let step = step(barrier.branch());
        barrier.call(transaction, |connection| count::<DB>(connection, step, then)).await
    }

    async fn request(&self, barrier: &mut Barrier, then: Then) -> Result<Reply, BarrierError> {
        let mut transaction = begin(&self.pool).await?;
        let called = Self::call(&mut transaction, barrier, then).await?;
        transaction.commit().await?;
        Ok(called)
    }

    pub(crate) async fn send(&self, gid: &str, op: &str, then: Then) -> Result<Reply, BarrierError> {
        self.request(&mut barrier(branch(gid, op)), then).await
    }

    pub(crate) async fn query_back(&self, gid: &str) -> Result<Prepared, BarrierError> {
        let mut transaction = begin(&self.pool).await?;
        let prepared = barrier(Branch::message(gid).expect("valid")).query_prepared(&mut transaction).await?;
        transaction.commit().await?;
        Ok(prepared)
    }

    pub(crate) async fn value(&self) -> String {
        self.text("SELECT CONCAT(n, '') FROM counter").await.expect("one row")
    }
}

pub(crate) fn barrier(branch: Branch) -> Barrier {
    Barrier::new(branch).tables(tables())
}

fn step(branch: &Branch) -> i64 {
    if branch.origin_op().is_some() { -10 } else { 10 }
}

/// The business: changes the counter, and then accepts, refuses or breaks.
pub(crate) fn count<DB: BarrierDatabase>(
    connection: &mut DB::Connection,
    step: i64,
    then: Then,
) -> BoxFuture<'_, Result<Business<String, String>, BarrierError>> {
    Box::pin(async move {
        DB::execute(connection, format!("UPDATE counter SET n = n + {step}"), &[]).await?;
        let text = DB::text(connection, "SELECT CONCAT(n, '') FROM counter".to_owned(), &[]).await?;
        match then {
            Then::Accepts => Ok(Ok(text.unwrap_or_default())),
            Then::Refuses => Ok(Err("no".to_owned())),
            Then::Breaks => Err(BarrierError::Ongoing),
        }
    })
}

impl Counter {
    pub(crate) async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(sqlite().await),
            Kind::Postgres => Self::Postgres(postgres().await),
            Kind::MariaDb => Self::MariaDb(mariadb().await),
            Kind::Redis => Self::Redis(redis().await),
        }
    }

    pub(crate) fn barrier(&self, branch: Branch) -> Request {
        match self {
            Self::Sqlite(_) | Self::Postgres(_) | Self::MariaDb(_) => Request::Sql(barrier(branch)),
            Self::Redis(_) => Request::Redis(RedisBarrier::new(branch)),
        }
    }

    /// One request, or the next call of one.
    pub(crate) async fn call(&self, request: &mut Request, then: Then) -> Result<Reply, BarrierError> {
        match (self, request) {
            (Self::Sqlite(sql), Request::Sql(barrier)) => sql.request(barrier, then).await,
            (Self::Postgres(sql), Request::Sql(barrier)) => sql.request(barrier, then).await,
            (Self::MariaDb(sql), Request::Sql(barrier)) => sql.request(barrier, then).await,
            (Self::Redis(connection), Request::Redis(barrier)) => {
                // A refusal in Redis comes before anything is changed.
                let script = match then {
                    Then::Accepts => "return redis.call('INCRBY', KEYS[1], ARGV[1])",
                    Then::Refuses => "return refuse('no')",
                    Then::Breaks => "return redis.error_reply('BROKEN it breaks')",
                };
                let step = step(barrier.branch()).to_string();
                let business = RedisBusiness { script, keys: &["counter"], args: &[&step] };
                barrier.call(&mut connection.clone(), &business).await
            }
            (Self::Sqlite(_) | Self::Postgres(_) | Self::MariaDb(_) | Self::Redis(_), _) => {
                panic!("a request is for the kind of database that it was made for")
            }
        }
    }

    pub(crate) async fn send(&self, gid: &str, op: &str, then: Then) -> Result<Reply, BarrierError> {
        self.call(&mut self.barrier(branch(gid, op)), then).await
    }

    /// Sends it again as long as the database says that two got into each other's way, as a runtime does.
    pub(crate) async fn deliver(&self, gid: &str, op: &str) -> Reply {
        loop {
            match self.send(gid, op, Then::Accepts).await {
                Ok(reply) => return reply,
                Err(BarrierError::Database(sqlx::Error::Database(error))) if is_conflict(error.code().as_deref()) => {}
                Err(error) => panic!("{op}: {error:?}"),
            }
        }
    }

    /// The local transaction of a message, which adds 10 like an action.
    pub(crate) async fn message(&self, gid: &str, then: Then) -> Result<Reply, BarrierError> {
        self.call(&mut self.barrier(Branch::message(gid).expect("valid")), then).await
    }

    pub(crate) async fn query_back(&self, gid: &str) -> Result<Prepared, BarrierError> {
        match self {
            Self::Sqlite(sql) => sql.query_back(gid).await,
            Self::Postgres(sql) => sql.query_back(gid).await,
            Self::MariaDb(sql) => sql.query_back(gid).await,
            Self::Redis(connection) => {
                RedisBarrier::new(Branch::message(gid).expect("valid")).query_prepared(&mut connection.clone()).await
            }
        }
    }

    pub(crate) async fn value(&self) -> String {
        match self {
            Self::Sqlite(sql) => sql.value().await,
            Self::Postgres(sql) => sql.value().await,
            Self::MariaDb(sql) => sql.value().await,
            Self::Redis(connection) => {
                ::redis::cmd("GET").arg("counter").query_async(&mut connection.clone()).await.expect("a number")
            }
        }
    }
}

/// Deadlock and serialization failure of PostgreSQL; MySQL's deadlock has SQLSTATE 40001 too.
fn is_conflict(code: Option<&str>) -> bool {
    matches!(code, Some("40P01" | "40001"))
}

/// Opens a connection outside of the pool, as a process that starts does.
pub(crate) async fn connect_like<DB: BarrierDatabase>(pool: &Pool<DB>) -> DB::Connection {
    DB::Connection::connect_with(&pool.connect_options()).await.expect("connects")
}

pub(crate) fn done(reply: &str) -> Reply {
    Called::Ran(Ok(reply.to_owned()))
}

pub(crate) fn again(reply: &str) -> Reply {
    Called::Repeat(Some(Ok(reply.to_owned())))
}

pub(crate) fn refused() -> Reply {
    Called::Ran(Err("no".to_owned()))
}

pub(crate) fn refused_again() -> Reply {
    Called::Repeat(Some(Err("no".to_owned())))
}
