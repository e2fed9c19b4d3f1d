//! A server that is Google's two addresses at once: it does with each request what a test says, and notes what it saw.

use crate::provider::apns::tests::server::{Trust, listen};
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::server::TlsStream;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What is to become of a request.
#[derive(Clone)]
pub(super) enum Act {
    Answer(u16, String),
    AnswerWith(u16, &'static str, String, Vec<u8>),
    Reset(Reason),
    /// Answers with 200 as soon as there is a permit.
    Wait(Arc<Semaphore>),
    Stall,
    /// Begins an answer and never ends it.
    StallInBody(u16),
    HangUp,
}

type Rule = dyn Fn(&Seen) -> Act + Send + Sync;

/// What the server has seen, over all connections.
#[derive(Default)]
struct Record {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    open_max: AtomicUsize,
    per_connection_max: AtomicUsize,
}

pub(super) struct Server {
    pub(super) url: String,
    pub(super) trust: Option<Trust>,
    record: Arc<Record>,
}

impl Seen {
    pub(super) fn is_for_token(&self) -> bool {
        self.path == "/token"
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    /// HTTP/2 over TLS.
    pub(super) async fn tls(rule: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Server {
        let (trust, record) = (Trust::new(), Arc::new(Record::default()));
        let (listener, url) = listen().await;
        let (acceptor, rule): (_, Arc<Rule>) = (trust.acceptor.clone(), Arc::new(rule));
        let shared = record.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, rule, record) = (acceptor.clone(), rule.clone(), shared.clone());
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        serve(tls, rule, record).await;
                    }
                });
            }
        });
        Server { url, trust: Some(trust), record }
    }

    /// Plain HTTP/1.1, as on this machine.
    pub(super) async fn plain(rule: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Server {
        let record = Arc::new(Record::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (rule, shared): (Arc<Rule>, _) = (Arc::new(rule), record.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (rule, record) = (rule.clone(), shared.clone());
                record.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    // An error is a client that went away.
                    let _ = serve_plain(tcp, rule, record).await;
                });
            }
        });
        Server { url, trust: None, record }
    }

    pub(super) fn pushes(&self) -> Vec<Seen> {
        self.seen(false)
    }

    pub(super) fn token_requests(&self) -> Vec<Seen> {
        self.seen(true)
    }

    pub(super) fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were open at a time, over all connections.
    pub(super) fn open_max(&self) -> usize {
        self.record.open_max.load(Ordering::SeqCst)
    }

    /// The most that were open at a time on one.
    pub(super) fn per_connection_max(&self) -> usize {
        self.record.per_connection_max.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> usize {
        self.record.open.load(Ordering::SeqCst)
    }

    fn seen(&self, for_token: bool) -> Vec<Seen> {
        let seen = self.record.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.is_for_token() == for_token).cloned().collect()
    }
}

impl Record {
    fn note(&self, seen: &Seen) {
        self.seen.lock().unwrap().push(seen.clone());
    }
}

async fn serve(tls: TlsStream<TcpStream>, rule: Arc<Rule>, record: Arc<Record>) {
    record.connections.fetch_add(1, Ordering::SeqCst);
    let here = Arc::new(AtomicUsize::new(0));
    let mut builder = h2::server::Builder::new();
    let Ok(mut connection) = builder.max_concurrent_streams(100).handshake(tls).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (rule, record, here) = (rule.clone(), record.clone(), here.clone());
        let open = record.open.fetch_add(1, Ordering::SeqCst) + 1;
        record.open_max.fetch_max(open, Ordering::SeqCst);
        let open_here = here.fetch_add(1, Ordering::SeqCst) + 1;
        record.per_connection_max.fetch_max(open_here, Ordering::SeqCst);
        tokio::spawn(async move {
            answer(request, respond, rule, &record).await;
            record.open.fetch_sub(1, Ordering::SeqCst);
            here.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn answer(
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    rule: Arc<Rule>,
    record: &Record,
) {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(chunk)) = incoming.data().await {
        let _ = incoming.flow_control().release_capacity(chunk.len());
        body.extend_from_slice(&chunk);
    }
    let seen =
        Seen { path: head.uri.path().into(), headers: head.headers, body: Bytes::from(body) };
    record.note(&seen);
    let mut response = Response::builder();
    let (status, body) = match rule(&seen) {
        Act::Answer(status, body) => (status, Bytes::from(body)),
        Act::AnswerWith(status, name, value, body) => {
            response = response.header(name, value);
            (status, Bytes::from(body))
        }
        Act::Wait(permits) => {
            permits.acquire().await.unwrap().forget();
            (200, Bytes::from_static(b"{}"))
        }
        Act::Reset(reason) => return respond.send_reset(reason),
        Act::HangUp => return respond.send_reset(Reason::INTERNAL_ERROR),
        Act::Stall => return std::future::pending().await,
        Act::StallInBody(status) => {
            let head = response.status(status).body(()).unwrap();
            let _stream = respond.send_response(head, false);
            return std::future::pending().await;
        }
    };
    let head = response.status(status).body(()).unwrap();
    if let Ok(mut stream) = respond.send_response(head, false) {
        // A client that has read enough resets the stream.
        let _ = stream.send_data(body, true);
    }
}

async fn serve_plain(tcp: TcpStream, rule: Arc<Rule>, record: Arc<Record>) -> std::io::Result<()> {
    let mut tcp = BufReader::new(tcp);
    loop {
        let mut line = String::new();
        if tcp.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = HeaderMap::new();
        loop {
            let mut line = String::new();
            tcp.read_line(&mut line).await?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let length = headers.get("content-length").map_or("0", |value| value.to_str().unwrap());
        let mut body = vec![0; length.parse().unwrap()];
        tcp.read_exact(&mut body).await?;
        let seen = Seen { path, headers, body: Bytes::from(body) };
        record.note(&seen);
        let (status, header, body) = match rule(&seen) {
            Act::Answer(status, body) => (status, String::new(), body.into_bytes()),
            Act::AnswerWith(status, name, value, body) => {
                (status, format!("{name}: {value}\r\n"), body)
            }
            Act::Wait(permits) => {
                permits.acquire().await.unwrap().forget();
                (200, String::new(), b"{}".to_vec())
            }
            Act::HangUp | Act::Reset(_) => return Ok(()),
            Act::Stall => return std::future::pending().await,
            Act::StallInBody(status) => {
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 50\r\n\r\n{{");
                tcp.write_all(head.as_bytes()).await?;
                return std::future::pending().await;
            }
        };
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{header}\r\n", body.len());
        tcp.write_all(head.as_bytes()).await?;
        tcp.write_all(&body).await?;
        tcp.flush().await?;
    }
}
