//! The servers that all tests of a process share.

use std::{
    env,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{database, error::ServicesError, product::Product, server::Server};

/// The URL of a fresh, empty PostgreSQL database.
///
/// # Panics
/// If there is no server and none can be started; the message says what to install.
pub async fn postgres() -> String {
    fresh(Product::Postgres).await
}

/// The URL (`mysql://..`) of a fresh, empty MariaDB database.
///
/// # Panics
/// If there is no server and none can be started; the message says what to install.
pub async fn mariadb() -> String {
    fresh(Product::MariaDb).await
}

/// The URL (`redis://127.0.0.1:PORT/N`) of a fresh, empty Redis database. Other tests use other numbers of the same
/// server: commands for all of a server, like `FLUSHALL`, are not for tests.
///
/// # Panics
/// If there is no server and none can be started, or all numbers are taken; the message says what to do.
pub async fn redis() -> String {
    fresh(Product::Redis).await
}

/// A key that nobody else uses on a shared etcd: `etcd://127.0.0.1:PORT/KEY`.
///
/// # Panics
/// If there is no server and none can be started; the message says what to install.
pub async fn etcd() -> String {
    fresh(Product::Etcd).await
}

/// The URL of the shared server: the one that the environment names, else one of this process, started if need be.
/// Blocks until it is ready.
///
/// # Errors
/// [`ServicesError`]: it cannot be started; later calls try again.
pub fn shared_url(product: Product) -> Result<String, ServicesError> {
    match env::var(product.variable()) {
        Ok(url) => Ok(url),
        Err(_) => started(product),
    }
}

/// Ends the shared servers that this process started, and returns when they and their data are gone. Without it that
/// happens right after the end of the process.
pub fn stop_shared() {
    for server in &SERVERS {
        drop(lock(server).take());
    }
}

async fn fresh(product: Product) -> String {
    let url = tokio::task::spawn_blocking(move || shared_url(product)).await.expect("it does not panic");
    let created = match url {
        Ok(url) => database::create(product, &url).await,
        Err(error) => Err(error),
    };
    created.unwrap_or_else(|error| panic!("no {product} for this test: {error} ({error:?})"))
}

/// One per product. They live as long as the process; their keepers end them then.
static SERVERS: [Mutex<Option<Server>>; Product::ALL.len()] = [const { Mutex::new(None) }; Product::ALL.len()];

fn started(product: Product) -> Result<String, ServicesError> {
    let mut server = lock(&SERVERS[product as usize]);
    match &*server {
        Some(server) => Ok(server.url().to_owned()),
        None => Ok(server.insert(Server::start_temporary(product)?).url().to_owned()),
    }
}

fn lock(server: &Mutex<Option<Server>>) -> MutexGuard<'_, Option<Server>> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}
