//! Peers that cannot be reached, hang up, or fall silent: what was certainly not sent, and what may have arrived.

use super::server::{Trust, listen};
use super::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_OF_STREAM_AND_HEADERS: u8 = 5;
/// `:status 200` in HPACK's static table.
const STATUS_200: &[u8] = &[0x88];

struct Frame {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A peer that speaks in frames, to say what no library lets a server say.
struct Frames {
    stream: TlsStream<TcpStream>,
}

impl Frames {
    /// Accepts a connection and sends the first settings.
    async fn accept(listener: &TcpListener, trust: &Trust) -> Frames {
        let (tcp, _) = soon(listener.accept()).await.unwrap();
        let mut frames = Frames { stream: trust.acceptor.accept(tcp).await.unwrap() };
        let mut preface = [0; 24];
        frames.stream.read_exact(&mut preface).await.unwrap();
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames.write(SETTINGS, 0, 0, &[]).await;
        frames.write(SETTINGS, ACK, 0, &[]).await;
        frames
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.stream.write_all(&[&head, payload].concat()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The stream of the next request.
    async fn request(&mut self) -> u32 {
        loop {
            let frame = soon(read_frame(&mut self.stream)).await.unwrap();
            if frame.kind == HEADERS {
                return frame.stream;
            }
        }
    }

    async fn answer_ping(&mut self) {
        loop {
            let frame = soon(read_frame(&mut self.stream)).await.unwrap();
            if frame.kind == PING {
                return self.write(PING, ACK, 0, &frame.payload).await;
            }
        }
    }

    async fn accept_push(&mut self, stream: u32) {
        self.write(HEADERS, END_OF_STREAM_AND_HEADERS, stream, STATUS_200).await;
    }
}

async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut payload).await.ok()?;
    let stream_id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some(Frame { kind: head[3], stream: stream_id, payload })
}

fn all(outcomes: &[Outcome], wanted: &Outcome) -> bool {
    outcomes.iter().all(|outcome| outcome == wanted)
}

#[tokio::test]
async fn a_goaway_tells_what_was_not_looked_at_from_what_may_have_arrived() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let apns = apns(config(&url, &trust));
    let credential = credential();

    let first = apns.send(batch(&credential, [0]));
    let mut peer = Frames::accept(&listener, &trust).await;
    assert_eq!(peer.request().await, 1);
    peer.accept_push(1).await;
    assert_eq!(outcomes(first, 1).await, [accepted()]);

    let mut answers = apns.send(batch(&credential, 0..3));
    for stream in [3, 5, 7] {
        assert_eq!(peer.request().await, stream);
    }
    let reason = br#"{"reason":"Shutdown"}"#;
    peer.write(GOAWAY, 0, 0, &[&[0, 0, 0, 5, 0, 0, 0, 0], &reason[..]].concat()).await;
    let refused = soon(answers.recv()).await.unwrap();
    assert_eq!((refused.index, refused.outcome), (2, Outcome::NotSent { reason: "GOAWAY" }));
    peer.accept_push(3).await;
    let answered = soon(answers.recv()).await.unwrap();
    assert_eq!((answered.index, answered.outcome), (0, accepted()));

    // What comes after the goodbye goes over a new connection, while the old one still has a push.
    let next = apns.send(batch(&credential, [0]));
    let mut new_peer = Frames::accept(&listener, &trust).await;
    assert_eq!(new_peer.request().await, 1);
    new_peer.accept_push(1).await;
    assert_eq!(outcomes(next, 1).await, [accepted()]);

    drop(peer);
    let lost = soon(answers.recv()).await.unwrap();
    assert_eq!((lost.index, lost.outcome), (1, Outcome::Unknown { reason: "CONNECTION_LOST" }));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_its_pushes_unknown() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let apns = apns(config(&url, &trust));
    let answers = apns.send(batch(&credential(), [0]));
    let mut peer = Frames::accept(&listener, &trust).await;
    peer.request().await;
    drop(peer);
    let reason = "CONNECTION_LOST";
    assert_eq!(outcomes(answers, 1).await, [Outcome::Unknown { reason }]);
}

