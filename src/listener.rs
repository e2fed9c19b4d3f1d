//! A listener that holds a bounded number of connections.
//!
//! A leaf: imports nothing of the crate. Where all places are taken, the next connection waits in the kernel's
//! queue, which is bounded too. Invariant: nobody keeps a place by saying nothing.

use axum::serve::Listener;
use futures::Stream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A peer that says nothing for so long is cut off, be it before its first request or after its last one.
pub const SILENCE_MAX: Duration = Duration::from_mins(1);

/// Accepts while there is a place.
pub struct BoundedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

/// A connection and the place that it takes until it is dropped.
pub struct Connection {
    stream: TcpStream,
    silence: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl BoundedListener {
    /// Holds at most so many.
    pub fn new(listener: TcpListener, connections_max: usize) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(connections_max)) }
    }
}

impl BoundedListener {
    /// Connections as they come.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Connection>> {
        futures::stream::unfold(self, async |mut listener| {
            let (connection, _) = Listener::accept(&mut listener).await;
            Some((Ok(connection), listener))
        })
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl Listener for BoundedListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let silence = Box::pin(sleep(SILENCE_MAX));
        (Connection { stream, silence, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.silence.as_mut().reset(Instant::now() + SILENCE_MAX);
            return Poll::Ready(read);
        }
        let silent = self.silence.as_mut().poll(context);
        silent.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::time::timeout;

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_for_a_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut bounded = BoundedListener::new(listener, 1);
        let _clients = [TcpStream::connect(address).await, TcpStream::connect(address).await];
        let (first, _) = bounded.accept().await;
        let second = timeout(Duration::from_secs(1), bounded.accept()).await;
        assert!(second.is_err(), "both have a place");
        drop(first);
        bounded.accept().await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut bounded = BoundedListener::new(listener, 1);
        let _silent = TcpStream::connect(address).await.expect("connected");
        let (mut connection, _) = bounded.accept().await;
        let read = timeout(2 * SILENCE_MAX, connection.read_u8()).await;
        let error = read.expect("it is waited for ever").expect_err("nothing was said");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
