//! `reprise serve`: puts the rooms together, says where it listens, stops when it is told to.

mod lease;
mod log;

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::ListenerExt as _;
use reprise_coordinator::Coordinator;
use reprise_host::{Host, HostError};
use reprise_outbound::{Outbound, OutboundError};
use reprise_store::StoreError;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::api::{Api, router};
use crate::config::{Config, DtmConfig, ServeArgs};
use crate::dtm::{Dtm, DtmAddresses, DtmListeners};
use lease::Lease;

/// How long clients with a request under way keep their connection when the server stops.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why the server can't start or go on.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The data folder can't be used.
    #[error("the data folder {path} can't be made or used; choose another with --data-dir or the key `data_dir`")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}; choose another address or port with {choose}")]
    Listen {
        /// Which.
        address: String,
        /// Where another one is set.
        choose: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The guest host can't be set up.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A participant's settings are wrong, or TLS can't be set up.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// Signals can't be received.
    #[error("signals can't be received")]
    Signals(#[source] std::io::Error),
    /// Another process has taken over.
    #[error(
        "another node has taken over this one's executions; this process has stopped at once, and sends and writes \
         nothing more: start it again, it joins the others as a new node"
    )]
    Fenced,
    /// Connections can't be accepted any more.
    #[error("the HTTP server ended")]
    Http(#[source] std::io::Error),
}

/// A server that is ready.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    api: Api,
    dtm: Option<DtmServer>,
    coordinator: Coordinator,
    lease: Option<Lease>,
    stop: CancellationToken,
}

/// The face of DTM, where it is on.
struct DtmServer {
    listeners: DtmListeners,
    addresses: DtmAddresses,
    face: Dtm,
}

/// Starts the runtime and runs it until it is told to stop.
///
/// # Errors
/// A configuration that can't be used, or [`ServeError`].
pub async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(&args)?;
    log::init(&config)?;
    let stop = stop_signal().map_err(ServeError::Signals)?;
    let server = Server::start(&config).await?;
    let mut ready = serde_json::json!({ "listen": server.address().to_string() });
    if let Some(DtmAddresses { http, grpc }) = server.dtm_addresses() {
        ready["dtm"] = http.to_string().into();
        ready["dtm_grpc"] = grpc.to_string().into();
    }
    let mut stdout = std::io::stdout();
    // Whoever started the server may not care to read; that is no reason to stop.
    let _ = writeln!(stdout, "{ready}").and_then(|()| stdout.flush());
    server.run(stop).await?;
    Ok(())
}

impl Server {
    /// Opens the store, gets host and outbound ready, takes up what is unfinished, and listens.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn start(config: &Config) -> Result<Self, ServeError> {
        // Listening first: a second server on the same port must not touch the data.
        let (listener, address) = listen(&config.listen, "--listen or the key `listen`").await?;
        let dtm = if config.dtm.enabled { Some(listen_for_dtm(&config.dtm).await?) } else { None };
        let (store, lease) = lease::open_store(config).await?;
        let host = Host::new(config.host())?;
        let outbound = Outbound::new(config.outbound())?;
        let coordinator = Coordinator::start(config.coordinator(), store, host, outbound).await?;
        let stop = CancellationToken::new();
        let api = Api::new(coordinator.clone(), config.api(), stop.clone());
        let face = |(listeners, addresses)| {
            let face = Dtm::new(coordinator.clone(), config.dtm.settings(config.limits.input_bytes));
            DtmServer { listeners, addresses, face }
        };
        let dtm = dtm.map(face);
        tracing::info!(%address, data_dir = %config.data_dir.display(), store = ?config.store, "ready");
        Ok(Self { listener, address, api, dtm, coordinator, lease, stop })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients of DTM are served, if they are.
    #[must_use]
    pub fn dtm_addresses(&self) -> Option<DtmAddresses> {
        self.dtm.as_ref().map(|dtm| dtm.addresses)
    }

    /// Answers requests until `stop` is ready; then admits nothing more, makes everything durable and returns.
    ///
    /// # Errors
    /// [`ServeError::Http`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let Self { listener, address: _, api, dtm, coordinator, lease, stop: token } = self;
        let listener = listener.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY can't be set");
            }
        });
        let fenced = lease.as_ref().map_or_else(|| Box::pin(std::future::pending()) as _, Lease::fenced);
        let stopping = token.clone();
        let http = axum::serve(listener, router(api)).with_graceful_shutdown(stopping.cancelled_owned());
        let faces = (token.clone(), dtm);
        let mut http = tokio::spawn(async move {
            let (stopping, dtm) = faces;
            match dtm {
                Some(dtm) => tokio::try_join!(http.into_future(), dtm.listeners.serve(dtm.face, stopping)).map(drop),
                None => http.await,
            }
        });
        let ended = tokio::select! {
            () = stop => None,
            ended = &mut http => Some(ended),
            // No farewell: what is under way is the other node's now.
            () = fenced => {
                http.abort();
                return Err(ServeError::Fenced);
            }
        };
        tracing::info!("stopping: nothing more is admitted");
        token.cancel();
        coordinator.shutdown().await;
        if let Some(lease) = lease {
            lease.give_back().await;
        }
        let ended = match ended {
            Some(ended) => Ok(ended),
            None => tokio::time::timeout(FAREWELL, &mut http).await,
        };
        http.abort();
        match ended {
            Ok(Ok(Ok(()))) | Err(_) => tracing::info!("stopped"),
            Ok(Ok(Err(error))) => return Err(ServeError::Http(error)),
            Ok(Err(error)) => return Err(ServeError::Http(std::io::Error::other(error))),
        }
        Ok(())
    }
}

/// `choose`: where another address is set.
async fn listen(address: &str, choose: &'static str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bound.await.map_err(|source| ServeError::Listen { address: address.to_owned(), choose, source })
}

async fn listen_for_dtm(config: &DtmConfig) -> Result<(DtmListeners, DtmAddresses), ServeError> {
    let (http, http_address) = listen(&config.listen, "the key `dtm.listen`").await?;
    let (grpc, grpc_address) = listen(&config.grpc_listen, "the key `dtm.grpc_listen`").await?;
    Ok((DtmListeners::new(http, grpc), DtmAddresses { http: http_address, grpc: grpc_address }))
}

/// Makes a folder for this user alone: it holds business data, and machine code that is run. One that exists stays as
/// it is.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Ready at the first SIGTERM or SIGINT. A second one ends the process at once: nothing durable is lost by that.
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let mut next = async move || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tokio::spawn(async move {
            next().await;
            tracing::warn!("stopped at once by a second signal");
            std::process::exit(130);
        });
    })
}
