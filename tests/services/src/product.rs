//! What differs between the servers: data folder, command line, the line that says "ready", URL.

use std::{
    ffi::OsString,
    fmt, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    error::ServicesError,
    installed::{self, User},
};

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// PostgreSQL, with room for prepared transactions.
    Postgres,
    /// MariaDB, with InnoDB.
    MariaDb,
    /// Redis, with [`Product::REDIS_DATABASES`] databases.
    Redis,
    /// etcd, a cluster of one.
    Etcd,
}

/// Whether an acknowledged write survives SIGKILL and a power failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does: every commit is synced.
    Synced,
    /// It need not: the data goes with the server.
    Unsynced,
}

impl Product {
    /// Every kind of server.
    pub const ALL: [Self; 4] = [Self::Postgres, Self::MariaDb, Self::Redis, Self::Etcd];

    /// How many databases a Redis server has; each call of [`crate::redis`] takes one.
    pub const REDIS_DATABASES: u32 = 16_384;

    /// The environment variable with the URL of a shared server.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => "REPRISE_TEST_POSTGRES",
            Self::MariaDb => "REPRISE_TEST_MARIADB",
            Self::Redis => "REPRISE_TEST_REDIS",
            Self::Etcd => "REPRISE_TEST_ETCD",
        }
    }

    /// The URL of the database that a new server comes with; of etcd, a key as Reprise's targets have it.
    pub(crate) fn url(self, port: u16) -> String {
        match self {
            Self::Postgres => format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            Self::MariaDb => format!("mysql://root@127.0.0.1:{port}/test"),
            Self::Redis => format!("redis://127.0.0.1:{port}/0"),
            Self::Etcd => format!("etcd://127.0.0.1:{port}/test"),
        }
    }

    /// What the server's log says when it takes connections.
    pub(crate) fn ready_line(self) -> &'static str {
        match self {
            Self::Postgres => "database system is ready to accept connections",
            Self::MariaDb => "ready for connections.",
            Self::Redis => "Ready to accept connections",
            Self::Etcd => "ready to serve client requests",
        }
    }

    /// The signal that ends it at once when its data is not needed any more. PostgreSQL's takes its backends along.
    pub(crate) fn end_signal(self) -> &'static str {
        match self {
            Self::Postgres => "QUIT",
            Self::MariaDb | Self::Redis | Self::Etcd => "KILL",
        }
    }

    /// Fills an empty folder with what the server needs to start.
    pub(crate) fn prepare(self, folder: &Path, user: Option<User>) -> Result<(), ServicesError> {
        let mut command = match self {
            Self::Postgres => {
                let mut command = Command::new(installed::find("initdb", "postgresql")?);
                command.args(["--no-sync", "--auth=trust", "--username=postgres"]);
                command.args(["--encoding=UTF8", "--locale=C.UTF-8"]).arg("--pgdata").arg(data(folder));
                command
            }
            Self::MariaDb => {
                let mut command = Command::new(installed::find("mariadb-install-db", "mariadb-server")?);
                command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-name-resolve"]);
                command.arg(option("--datadir=", &data(folder)));
                command
            }
            Self::Redis | Self::Etcd => {
                let mut command = Command::new("mkdir");
                command.arg(data(folder));
                command
            }
        };
        if let Some(user) = user {
            command.uid(user.uid).gid(user.gid);
        }
        command.current_dir(folder).env("TMPDIR", folder);
        let output = command.output().map_err(ServicesError::io("create the data of a server"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let output = String::from_utf8_lossy(&said).into_owned();
        Err(ServicesError::Prepare { product: self, folder: folder.to_owned(), output })
    }

    /// Program and arguments of a server on the data in `folder`.
    pub(crate) fn command(
        self,
        folder: &Path,
        port: u16,
        durability: Durability,
    ) -> Result<Vec<OsString>, ServicesError> {
        let (program, arguments) = match self {
            Self::Postgres => (installed::find("postgres", "postgresql")?, postgres(folder, port, durability)),
            Self::MariaDb => (installed::find("mariadbd", "mariadb-server")?, mariadb(folder, port, durability)),
            Self::Redis => (installed::find("redis-server", "redis-server")?, redis(folder, port, durability)),
            Self::Etcd => (installed::find("etcd", "etcd-server")?, etcd(folder, port)),
        };
        Ok([vec![program.into_os_string()], arguments].concat())
    }
}

fn postgres(folder: &Path, port: u16, durability: Durability) -> Vec<OsString> {
    let sync = match durability {
        Durability::Synced => "on",
        Durability::Unsynced => "off",
    };
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "max_connections=300".to_owned(),
        "max_prepared_transactions=64".to_owned(),
        "logging_collector=off".to_owned(),
        format!("fsync={sync}"),
        format!("synchronous_commit={sync}"),
        format!("full_page_writes={sync}"),
    ];
    let settings = settings.into_iter().flat_map(|setting| ["-c".into(), setting.into()]);
    ["-D".into(), data(folder).into_os_string()].into_iter().chain(settings).collect()
}

fn mariadb(folder: &Path, port: u16, durability: Durability) -> Vec<OsString> {
    let flush = match durability {
        Durability::Synced => "1",
        Durability::Unsynced => "0",
    };
    vec![
        "--no-defaults".into(),
        option("--datadir=", &data(folder)),
        format!("--port={port}").into(),
        "--bind-address=127.0.0.1".into(),
        // Relative to the data folder: the path of a socket must be short.
        "--socket=mariadb.sock".into(),
        "--pid-file=mariadb.pid".into(),
        "--skip-name-resolve".into(),
        "--max-connections=500".into(),
        "--innodb-buffer-pool-size=64M".into(),
        "--character-set-server=utf8mb4".into(),
        format!("--innodb-flush-log-at-trx-commit={flush}").into(),
    ]
}

fn redis(folder: &Path, port: u16, durability: Durability) -> Vec<OsString> {
    let append = match durability {
        Durability::Synced => "yes",
        Durability::Unsynced => "no",
    };
    let (port, databases) = (port.to_string(), Product::REDIS_DATABASES.to_string());
    let words = [
        ["--port", &port],
        ["--bind", "127.0.0.1"],
        ["--databases", &databases],
        ["--save", ""],
        ["--appendonly", append],
        ["--appendfsync", "always"],
    ];
    let words = words.as_flattened().iter().map(Into::into);
    words.chain(["--dir".into(), data(folder).into_os_string()]).collect()
}

/// It syncs always: it has no other way. The port for other members is any, since there are none.
fn etcd(folder: &Path, port: u16) -> Vec<OsString> {
    let clients = format!("http://127.0.0.1:{port}");
    let words = [
        ["--listen-client-urls", &clients],
        ["--advertise-client-urls", &clients],
        ["--listen-peer-urls", "http://127.0.0.1:0"],
        ["--initial-advertise-peer-urls", "http://127.0.0.1:0"],
        ["--initial-cluster", "default=http://127.0.0.1:0"],
    ];
    let words = words.as_flattened().iter().map(Into::into);
    words.chain(["--data-dir".into(), data(folder).into_os_string()]).collect()
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::MariaDb => "MariaDB",
            Self::Redis => "Redis",
            Self::Etcd => "etcd",
        })
    }
}

/// Whether `folder` has the data of a server already.
pub(crate) fn is_prepared(folder: &Path) -> io::Result<bool> {
    data(folder).try_exists()
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn option(name: &str, path: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(path);
    option
}
