//! A TCP proxy that cuts one connection at a chosen word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// When to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never sees the word.
    Before,
    /// The server has acted on it; its answer is lost.
    After,
}

/// The URL of a proxy in front of the server at `url`. The first connection whose client says `word` is cut; all
/// later ones pass.
pub(crate) async fn cut(url: &str, word: &'static str, when: Cut) -> String {
    let mut url = Url::parse(url).expect("a URL");
    let server = format!("{}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    url.set_port(Some(listener.local_addr().expect("bound").port())).expect("it has a host");
    let armed = Arc::new(AtomicBool::new(true));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the server is there");
            tokio::spawn(pass(client, server, word, when, armed.clone()));
        }
    });
    url.into()
}

async fn pass(mut client: TcpStream, mut server: TcpStream, word: &str, when: Cut, armed: Arc<AtomicBool>) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                let said = &from_client[..length];
                let heard = said.windows(word.len()).any(|part| part == word.as_bytes());
                let cuts = heard && armed.swap(false, Ordering::SeqCst);
                if cuts && when == Cut::Before {
                    return;
                }
                if server.write_all(said).await.is_err() {
                    return;
                }
                if cuts {
                    // What it answers says that it has acted.
                    let _ = server.read(&mut from_server).await;
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
