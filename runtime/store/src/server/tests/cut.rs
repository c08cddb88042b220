//! A way to a database that a test can cut.

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Leads to a server until it is cut.
pub(super) struct Way {
    url: String,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    open: bool,
    /// Of connections that carry: those before it are silent.
    generation: u32,
}

impl Way {
    /// Another one to the database of `url`.
    pub(super) async fn to(url: &str) -> Self {
        let (before, rest) = url.split_once('@').expect("a user");
        let (server, name) = rest.split_once('/').expect("a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = watch::Sender::new(State { open: true, generation: 0 });
        tokio::spawn(serve(listener, server.to_owned(), state.subscribe()));
        Self { url: format!("{before}@127.0.0.1:{port}/{name}"), state }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Connections are closed, new ones too, at once.
    pub(super) fn cut(&self) {
        self.state.send_modify(|state| state.open = false);
    }

    pub(super) fn mend(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Connections carry nothing any more and stay open. New ones work.
    pub(super) fn silence(&self) {
        self.state.send_modify(|state| state.generation += 1);
    }
}

async fn serve(listener: TcpListener, server: String, state: watch::Receiver<State>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (server, mut state) = (server.clone(), state.clone());
        tokio::spawn(async move {
            // Either end may be gone, which is what the other one sees then.
            let Ok(mut server) = TcpStream::connect(server).await else { return };
            let generation = state.borrow().generation;
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                _ = state.wait_for(|state| !state.open || state.generation > generation) => {}
            }
            // The end of the test ends the wait, too.
            let _ = state.wait_for(|state| !state.open).await;
        });
    }
}
