//! Private PostgreSQL, MariaDB, Redis and etcd servers for tests.
//!
//! [`postgres`], [`mariadb`] and [`redis()`] give a fresh, empty database each time they are called, [`etcd()`] a key.
//! They are on servers that `with-services` has started and named in the environment (`REPRISE_TEST_POSTGRES`,
//! `REPRISE_TEST_MARIADB`, `REPRISE_TEST_REDIS`, `REPRISE_TEST_ETCD`); without it, each process starts servers of its own. These servers don't sync: they are fast,
//! and gone with the process, however it ends.
//!
//! A test that kills servers starts its own, durable ones: [`Server::start_postgres`] and its siblings.
//!
//! ```no_run
//! # async fn example() -> Result<(), reprise_test_services::ServicesError> {
//! let shared: String = reprise_test_services::postgres().await;
//!
//! let folder = tempfile::tempdir().expect("a temporary folder");
//! let mut own = reprise_test_services::Server::start_mariadb(folder.path())?;
//! own.kill()?;
//! own.restart()?;
//! # drop((shared, own.url().to_owned()));
//! # Ok(())
//! # }
//! ```

mod database;
mod error;
mod galera;
mod installed;
mod keeper;
mod product;
mod server;
mod shared;

pub use crate::{
    error::ServicesError,
    galera::Galera,
    product::Product,
    server::Server,
    shared::{etcd, mariadb, postgres, redis, shared_url, stop_shared},
};
