//! A wire to PostgreSQL that can be cut: a proxy that reads along just enough to see commits go by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// `COMMIT` as a simple query, which is how it is always sent.
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html>
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pass,
    /// It arrives, and its answer is lost with the connection.
    Unanswered,
    /// It is lost with the connection.
    Lost,
}

/// A wire to one server. It is taken down when this is dropped.
pub(crate) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Commits pass, go unanswered and are lost in turn.
    suffering: AtomicBool,
    commits: AtomicUsize,
    cut: AtomicUsize,
    /// Rises when silence falls, and again when it ends: odd while it lasts.
    silences: AtomicUsize,
    down: CancellationToken,
}

impl Wire {
    /// A wire to the server of that URL.
    pub(crate) async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = server_of(url).to_owned();
        let wire = Wire { address, shared: Arc::default() };
        let shared = Arc::clone(&wire.shared);
        tokio::spawn(async move {
            loop {
                let client = tokio::select! {
                    client = listener.accept() => client.expect("a client").0,
                    () = shared.down.cancelled() => return,
                };
                let server = TcpStream::connect(&server).await.expect("PostgreSQL");
                tokio::spawn(pass((client, server), Arc::clone(&shared)));
            }
        });
        wire
    }

    /// The same URL by this wire.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replacen(server_of(url), &self.address.to_string(), 1)
    }

    /// From now on commits pass, go unanswered and are lost in turn; or pass again.
    pub(crate) fn let_commits_suffer(&self, suffering: bool) {
        self.shared.suffering.store(suffering, Ordering::Relaxed);
    }

    /// How many commits were lost or went unanswered.
    pub(crate) fn cut(&self) -> usize {
        self.shared.cut.load(Ordering::Relaxed)
    }

    /// Lets nothing through, without a word, until it speaks again.
    pub(crate) fn fall_silent(&self) {
        self.shared.silences.fetch_or(1, Ordering::Relaxed);
    }

    /// New connections pass again. Those of before stay silent for good, and open: as behind a firewall that has lost
    /// its memory.
    pub(crate) fn speak_again(&self) {
        self.shared.silences.fetch_add(1, Ordering::Relaxed);
    }

    /// Cuts every connection and takes no new one.
    pub(crate) fn take_down(&self) {
        self.shared.down.cancel();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.take_down();
    }
}

fn server_of(url: &str) -> &str {
    let rest = url.split_once("://").expect("a URL").1;
    let place = rest.split_once('/').map_or(rest, |(place, _)| place);
    place.split_once('@').map_or(place, |(_, place)| place)
}

async fn pass((client, server): (TcpStream, TcpStream), shared: Arc<Shared>) {
    let born = shared.silences.load(Ordering::Relaxed);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = forward(from_client, to_server, (&shared, born)) => {}
        () = forward(from_server, to_client, (&shared, born)) => {}
        () = shared.down.cancelled() => {}
    }
}

/// Returns where the connection is to be cut.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    (shared, born): (&Shared, usize),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &buffer[..read];
        if born % 2 == 1 || shared.silences.load(Ordering::Relaxed) != born {
            // Both ends stay open.
            shared.down.cancelled().await;
        }
        let is_commit = bytes.windows(COMMIT.len()).any(|window| window == COMMIT);
        let fate = if is_commit { shared.fate() } else { Fate::Pass };
        if fate == Fate::Lost || to.write_all(bytes).await.is_err() {
            return;
        }
        if fate == Fate::Unanswered {
            // The server commits all the same: it reads what was sent before it sees the end.
            drop(to.shutdown().await);
            return;
        }
    }
}

impl Shared {
    fn fate(&self) -> Fate {
        if !self.suffering.load(Ordering::Relaxed) {
            return Fate::Pass;
        }
        let fates = [Fate::Pass, Fate::Unanswered, Fate::Lost];
        let fate = fates[self.commits.fetch_add(1, Ordering::Relaxed) % fates.len()];
        self.cut.fetch_add(usize::from(fate != Fate::Pass), Ordering::Relaxed);
        fate
    }
}
