//! The binary: flags, one line that says where it listens, and the end on SIGTERM or ctrl-c.

use std::{path::PathBuf, str::FromStr};

use anyhow::Context;
use bank::{Bank, Listeners, serve};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// The example participant: a bank over HTTP and gRPC, with faults on demand.
///
/// Prints one JSON line, {"http":"127.0.0.1:PORT","grpc":"127.0.0.1:PORT"}, when it listens.
#[derive(Debug, Parser)]
#[command(name = "bank", version)]
struct Flags {
    /// Where to serve HTTP; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    http: String,
    /// Where to serve gRPC; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    grpc: String,
    /// The database with the accounts: a file or sqlite:FILE, created if it is missing, or a postgres:, mysql: or redis: URL.
    #[arg(long, value_name = "URL")]
    database: String,
    /// Appends every answered request to this file too, as JSON lines.
    #[arg(long, value_name = "FILE")]
    request_log: Option<PathBuf>,
    /// Creates an account or sets its balance; may be repeated.
    #[arg(long = "account", value_name = "NAME=BALANCE")]
    accounts: Vec<Opening>,
}

#[derive(Debug, Clone)]
struct Opening {
    account: String,
    balance: i64,
}

impl FromStr for Opening {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let opening = text.split_once('=').and_then(|(account, balance)| {
            let balance = balance.parse().ok().filter(|balance| *balance >= 0)?;
            (!account.is_empty()).then(|| Self { account: account.to_owned(), balance })
        });
        opening.ok_or_else(|| "write it as NAME=BALANCE, for example alice=100".to_owned())
    }
}

/// What may be shown of a URL.
fn without_password(url: &str) -> &str {
    url.rsplit_once('@').map_or(url, |(_, place)| place)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let mut terminate = signal(SignalKind::terminate())?;
    let bank = Bank::open(&flags.database)
        .await
        .with_context(|| format!("cannot open the database `{}`", without_password(&flags.database)))?;
    if let Some(path) = &flags.request_log {
        bank.append_requests_to(path).with_context(|| format!("cannot open the log `{}`", path.display()))?;
    }
    for Opening { account, balance } in &flags.accounts {
        bank.put_account(account, *balance).await?;
    }
    let listeners = Listeners::bind(&flags.http, &flags.grpc)
        .await
        .with_context(|| format!("cannot listen on {} and {}", flags.http, flags.grpc))?;
    let addresses = serde_json::json!({ "http": listeners.http_address()?, "grpc": listeners.grpc_address()? });
    println!("{addresses}");
    serve(bank, listeners, async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
    .await?;
    Ok(())
}
