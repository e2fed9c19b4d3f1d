//! One connection to Apple: opened, watched, written to.
//!
//! May import this folder's configuration and words. It never carries more streams than the peer allows, and only one
//! until Apple has accepted a provider token on it; once retired it carries no new ones, and ends with its last.
//! <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>

use super::config::{Endpoint, Pulse};
use super::response;
use crate::clock::Time;
use crate::domain::reasons::{
    CONNECT_FAILED, CONNECTION_LOST, GOAWAY, REFUSED_STREAM, STREAM_RESET,
};
use crate::domain::reasons::{TIMEOUT, TLS_FAILED};
use crate::provider::Outcome;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, PingPong, Reason};
use http::{HeaderMap, Request};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection is replaced after so many streams that we gave up: `h2` ends it, with all that is on it, at 1,024.
const GIVEN_UP_MAX: usize = 500;

/// How long a connection carries nothing on which Apple has said that provider tokens change too often: it is useless
/// for some time, and whoever goes on at once makes that longer.
const PARKED_FOR: Duration = Duration::from_mins(5);

/// One connection.
pub(super) struct Connection {
    sender: SendRequest<Bytes>,
    vital: Arc<Vital>,
    opened_at: Instant,
}

/// What the task that drives the connection and those who write to it tell each other.
struct Vital {
    /// How many streams the peer allows.
    streams_max: AtomicUsize,
    streams: AtomicUsize,
    proven: AtomicBool,
    retired: AtomicBool,
    given_up: AtomicUsize,
    heard_at: Mutex<Instant>,
    parked_until: Mutex<Option<Instant>>,
    /// Rung when there may be more room than before.
    changed: Arc<Notify>,
}

/// A request that is on the wire.
pub(super) struct Exchange {
    response: ResponseFuture,
    vital: Arc<Vital>,
    written_at: Instant,
}

/// An answer as it came.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// None where it broke off or was longer than may be.
    pub(super) body: Option<Vec<u8>>,
}

type Driven = h2::client::Connection<TlsStream<TcpStream>, Bytes>;

/// Opens a connection, which is ready when the peer has said what it allows. Also gives the future that must be run for
/// as long as the connection is to live.
pub(super) async fn open(
    endpoint: &Endpoint,
    tls: &TlsConnector,
    pulse: Pulse,
    changed: Arc<Notify>,
) -> Result<(Connection, impl Future<Output = ()> + Send + use<>), (&'static str, String)> {
    let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await;
    let tcp = tcp.map_err(|error| (CONNECT_FAILED, error.to_string()))?;
    // Without it the small frames of a push would wait for one another; where it cannot be had, they do.
    let _ = tcp.set_nodelay(true);
    let stream = tls.connect(endpoint.server_name.clone(), tcp).await;
    let stream = stream.map_err(|error| (TLS_FAILED, error.to_string()))?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err((TLS_FAILED, "the peer does not speak HTTP/2".into()));
    }
    // No stream before the peer's settings: what they allow is not known, and a peer that hangs up instead of sending
    // them has certainly not taken a push.
    let handshake = h2::client::Builder::new()
        .initial_max_send_streams(0)
        .enable_push(false)
        .handshake::<_, Bytes>(stream)
        .await;
    let (sender, mut driven) = handshake.map_err(|error| (CONNECT_FAILED, error.to_string()))?;
    let allowed = settled(&mut driven).await.map_err(|error| (CONNECT_FAILED, error))?;
    let vital = Arc::new(Vital {
        streams_max: AtomicUsize::new(allowed),
        streams: AtomicUsize::new(0),
        proven: AtomicBool::new(false),
        retired: AtomicBool::new(false),
        given_up: AtomicUsize::new(0),
        heard_at: Mutex::new(Instant::now()),
        parked_until: Mutex::new(None),
        changed,
    });
    let connection = Connection { sender, vital: vital.clone(), opened_at: Instant::now() };
    Ok((connection, drive(driven, pulse, vital)))
}

