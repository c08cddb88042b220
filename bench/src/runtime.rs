//! A runtime in this process: the one of `reprise serve`, in a place of its own.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::Method;
use reprise::config::{Config, DtmConfig, StoreKind};
use reprise::serve::{ServeError, Server};
use reprise_outbound::Participant;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::database::Database;
use crate::load::Connection;

/// The participant of every workflow here, at an address.
pub(crate) fn bank(address: SocketAddr) -> BTreeMap<String, Participant> {
    BTreeMap::from([("bank".to_owned(), Participant::at(format!("http://{address}")))])
}

/// Where a runtime keeps everything: a folder of its own, and a database where the store needs one.
pub(crate) struct Place {
    /// Of the runtime that is started here.
    pub(crate) config: Config,
    database: Option<Database>,
    _folder: TempDir,
}

impl Place {
    /// An empty one. `dir`: an existing folder on the disk that is measured.
    pub(crate) async fn make(
        store: StoreKind,
        dir: &Path,
        participants: BTreeMap<String, Participant>,
    ) -> Result<Self> {
        let folder = folder(dir)?;
        let database = Database::start(store, folder.path()).await?;
        Ok(Self::of(store, participants, folder, database))
    }

    /// Another empty one, on the same database server where there is one.
    pub(crate) async fn another(&self, dir: &Path) -> Result<Self> {
        let database = match &self.database {
            Some(database) => Some(database.another().await?),
            None => None,
        };
        Ok(Self::of(self.config.store, self.config.participants.clone(), folder(dir)?, database))
    }

    /// Lets the runtime that is started here serve DTM's clients too.
    pub(crate) fn serve_dtm(&mut self) {
        self.config.dtm =
            DtmConfig { enabled: true, listen: "127.0.0.1:0".into(), grpc_listen: "127.0.0.1:0".into(), ..DtmConfig::default() };
    }

    fn of(
        store: StoreKind,
        participants: BTreeMap<String, Participant>,
        folder: TempDir,
        database: Option<Database>,
    ) -> Self {
        let config = Config {
            listen: "127.0.0.1:0".into(),
            data_dir: folder.path().join("data"),
            store,
            store_url: database.as_ref().map(Database::secret),
            participants,
            ..Config::default()
        };
        Self { config, database, _folder: folder }
    }
}

fn folder(dir: &Path) -> Result<TempDir> {
    // A database server that root starts is run by a user of its own, who has to get there.
    let passable = Permissions::from_mode(0o711);
    Ok(tempfile::Builder::new().prefix("reprise-bench-").permissions(passable).tempdir_in(dir)?)
}

/// A runtime that answers requests.
pub(crate) struct Running {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Where DTM's clients find it, if they do.
    pub(crate) dtm: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    pub(crate) async fn start(config: &Config) -> Result<Self> {
        let server = Server::start(config).await.context("the runtime does not start")?;
        let address = server.address();
        let dtm = server.dtm_addresses().map(|addresses| addresses.http);
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Ok(Self { address, dtm, stop, server })
    }

    /// Uploads a component.
    pub(crate) async fn deploy(&self, workflow: &str, component: Bytes) -> Result<()> {
        let path = format!("/v1/workflows/{workflow}");
        let mut connection = Connection::open(self.address).await?;
        let (status, body) = connection.send(Method::PUT, &path, "application/wasm", component).await?;
        ensure!(status.is_success(), "the upload was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    /// Stops it as SIGTERM does, and waits for its end.
    pub(crate) async fn stop(self) -> Result<()> {
        // Dropping the sender is the signal.
        drop(self.stop);
        self.server.await??;
        Ok(())
    }
}
