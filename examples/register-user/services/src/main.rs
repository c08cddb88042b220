//! The binary: two services on two ports, one line that says where, and the end on SIGTERM or ctrl-c.

mod database;
mod operation;
mod scores;
mod users;

use std::{net::SocketAddr, str::FromStr, time::Duration};

use anyhow::Context;
use clap::Parser;
use reprise_barrier::create_tables;
use reprise_discovery::{Discovery, DiscoveryConfig, RegisterConfig, Registration};
use sqlx::{
    MySql, Pool, Postgres, Sqlite,
    mysql::MySqlPoolOptions,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tonic::transport::{Server, server::TcpIncoming};

use crate::database::Database;

/// What the proto files say, as Rust: messages and the servers' traits.
#[allow(missing_docs, unreachable_pub, clippy::wildcard_enum_match_arm, reason = "generated code")]
mod pb {
    pub mod user {
        tonic::include_proto!("user");
    }
    pub mod score {
        tonic::include_proto!("score");
    }
}

/// A user service and a user-score service over gRPC.
///
/// Prints one JSON line, {"user":"127.0.0.1:PORT","score":"127.0.0.1:PORT"}, when they listen, and a line to stderr for each
/// operation.
#[derive(Debug, Parser)]
#[command(name = "register-user-services", version)]
struct Flags {
    /// Where to serve users; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    user: String,
    /// Where to serve scores; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    score: String,
    /// The database: a file or sqlite:FILE, created if it is missing, or a postgres: or mysql: URL.
    #[arg(long, value_name = "URL")]
    database: String,
    /// A key in etcd under which the user service is found, etcd://HOST:PORT/KEY.
    #[arg(long, value_name = "TARGET")]
    register_user: Option<String>,
    /// The same of the user-score service.
    #[arg(long, value_name = "TARGET")]
    register_score: Option<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let url = flags.database.as_str();
    let opened = "cannot open the database";
    match url.split_once(':').map_or("", |(scheme, _)| scheme) {
        "postgres" | "postgresql" => {
            let pool = PgPoolOptions::new().connect(url).await.context(opened)?;
            run::<Postgres>(pool, &flags).await
        }
        "mysql" | "mariadb" => {
            let pool = MySqlPoolOptions::new().connect(url).await.context(opened)?;
            run::<MySql>(pool, &flags).await
        }
        _ => run::<Sqlite>(sqlite(url).await.context(opened)?, &flags).await,
    }
}

async fn sqlite(url: &str) -> sqlx::Result<Pool<Sqlite>> {
    let options = if url.starts_with("sqlite:") {
        SqliteConnectOptions::from_str(url)?
    } else {
        SqliteConnectOptions::new().filename(url)
    };
    let options = options.create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let options = options.busy_timeout(Duration::from_secs(30));
    // One connection: writers queue here, in order, rather than poll SQLite's lock.
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await
}

/// Creates the tables that are missing, then serves until told to stop.
async fn run<DB: Database>(pool: Pool<DB>, flags: &Flags) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut connection = pool.acquire().await?;
    create_tables::<DB>(&mut connection, &operation::tables()?).await?;
    for table in DB::TABLES {
        DB::change(&mut connection, (*table).to_owned(), &[]).await?;
    }
    drop(connection);

    let (user, user_address) = listen(&flags.user).await?;
    let (score, score_address) = listen(&flags.score).await?;
    let addresses = serde_json::json!({ "user": user_address, "score": score_address });
    let users = Server::builder().add_service(users::service(pool.clone())).serve_with_incoming(user);
    let scores = Server::builder().add_service(scores::service(pool)).serve_with_incoming(score);
    // Connections are accepted from here on, so others may find them.
    let registrations = register(&[(&flags.register_user, user_address), (&flags.register_score, score_address)])?;
    println!("{addresses}");
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    let served = serve(users, scores, stop).await;
    for registration in registrations {
        registration.end().await;
    }
    served
}

/// Puts services under keys in etcd, those that have one.
fn register(services: &[(&Option<String>, SocketAddr)]) -> anyhow::Result<Vec<Registration>> {
    let discovery = Discovery::new(&DiscoveryConfig::default())?;
    let named = services.iter().filter_map(|(target, address)| Some((target.as_deref()?, address)));
    let register = |(target, address): (&str, &SocketAddr)| {
        discovery
            .register(&RegisterConfig::at(target, address.to_string()))
            .with_context(|| format!("cannot register at {target}"))
    };
    named.map(register).collect()
}

/// Serves both until `stop`; then it returns at once.
async fn serve(
    users: impl Future<Output = Result<(), tonic::transport::Error>>,
    scores: impl Future<Output = Result<(), tonic::transport::Error>>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::select! {
        served = users => served.context("the user service broke"),
        served = scores => served.context("the user-score service broke"),
        () = stop => Ok(()),
    }
}

async fn listen(address: &str) -> anyhow::Result<(TcpIncoming, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr()?;
    Ok((TcpIncoming::from(listener).with_nodelay(Some(true)), bound))
}
