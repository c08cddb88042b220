//! A server of its own: start, kill, restart.

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
};

use crate::{
    database,
    error::ServicesError,
    installed::{self, User},
    keeper::{Run, Started, Terms},
    product::{self, Durability, Product},
};

/// Ports to choose from: below those that Linux gives to outgoing connections, so that a killed server finds its port
/// free when it comes back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Permission for everybody to pass through a folder.
const PASS: u32 = 0o011;

/// How often a start is tried, with another port each time: the one that was free may have been taken meanwhile.
const STARTS_MAX: u32 = 3;

/// A server on a free port of 127.0.0.1. It ends when this is dropped, or with the process, however that ends.
///
/// Its verbs block until they are done: in async code that has to go on meanwhile, use `spawn_blocking`.
#[derive(Debug)]
pub struct Server {
    product: Product,
    durability: Durability,
    folder: PathBuf,
    removed: bool,
    port: u16,
    url: String,
    /// Arguments beside those that every server of the product gets.
    more: Vec<OsString>,
    run: Option<Run>,
}

impl Server {
    /// A PostgreSQL server that syncs each commit. `folder`: for its data; made if missing; data that is there is used.
    ///
    /// As root, the server is run by the user `postgres` or `nobody`, who becomes the owner of the folder; if it is in the
    /// system's temporary folder, all folders on the way are opened for passing through.
    ///
    /// # Errors
    /// [`ServicesError`]: it is not installed, or cannot work in this folder.
    pub fn start_postgres(folder: &Path) -> Result<Self, ServicesError> {
        Self::start(Product::Postgres, folder, Durability::Synced, false, Vec::new())
    }

    /// A MariaDB server that syncs each commit; else like [`Server::start_postgres`].
    ///
    /// # Errors
    /// [`ServicesError`]: it is not installed, or cannot work in this folder.
    pub fn start_mariadb(folder: &Path) -> Result<Self, ServicesError> {
        Self::start(Product::MariaDb, folder, Durability::Synced, false, Vec::new())
    }

    /// A Redis server that syncs each write; else like [`Server::start_postgres`].
    ///
    /// # Errors
    /// [`ServicesError`]: it is not installed, or cannot work in this folder.
    pub fn start_redis(folder: &Path) -> Result<Self, ServicesError> {
        Self::start(Product::Redis, folder, Durability::Synced, false, Vec::new())
    }

    /// An etcd server; else like [`Server::start_postgres`].
    ///
    /// # Errors
    /// [`ServicesError`]: it is not installed, or cannot work in this folder.
    pub fn start_etcd(folder: &Path) -> Result<Self, ServicesError> {
        Self::start(Product::Etcd, folder, Durability::Synced, false, Vec::new())
    }

    /// A server that does not sync, in a temporary folder that goes with it.
    pub(crate) fn start_temporary(product: Product) -> Result<Self, ServicesError> {
        let folder = tempfile::Builder::new().prefix("reprise-test-").tempdir();
        let folder = folder.map_err(ServicesError::io("create a temporary folder"))?;
        let server = Self::start(product, folder.path(), Durability::Unsynced, true, Vec::new())?;
        // From here on the keeper removes it, since it also does so when this process is killed.
        let _ = folder.keep();
        Ok(server)
    }

    /// Where it serves, with the name of a database that is empty at first. A restart does not change it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of one more database on this server, fresh and empty.
    ///
    /// # Errors
    /// [`ServicesError::Sql`], [`ServicesError::Redis`]: the server is down.
    pub async fn database(&self) -> Result<String, ServicesError> {
        database::create(self.product, &self.url).await
    }

    /// Kills all of its processes with SIGKILL, and returns when they are gone. A server that is down stays down.
    ///
    /// # Errors
    /// [`ServicesError::Io`]: the processes cannot be listed or killed.
    pub fn kill(&mut self) -> Result<(), ServicesError> {
        self.run.take().map_or(Ok(()), Run::kill)
    }

    /// Starts it again, on the same port and data, and returns when it is ready. A server that is up is killed first.
    ///
    /// # Errors
    /// [`ServicesError::Start`]: it did not recover, or somebody took the port; the log tells.
    pub fn restart(&mut self) -> Result<(), ServicesError> {
        self.kill()?;
        match self.attempt()? {
            Started::Ready(run) => {
                self.run = Some(run);
                Ok(())
            }
            Started::Ended(log) => Err(ServicesError::Start { product: self.product, log }),
        }
    }

    /// A MariaDB server with more arguments.
    pub(crate) fn start_mariadb_with(folder: &Path, more: Vec<OsString>) -> Result<Self, ServicesError> {
        Self::start(Product::MariaDb, folder, Durability::Synced, false, more)
    }

    /// Other arguments from the next start on.
    pub(crate) fn set_more(&mut self, more: Vec<OsString>) {
        self.more = more;
    }

    fn start(
        product: Product,
        folder: &Path,
        durability: Durability,
        removed: bool,
        more: Vec<OsString>,
    ) -> Result<Self, ServicesError> {
        let user = installed::server_user()?;
        fs::create_dir_all(folder).map_err(ServicesError::io(format!("create `{}`", folder.display())))?;
        let folder = fs::canonicalize(folder).map_err(ServicesError::io("resolve the path of a folder"))?;
        if let Some(user) = user {
            hand_over(&folder, user)?;
        }
        if !product::is_prepared(&folder).map_err(ServicesError::io("look for the data of a server"))? {
            product.prepare(&folder, user)?;
        }
        let mut server = Self { product, durability, folder, removed, port: 0, url: String::new(), more, run: None };
        let mut said = String::new();
        for _ in 0..STARTS_MAX {
            server.port = free_port()?;
            server.url = product.url(server.port);
            match server.attempt()? {
                Started::Ready(run) => {
                    server.run = Some(run);
                    return Ok(server);
                }
                Started::Ended(log) => said = log,
            }
        }
        Err(ServicesError::Start { product, log: said })
    }

    fn attempt(&self) -> Result<Started, ServicesError> {
        let mut command = self.product.command(&self.folder, self.port, self.durability)?;
        command.extend(self.more.iter().cloned());
        let terms = Terms {
            folder: &self.folder,
            removed: self.removed,
            user: installed::server_user()?,
            end_signal: self.product.end_signal(),
            ready_line: self.product.ready_line(),
        };
        Run::start(&command, &terms)
    }
}

/// Makes `user` the owner of `folder`, who can also get there.
fn hand_over(folder: &Path, user: User) -> Result<(), ServicesError> {
    let failed = || ServicesError::io(format!("hand `{}` to the user of the server", folder.display()));
    chown(folder, Some(user.uid), Some(user.gid)).map_err(failed())?;
    let temporary = std::env::temp_dir();
    for above in folder.ancestors().skip(1).filter(|above| above.starts_with(&temporary)) {
        let mode = fs::metadata(above).map_err(failed())?.permissions().mode();
        if mode & PASS != PASS {
            fs::set_permissions(above, Permissions::from_mode(mode | PASS)).map_err(failed())?;
        }
    }
    Ok(())
}

/// A port that nobody listens on now. Where the search begins is random, so that processes rarely meet.
pub(crate) fn free_port() -> Result<u16, ServicesError> {
    let random = u16::from_be_bytes(*uuid::Uuid::now_v7().as_bytes().last_chunk().expect("a UUID has 16 bytes"));
    let (first, count) = (PORTS.start, PORTS.end - PORTS.start);
    (0..count)
        .map(|step| first + (random % count + step) % count)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| ServicesError::io("find a free port")(std::io::Error::other(format!("none in {PORTS:?}"))))
}