#[tokio::test]
async fn a_silent_connection_lives_as_long_as_it_answers_pings() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let apns = apns(Config { ping_after_ms: 20, ..config(&url, &trust) });
    let credential = credential();
    let first = apns.send(batch(&credential, [0]));
    let mut peer = Frames::accept(&listener, &trust).await;
    let stream = peer.request().await;
    peer.accept_push(stream).await;
    assert_eq!(outcomes(first, 1).await, [accepted()]);
    for _ in 0..3 {
        peer.answer_ping().await;
    }
    let second = apns.send(batch(&credential, [0]));
    let stream = peer.request().await;
    peer.accept_push(stream).await;
    assert_eq!(outcomes(second, 1).await, [accepted()]);
}

#[tokio::test]
async fn a_connection_that_does_not_answer_a_ping_is_replaced() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let pulse = Config { ping_after_ms: 20, ping_timeout_ms: 50, ..config(&url, &trust) };
    let (apns, credential) = (apns(pulse), credential());
    let first = apns.send(batch(&credential, [0]));
    let mut dead = Frames::accept(&listener, &trust).await;
    let stream = dead.request().await;
    dead.accept_push(stream).await;
    assert_eq!(outcomes(first, 1).await, [accepted()]);
    while soon(read_frame(&mut dead.stream)).await.is_some() {}

    let next = apns.send(batch(&credential, [0]));
    let mut peer = Frames::accept(&listener, &trust).await;
    let stream = peer.request().await;
    peer.accept_push(stream).await;
    assert_eq!(outcomes(next, 1).await, [accepted()]);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    drop(listener);
    let apns = apns(config(&url, &trust));
    let found = outcomes(apns.send(batch(&credential(), 0..100)), 100).await;
    assert!(all(&found, &Outcome::NotSent { reason: "CONNECT_FAILED" }), "{found:?}");
}

#[tokio::test]
async fn a_peer_that_is_not_trusted_gets_nothing() {
    let (trust, other) = (Trust::new(), Trust::new());
    let (listener, url) = listen().await;
    let acceptor = trust.acceptor.clone();
    let peer = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.is_err()
    });
    let apns = apns(config(&url, &other));
    let reason = "TLS_FAILED";
    assert_eq!(outcome(&apns, &credential()).await, Outcome::NotSent { reason });
    assert!(peer.await.unwrap());
}

#[tokio::test]
async fn a_peer_that_hangs_up_before_its_settings_has_certainly_got_nothing() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let apns = apns(config(&url, &trust));
    let answers = apns.send(batch(&credential(), 0..2));
    let (tcp, _) = listener.accept().await.unwrap();
    drop(trust.acceptor.accept(tcp).await.unwrap());
    let found = outcomes(answers, 2).await;
    assert!(all(&found, &Outcome::NotSent { reason: "CONNECT_FAILED" }), "{found:?}");
}

#[tokio::test]
async fn a_peer_that_never_speaks_is_given_up_in_time() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let apns = apns(Config { connect_timeout_ms: 200, ..config(&url, &trust) });
    let before = std::time::Instant::now();
    let found = outcomes(apns.send(batch(&credential(), 0..50)), 50).await;
    assert!(all(&found, &Outcome::NotSent { reason: "CONNECT_TIMEOUT" }), "{found:?}");
    assert!(before.elapsed() < Duration::from_secs(5));
    drop(listener);
}

#[tokio::test]
async fn a_push_that_finds_no_room_in_time_was_not_sent() {
    let trust = Trust::new();
    let (listener, url) = listen().await;
    let apns = apns(Config { connect_timeout_ms: 2_000, ..config(&url, &trust) });
    let mut answers = apns.send(batch(&credential(), 0..2));
    let mut peer = Frames::accept(&listener, &trust).await;
    // The first is not answered before the second has waited too long.
    let stream = peer.request().await;
    let second = soon(answers.recv()).await.unwrap();
    assert_eq!((second.index, second.outcome), (1, Outcome::NotSent { reason: "NO_STREAM" }));
    peer.accept_push(stream).await;
    assert_eq!(soon(answers.recv()).await.unwrap().outcome, accepted());
}
