//! A cable between two programs that speak TCP: it can be cut, and mended again.
//!
//! As with a real one, nobody is told of the cut: connections stay, and nothing arrives.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what was on its way when the cable was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It arrives late, in order, as if nothing had happened.
    Delivered,
    /// It is lost, and its connections with it.
    Lost,
}

/// A cable; it ends when this is dropped.
pub struct Wire {
    /// Where it begins.
    pub address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    listening: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    open: bool,
    /// Connections of earlier ones are gone.
    generation: u64,
}

impl Wire {
    /// Lays a cable to `target`, `host:port`.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn to(target: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for a cable")?;
        let address = listener.local_addr()?;
        let state = Arc::new(watch::Sender::new(State { open: true, generation: 0 }));
        let listening = tokio::spawn(listen(listener, target.to_owned(), Arc::clone(&state)));
        Ok(Self { address, state, listening })
    }

    /// From now on nothing arrives, in either direction.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.open = false);
    }

    /// From now on everything arrives again.
    pub fn mend(&self, held: Held) {
        self.state.send_modify(|state| {
            state.open = true;
            state.generation += u64::from(held == Held::Lost);
        });
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, target: String, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        let (target, state) = (target.clone(), state.subscribe());
        tokio::spawn(async move {
            let generation = state.borrow().generation;
            let joined = async {
                if !opened(&mut state.clone(), generation).await {
                    return;
                }
                let Ok(server) = TcpStream::connect(&target).await else { return };
                // Small packets must not wait for each other here; that it can't be set does no harm.
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (there, back) = (state.clone(), state.clone());
                tokio::join!(
                    pump(from_client, to_server, there, generation),
                    pump(from_server, to_client, back, generation)
                );
            };
            let mut lost = state.clone();
            tokio::select! {
                () = joined => {}
                _ = lost.wait_for(|state| state.generation != generation) => {}
            }
        });
    }
}

/// Passes on what comes, until the end.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>, generation: u64) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !opened(&mut state, generation).await || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    if opened(&mut state, generation).await {
        // The other side may be gone already.
        let _ = to.shutdown().await;
    }
}

/// Waits until the cable is whole; false if this connection is lost.
async fn opened(state: &mut watch::Receiver<State>, generation: u64) -> bool {
    let whole = state.wait_for(|state| state.open || state.generation != generation).await;
    whole.is_ok_and(|state| state.generation == generation)
}
