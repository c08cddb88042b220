//! A fresh database on a running server.

use sqlx::{Connection, MySqlConnection, PgConnection};

use crate::{error::ServicesError, product::Product};

/// Counts the databases that were handed out, in database 0 of a Redis server.
const REDIS_COUNTER: &str = "reprise-test-databases";

/// The URL of a new database on the server at `url`, which names another one of its databases.
pub(crate) async fn create(product: Product, url: &str) -> Result<String, ServicesError> {
    let name = match product {
        Product::Postgres => create_in_postgres(url).await.map_err(sql_failed(url))?,
        Product::MariaDb => create_in_mariadb(url).await.map_err(sql_failed(url))?,
        Product::Redis => take_in_redis(url).await.map_err(redis_failed(url))?,
        // A key that nobody else uses.
        Product::Etcd => new_name(),
    };
    let server = url.rsplit_once('/').map_or(url, |(server, _)| server);
    Ok(format!("{server}/{name}"))
}

fn sql_failed(url: &str) -> impl FnOnce(sqlx::Error) -> ServicesError {
    move |source| ServicesError::Sql { url: url.to_owned(), source }
}

fn redis_failed(url: &str) -> impl FnOnce(redis::RedisError) -> ServicesError {
    move |source| ServicesError::Redis { url: url.to_owned(), source }
}

/// Not used by any other process on the same server.
fn new_name() -> String {
    format!("test_{}", uuid::Uuid::now_v7().simple())
}

async fn create_in_postgres(url: &str) -> sqlx::Result<String> {
    let name = new_name();
    let mut connection = PgConnection::connect(url).await?;
    let create = format!("CREATE DATABASE {name} TEMPLATE template0");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await?;
    connection.close().await?;
    Ok(name)
}

async fn create_in_mariadb(url: &str) -> sqlx::Result<String> {
    let name = new_name();
    let mut connection = MySqlConnection::connect(url).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await?;
    connection.close().await?;
    Ok(name)
}

/// The next number; number 0 holds the counter. The server refuses numbers that it does not have.
async fn take_in_redis(url: &str) -> redis::RedisResult<String> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let number: u32 = redis::cmd("INCR").arg(REDIS_COUNTER).query_async(&mut connection).await?;
    redis::cmd("SELECT").arg(number).query_async::<()>(&mut connection).await?;
    Ok(number.to_string())
}