/// Waits for the peer's first settings, and gives how many streams they allow.
async fn settled(driven: &mut Driven) -> Result<usize, String> {
    poll_fn(|cx| match Pin::new(&mut *driven).poll(cx) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(error.to_string())),
        Poll::Ready(Ok(())) => Poll::Ready(Err("the peer hung up".into())),
        Poll::Pending => match driven.max_concurrent_send_streams() {
            0 => Poll::Pending,
            allowed => Poll::Ready(Ok(allowed)),
        },
    })
    .await
}

/// Runs the connection until it ends or does not answer any more.
async fn drive(mut driven: Driven, pulse: Pulse, vital: Arc<Vital>) {
    let ping_pong = driven.ping_pong();
    let run = poll_fn(|cx| {
        let end = Pin::new(&mut driven).poll(cx);
        vital.allow(driven.max_concurrent_send_streams());
        end
    });
    tokio::select! {
        end = run => {
            if let Err(error) = end {
                tracing::debug!(%error, "A connection to Apple ended.");
            }
        }
        () = silent(ping_pong, pulse, &vital) => {
            tracing::info!("A connection to Apple does not answer any more; it is closed.");
        }
    }
    vital.retire();
}

/// Returns when the peer does not answer a ping in time.
async fn silent(ping_pong: Option<PingPong>, pulse: Pulse, vital: &Vital) {
    let Some(mut ping_pong) = ping_pong else { return std::future::pending().await };
    loop {
        let ping_at = vital.heard_at() + pulse.after;
        if ping_at > Instant::now() {
            sleep_until(ping_at).await;
            continue;
        }
        match timeout(pulse.timeout, ping_pong.ping(Ping::opaque())).await {
            Ok(Ok(_)) => vital.hear(),
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

impl Connection {
    /// How many streams it carries, where it has room for one more.
    pub(super) fn room(&self) -> Option<usize> {
        if self.parked_for().is_some() {
            return None;
        }
        let allowed = self.vital.streams_max.load(Ordering::Acquire);
        let allowed = if self.is_proven() { allowed } else { allowed.min(1) };
        let streams = self.vital.streams.load(Ordering::Acquire);
        (!self.is_retired() && streams < allowed).then_some(streams)
    }

    /// Takes the room for one stream; must be given back with [`Connection::leave`].
    pub(super) fn enter(&self) {
        self.vital.streams.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn leave(&self) {
        self.vital.streams.fetch_sub(1, Ordering::AcqRel);
    }

    /// Lets it carry no new streams for [`PARKED_FOR`], and then one until Apple has accepted a provider token again.
    pub(super) fn park(&self) {
        self.vital.proven.store(false, Ordering::Release);
        *self.vital.parked_until() = Some(Instant::now() + PARKED_FOR);
        self.vital.changed.notify_waiters();
    }

    /// How long it still carries nothing, where it is parked.
    pub(super) fn parked_for(&self) -> Option<Duration> {
        let until = (*self.vital.parked_until())?;
        Some(until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Whether Apple has accepted a provider token on it.
    pub(super) fn is_proven(&self) -> bool {
        self.vital.proven.load(Ordering::Acquire)
    }

    pub(super) fn is_retired(&self) -> bool {
        self.vital.retired.load(Ordering::Acquire)
    }

    /// How long it has been open.
    pub(super) fn age(&self) -> Duration {
        self.opened_at.elapsed()
    }

    /// Lets it carry no new streams.
    pub(super) fn retire(&self) {
        self.vital.retire();
    }

    /// Writes a request. Where that fails nothing was written, and the connection is retired.
    pub(super) async fn write(&self, head: Request<()>, body: Bytes) -> Option<Exchange> {
        let written = async {
            let mut sender = self.sender.clone().ready().await?;
            let (response, mut stream) = sender.send_request(head, body.is_empty())?;
            if !body.is_empty() {
                stream.send_data(body, true)?;
            }
            Ok::<_, h2::Error>(response)
        };
        match written.await {
            Ok(response) => {
                let (vital, written_at) = (self.vital.clone(), Instant::now());
                Some(Exchange { response, vital, written_at })
            }
            Err(error) => {
                tracing::debug!(%error, "A connection to Apple takes no more pushes.");
                self.retire();
                None
            }
        }
    }
}

impl Exchange {
    /// Waits at most so long for what became of a push. Also gives the date of the answer, where it has one.
    pub(super) async fn answer(self, request_timeout: Duration) -> (Outcome, Option<Time>) {
        match self.reply(request_timeout, response::BODY_BYTES_MAX).await {
            Ok(Reply { status, headers, body }) => {
                let outcome = response::outcome(status, &headers, &body.unwrap_or_default());
                (outcome, response::date(&headers))
            }
            Err(outcome) => (outcome, None),
        }
    }

    /// Waits at most so long for the answer, as it came; where none came, that is the outcome.
    pub(super) async fn reply(
        self,
        request_timeout: Duration,
        body_bytes_max: usize,
    ) -> Result<Reply, Outcome> {
        let Exchange { response, vital, written_at } = self;
        let deadline = written_at + request_timeout;
        let (head, stream) = match timeout_at(deadline, response).await {
            Ok(Ok(response)) => response.into_parts(),
            Ok(Err(error)) => return Err(vital.failed(&error)),
            Err(_) => {
                vital.give_up(written_at);
                return Err(Outcome::Unknown { reason: TIMEOUT });
            }
        };
        vital.hear();
        let body = timeout_at(deadline, read(stream, body_bytes_max)).await.ok().flatten();
        if body.is_none() {
            vital.give_up(written_at);
        }
        let status = head.status.as_u16();
        vital.prove(status);
        Ok(Reply { status, headers: head.headers, body })
    }
}

/// Reads the body of an answer; none if it is longer than any of Apple's.
async fn read(mut stream: h2::RecvStream, bytes_max: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        if body.len() + data.len() > bytes_max {
            return None;
        }
        // Without more window the rest of a body would not come, and would not be missed.
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    Some(body)
}

impl Vital {
    fn allow(&self, streams_max: usize) {
        if self.streams_max.swap(streams_max, Ordering::AcqRel) < streams_max {
            self.changed.notify_waiters();
        }
    }

    fn retire(&self) {
        if !self.retired.swap(true, Ordering::AcqRel) {
            self.changed.notify_waiters();
        }
    }

    /// Apple judges the provider token before anything else, so these answers show that it was accepted.
    fn prove(&self, status: u16) {
        if matches!(status, 200 | 201 | 204 | 400 | 410 | 413)
            && !self.proven.swap(true, Ordering::AcqRel)
        {
            self.changed.notify_waiters();
        }
    }

    fn hear(&self) {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn parked_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.parked_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard_at(&self) -> Instant {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a stream that we gave up. Where nothing at all came since it was written, the connection may be dead, and
    /// new pushes do not wait until a ping has shown it.
    fn give_up(&self, written_at: Instant) {
        let given_up = self.given_up.fetch_add(1, Ordering::AcqRel) + 1;
        if given_up >= GIVEN_UP_MAX || self.heard_at() < written_at {
            self.retire();
        }
    }

    /// What a stream's error says about its push.
    fn failed(&self, error: &h2::Error) -> Outcome {
        if error.is_reset() && error.is_remote() {
            self.hear();
            return match error.reason() {
                Some(Reason::REFUSED_STREAM) => Outcome::NotSent { reason: REFUSED_STREAM },
                _ => Outcome::Unknown { reason: STREAM_RESET },
            };
        }
        self.retire();
        if error.is_go_away() && error.is_remote() {
            // `h2` gives this error only to streams above the last one that the peer says it looked at.
            return Outcome::NotSent { reason: GOAWAY };
        }
        Outcome::Unknown { reason: CONNECTION_LOST }
    }
}
