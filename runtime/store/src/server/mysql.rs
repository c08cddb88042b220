//! MySQL and MariaDB: the rows of a batch are literals in the text. A prepared statement would be one for every number of
//! rows, and an update of many rows as many round trips; what is in a text is hexadecimal or a number, never as it came.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr as _;

use futures::TryStreamExt as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlDatabaseError, MySqlRow};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, MySqlConnection, Row as _};

use super::bulk::{Bulk, Turn};
use super::dialect::{Dialect, JournalRow, NewRow, ProgressRow, SessionLimits, Value};
use super::error::Sort;
use crate::{codes, pack_entries};

/// A row with this key exists.
const EXISTS: u16 = 1062;

/// MySQL, MariaDB and what speaks their protocol.
#[derive(Debug)]
pub struct MySql;

impl Dialect for MySql {
    type Database = sqlx::MySql;

    const NAME: &'static str = "MySQL";

    fn text(text: &str) -> String {
        let mut text = text
            .replace("{now}", "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)")
            .replace("/*", "FORCE INDEX (")
            .replace("*/", ")");
        // A column set to itself changes nothing.
        if let Some((before, rest)) = text.split_once("ON CONFLICT (")
            && let Some((columns, after)) = rest.split_once(") DO NOTHING")
        {
            let column = columns.split(',').next().unwrap_or_default();
            text = format!("{before}ON DUPLICATE KEY UPDATE {column} = {column}{after}");
        }
        text
    }

    fn settings(url: &str) -> Result<MySqlConnectOptions, sqlx::Error> {
        let url = url.strip_prefix("mariadb:").map_or_else(|| url.to_owned(), |rest| format!("mysql:{rest}"));
        Ok(MySqlConnectOptions::from_str(&url)?.disable_statement_logging())
    }

    async fn prepare(connection: &mut MySqlConnection, limits: SessionLimits) -> Result<(), sqlx::Error> {
        let lock_s = limits.statement_ms.div_ceil(1000);
        // The one that ends a transaction of a client that is gone but not closed: MySQL has no other.
        let idle_s = limits.idle_transaction_ms.div_ceil(1000);
        let settings = format!(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = {lock_s}, \
             wait_timeout = {idle_s} /*M!100301 , idle_transaction_timeout = {idle_s} */"
        );
        Self::command(connection, settings).await?;
        // A node of Galera shows what another one has committed only if it is told to wait for it. Servers that know no
        // Galera don't know the setting either.
        if let Err(error) = Self::command(connection, "SET SESSION wsrep_sync_wait = 7".into()).await {
            tracing::trace!(%error, "this server is no node of Galera");
        }
        Ok(())
    }

    async fn fetch(
        connection: &mut MySqlConnection,
        text: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<MySqlRow>, sqlx::Error> {
        sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments(values)?).fetch_all(connection).await
    }

    async fn change(connection: &mut MySqlConnection, text: &str, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        let done = sqlx::query_with(AssertSqlSafe(text.to_owned()), arguments(values)?).execute(connection).await?;
        Ok(done.rows_affected())
    }

    async fn command(connection: &mut MySqlConnection, text: String) -> Result<u64, sqlx::Error> {
        Ok(sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await?.rows_affected())
    }

    async fn migrate(connection: &mut MySqlConnection) -> Result<(), MigrateError> {
        // What an interrupted migration left; each of them can be run again.
        let interrupted = "DELETE FROM _sqlx_migrations WHERE NOT success";
        match Self::command(connection, interrupted.into()).await {
            Err(sqlx::Error::Database(error)) => tracing::debug!(%error, "no migration was ever run here"),
            done => _ = done?,
        }
        migrations().run_direct(None, connection, false).await
    }

    fn schema() -> i64 {
        migrations().iter().map(|migration| migration.version).max().unwrap_or(0)
    }

    fn int(row: &MySqlRow, column: usize) -> Result<Option<i64>, sqlx::Error> {
        row.try_get_unchecked(column)
    }

    fn bytes(row: &MySqlRow, column: usize) -> Result<Option<Vec<u8>>, sqlx::Error> {
        row.try_get_unchecked(column)
    }

