//! The two ports of DTM's face.

use std::io;
use std::net::SocketAddr;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::Dtm;
use super::grpc::{pb, service};
use super::http::router;

/// Two ports that are bound and not served yet; what connects meanwhile waits.
#[derive(Debug)]
pub struct DtmListeners {
    http: TcpListener,
    grpc: TcpListener,
}

/// Where they are.
#[derive(Debug, Clone, Copy)]
pub struct DtmAddresses {
    /// HTTP and JSON-RPC.
    pub http: SocketAddr,
    /// gRPC.
    pub grpc: SocketAddr,
}

impl DtmListeners {
    /// Takes two listeners.
    #[must_use]
    pub const fn new(http: TcpListener, grpc: TcpListener) -> Self {
        Self { http, grpc }
    }

    /// Serves both until `stop`, and answers what is under way then.
    ///
    /// # Errors
    /// A listener broke.
    pub async fn serve(self, dtm: Dtm, stop: CancellationToken) -> io::Result<()> {
        let http = self.http.tap_io(|connection| {
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY can't be set");
            }
        });
        let http = axum::serve(http, router(dtm.clone())).with_graceful_shutdown(stop.clone().cancelled_owned());
        let incoming = TcpIncoming::from(self.grpc).with_nodelay(Some(true));
        let reflection =
            tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(pb::DESCRIPTION);
        let reflection = reflection.build_v1().map_err(io::Error::other)?;
        let grpc = Server::builder().add_service(service(dtm)).add_service(reflection);
        let grpc = grpc.serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
        let grpc = async { grpc.await.map_err(io::Error::other) };
        tokio::try_join!(http.into_future(), grpc).map(drop)
    }
}
