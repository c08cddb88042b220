//! Listens: both faces on two ports, until told to stop.

use std::{future::Future, io, net::SocketAddr};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

use crate::{
    bank::{Bank, BankError},
    grpc::grpc_service,
    http::router,
};

/// The two ports, bound but not served yet; what connects meanwhile waits.
#[derive(Debug)]
pub struct Listeners {
    http: TcpListener,
    grpc: TcpListener,
}

impl Listeners {
    /// Binds both ports; port 0 is a free one.
    ///
    /// # Errors
    /// [`BankError::Io`]: an address is not valid or in use.
    pub async fn bind(http: &str, grpc: &str) -> Result<Self, BankError> {
        Ok(Self { http: TcpListener::bind(http).await?, grpc: TcpListener::bind(grpc).await? })
    }

    /// Where HTTP is served.
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn http_address(&self) -> io::Result<SocketAddr> {
        self.http.local_addr()
    }

    /// Where gRPC is served.
    ///
    /// # Errors
    /// As the operating system has it.
    pub fn grpc_address(&self) -> io::Result<SocketAddr> {
        self.grpc.local_addr()
    }
}

/// Serves both faces until `shutdown` is done. It then returns at once: hanging requests are not waited for.
///
/// # Errors
/// [`BankError::Io`]: a listener broke.
pub async fn serve(bank: Bank, listeners: Listeners, shutdown: impl Future<Output = ()>) -> Result<(), BankError> {
    let http = listeners.http.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("bank: a connection stays without TCP_NODELAY: {error}");
        }
    });
    let grpc = TcpIncoming::from(listeners.grpc).with_nodelay(Some(true));
    let grpc = Server::builder().add_service(grpc_service(bank.clone())).serve_with_incoming(grpc);
    tokio::select! {
        served = axum::serve(http, router(bank)) => Ok(served?),
        served = grpc => Ok(served.map_err(io::Error::other)?),
        () = shutdown => Ok(()),
    }
}