    async fn insert_executions(
        connection: &mut MySqlConnection,
        owner: i64,
        rows: &[NewRow<'_>],
    ) -> Result<Vec<i64>, sqlx::Error> {
        let gids: HashMap<i64, &[u8]> =
            rows.iter().map(|(id, execution, _)| (*id, execution.gid.as_str().as_bytes())).collect();
        let (Some(first), Some(last)) = (gids.keys().min(), gids.keys().max()) else { return Ok(Vec::new()) };
        let mut text = insert_executions(owner, rows);
        text += " ON DUPLICATE KEY UPDATE gid = gid; ";
        let _ = write!(text, "SELECT id, gid FROM executions WHERE id BETWEEN {first} AND {last}");
        let found = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await?;
        let mut inserted = Vec::with_capacity(found.len());
        for row in &found {
            let (id, gid) = (row.try_get_unchecked::<i64, _>(0)?, row.try_get_unchecked::<Vec<u8>, _>(1)?);
            match gids.get(&id) {
                Some(ours) if *ours == gid => inserted.push(id),
                // Its key, not its gid, was in the way: that is no answer about the gid.
                Some(_) => return Err(sqlx::Error::Protocol(format!("key {id} is in use already"))),
                // Of another statement of the same commit.
                None => {}
            }
        }
        Ok(inserted)
    }

    async fn insert_entries(connection: &mut MySqlConnection, rows: &[JournalRow<'_>]) -> Result<(), sqlx::Error> {
        Self::command(connection, insert_entries(rows)).await.map(drop)
    }

    async fn update_executions(connection: &mut MySqlConnection, rows: &[ProgressRow<'_>]) -> Result<(), sqlx::Error> {
        Self::command(connection, update_executions(rows, |_| None)).await.map(drop)
    }

    /// All but the commit is one message. A row that exists already ends it.
    async fn write(
        connection: &mut MySqlConnection,
        turn: Turn,
        bulk: &Bulk<'_>,
    ) -> Result<Option<Vec<i64>>, sqlx::Error> {
        let Turn { node, lease_ms, before, this } = turn;
        let renew = format!(
            "START TRANSACTION; UPDATE nodes SET turn = {this}, expires_at = {{now}} + {lease_ms} \
             WHERE id = {node} AND alive = 1 AND turn = {before}"
        );
        let mut text = Self::text(&renew);
        if !bulk.new.is_empty() {
            text = text + "; " + &insert_executions(node, &bulk.new);
        }
        if !bulk.entries.is_empty() {
            let rows: Vec<JournalRow<'_>> = bulk.entries.iter().map(|(row, _)| *row).collect();
            text = text + "; " + &insert_entries(&rows);
        }
        if !bulk.progress.is_empty() {
            text = text + "; " + &update_executions(&bulk.progress, |id| bulk.ours.contains(&id).then_some(node));
        }
        let done = affected(connection, text).await;
        let written = match done {
            // The first one begins the transaction.
            Ok(rows) if rows.get(1) == Some(&1) && all_ours(&rows, bulk) => {
                Self::command(connection, "COMMIT".into()).await.map(|_| true)
            }
            Ok(_) => Ok(false),
            Err(sqlx::Error::Database(error))
                if error.try_downcast_ref().is_some_and(|error: &MySqlDatabaseError| error.number() == EXISTS) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        };
        if !matches!(written, Ok(true)) {
            Self::command(connection, "ROLLBACK".into()).await?;
        }
        Ok(written?.then(|| bulk.new.iter().map(|(id, ..)| *id).collect()))
    }

    async fn fetch_of(
        connection: &mut MySqlConnection,
        text: &str,
        keys: &[i64],
    ) -> Result<Vec<MySqlRow>, sqlx::Error> {
        let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
        let text = text.replace("{keys}", &format!("IN ({})", keys.join(",")));
        sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await
    }
}

/// How many rows each of several statements found to change.
async fn affected(connection: &mut MySqlConnection, text: String) -> Result<Vec<u64>, sqlx::Error> {
    let done = sqlx::raw_sql(AssertSqlSafe(text)).execute_many(connection);
    done.map_ok(|done| done.rows_affected()).try_collect().await
}

/// Whether each execution was found that must be the node's. The updates come last, one statement each.
fn all_ours(affected: &[u64], bulk: &Bulk<'_>) -> bool {
    let first = 2 + usize::from(!bulk.new.is_empty()) + usize::from(!bulk.entries.is_empty());
    let found = |(index, (id, ..)): (usize, &ProgressRow<'_>)| {
        !bulk.ours.contains(id) || affected.get(first + index) == Some(&1)
    };
    bulk.progress.iter().enumerate().all(found)
}

fn insert_executions(owner: i64, rows: &[NewRow<'_>]) -> String {
    let mut text = Literals::new(
        "INSERT INTO executions (id, gid, workflow, digest, input_hash, phase, activity, wake_at, note, result, \
         created_at, updated_at, owner) VALUES ",
    );
    for (id, execution, progress) in rows {
        text.open().int(*id).text(execution.gid.as_str()).text(execution.workflow.as_str());
        text.bytes(progress.digest.as_bytes()).bytes(&execution.input_hash);
        text.progress(progress).int(codes::of_time(execution.created_at)).int(codes::of_time(progress.updated_at));
        text.int(owner).close();
    }
    text.finish()
}

fn insert_entries(rows: &[JournalRow<'_>]) -> String {
    let mut text = Literals::new("INSERT INTO journal (execution, seq, entries, data) VALUES ");
    for (execution, entries) in rows {
        let first = entries.first().map_or(0, |first| first.seq.0);
        text.open().int(*execution).int(i64::from(first)).int(i64::try_from(entries.len()).unwrap_or(i64::MAX));
        text.bytes(&pack_entries(entries)).close();
    }
    text.finish()
}

/// `only`: whose an execution must be, and active, for its row to be written.
fn update_executions(rows: &[ProgressRow<'_>], only: impl Fn(i64) -> Option<i64>) -> String {
    let mut text = String::new();
    for (id, owner, progress) in rows {
        let mut set = Literals::new("UPDATE executions SET ");
        set.name("phase").int(codes::of_phase(progress.phase));
        set.name("digest").bytes(progress.digest.as_bytes());
        set.name("activity").int(codes::of_activity(progress.activity));
        set.name("wake_at").optional(progress.wake_at, |set, at| _ = set.int(codes::of_time(at)));
        set.name("note").optional(progress.note.as_deref(), |set, note| _ = set.text(note));
        set.name("result").optional(progress.result.as_deref(), |set, result| _ = set.bytes(result));
        set.name("updated_at").int(codes::of_time(progress.updated_at));
        if let Some(owner) = owner {
            set.name("owner").int(*owner);
        }
        text += &set.finish();
        let _ = write!(text, " WHERE id = {id}");
        if let Some(owner) = only(*id) {
            let _ = write!(text, " AND owner = {owner} AND activity = 0");
        }
        text += "; ";
    }
    text
}

/// A statement with its values. A comma stands before each but the first of a list.
struct Literals {
    text: String,
    first: bool,
}

impl Literals {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), first: true }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.text.push(',');
        }
    }

    fn open(&mut self) -> &mut Self {
        self.comma();
        self.text.push('(');
        self.first = true;
        self
    }

    fn close(&mut self) {
        self.text.push(')');
        self.first = false;
    }

    /// `name = `, before its value.
    fn name(&mut self, name: &str) -> &mut Self {
        self.comma();
        self.text += name;
        self.text.push('=');
        self.first = true;
        self
    }

    fn int(&mut self, value: i64) -> &mut Self {
        self.comma();
        let _ = write!(self.text, "{value}");
        self
    }

    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.comma();
        self.hexadecimal(value);
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.comma();
        self.text += "_utf8mb4 ";
        self.hexadecimal(value.as_bytes());
        self
    }

    fn optional<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) -> &mut Self {
        match value {
            Some(value) => put(self, value),
            None => {
                self.comma();
                self.text += "NULL";
            }
        }
        self
    }

    fn progress(&mut self, progress: &crate::Progress) -> &mut Self {
        self.int(codes::of_phase(progress.phase)).int(codes::of_activity(progress.activity));
        self.optional(progress.wake_at, |row, at| _ = row.int(codes::of_time(at)));
        self.optional(progress.note.as_deref(), |row, note| _ = row.text(note));
        self.optional(progress.result.as_deref(), |row, result| _ = row.bytes(result))
    }

    fn hexadecimal(&mut self, value: &[u8]) {
        self.text += "x'";
        self.text += &hex::encode(value);
        self.text.push('\'');
    }

    fn finish(self) -> String {
        self.text
    }
}

fn arguments(values: &[Value<'_>]) -> Result<MySqlArguments, sqlx::Error> {
    let mut arguments = MySqlArguments::default();
    for value in values {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Without a lock of its own: the lease is one.
fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!("migrations/mysql");
    migrations.set_locking(false);
    migrations
}

/// By the vendor's number. <https://mariadb.com/kb/en/mariadb-error-code-reference/>
pub(super) fn sort(number: u16) -> Sort {
    match number {
        // Lock wait, deadlock (also a lost certification of Galera), row changed; TiDB: write conflict, schema changed.
        1205 | 1213 | 1020 | 8002 | 8022 | 8028 | 9007 => Sort::Again,
        1050 | EXISTS | 1586 => Sort::Taken,
        1034 | 1194 | 1195 | 1712 => Sort::Damaged,
        1021 | 1114 => Sort::Outage("the database's disk is full: free space there"),
        1290 | 1792 | 1836 => Sort::Outage("this server is read-only: let the URL name the primary"),
        1047 => Sort::Outage("this node of the cluster is not part of it: repair the cluster"),
        1153 => Sort::Outage("raise the server's max_allowed_packet to 64M or more"),
        1044 | 1142 | 1143 | 1227 => Sort::Outage("grant the runtime's user all on its database"),
        1045 => Sort::Outage("correct user and password in `store_url`"),
        1049 => Sort::Outage("create the database, or correct its name in `store_url`"),
        1054 | 1146 => Sort::Outage("the schema is not what this runtime made: restore it"),
        _ => Sort::Outage("repeat the call; look at the database if this lasts"),
    }
}
