//! A server that does with each request what a test says, and notes what it saw.

use crate::provider::apns::tests::device_token;
use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A certificate for `localhost`, and the file by which a client trusts it.
pub(in crate::provider) struct Trust {
    pub(in crate::provider) ca_file: NamedTempFile,
    pub(in crate::provider) acceptor: TlsAcceptor,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) connection: usize,
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What is to become of a request.
#[derive(Clone)]
pub(super) enum Act {
    Answer(u16, String),
    AnswerWith(u16, &'static str, String),
    Reset(Reason),
    /// Answers with 200 as soon as there is a permit.
    Wait(Arc<Semaphore>),
    Stall,
}

type Rule = dyn Fn(&Seen) -> Act + Send + Sync;

/// What the server has seen, over all connections.
#[derive(Default)]
pub(super) struct Record {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    open_max: AtomicUsize,
}

pub(super) struct Server {
    pub(super) url: String,
    pub(super) trust: Trust,
    record: Arc<Record>,
}

impl Trust {
    pub(in crate::provider) fn new() -> Trust {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let ca_file = NamedTempFile::new().unwrap();
        std::fs::write(ca_file.path(), made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Trust { ca_file, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

/// A listener on a free port, and its address.
pub(in crate::provider) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    (listener, url)
}

impl Server {
    /// Accepts every push.
    pub(super) async fn accepting() -> Server {
        Server::start(None, |_| Act::Answer(200, String::new())).await
    }

    /// Does what the rule says, and allows so many streams per connection.
    pub(super) async fn start(
        streams_max: Option<u32>,
        rule: impl Fn(&Seen) -> Act + Send + Sync + 'static,
    ) -> Server {
        let (trust, record) = (Trust::new(), Arc::new(Record::default()));
        let (listener, url) = listen().await;
        let (acceptor, rule): (_, Arc<Rule>) = (trust.acceptor.clone(), Arc::new(rule));
        let shared = record.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (acceptor, rule, record) = (acceptor.clone(), rule.clone(), shared.clone());
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        serve(tls, streams_max, rule, record).await;
                    }
                });
            }
        });
        Server { url, trust, record }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.record.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }

    /// The most requests that were under way at a time.
    pub(super) fn open_max(&self) -> usize {
        self.record.open_max.load(Ordering::SeqCst)
    }

    /// Waits until so many requests are under way, and fails if that does not come about.
    pub(super) async fn until_open(&self, count: usize) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while self.record.open.load(Ordering::SeqCst) < count {
            assert!(tokio::time::Instant::now() < deadline, "not {count} requests under way");
            tokio::task::yield_now().await;
        }
    }
}

/// The rule for the tokens of [`device_token`].
pub(super) fn by_token(seen: &Seen, number: usize) -> bool {
    seen.uri.ends_with(&device_token(number))
}

async fn serve(
    tls: TlsStream<TcpStream>,
    streams_max: Option<u32>,
    rule: Arc<Rule>,
    record: Arc<Record>,
) {
    let number = record.connections.fetch_add(1, Ordering::SeqCst);
    let mut builder = h2::server::Builder::new();
    if let Some(streams_max) = streams_max {
        builder.max_concurrent_streams(streams_max);
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(tls).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (rule, record) = (rule.clone(), record.clone());
        tokio::spawn(async move {
            let open = record.open.fetch_add(1, Ordering::SeqCst) + 1;
            record.open_max.fetch_max(open, Ordering::SeqCst);
            handle(number, request, respond, &*rule, &record).await;
            record.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn handle(
    connection: usize,
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    rule: &Rule,
    record: &Record,
) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend_from_slice(&data);
    }
    let (method, uri) = (head.method.to_string(), head.uri.to_string());
    let seen = Seen { connection, method, uri, headers: head.headers, body: body.into() };
    record.seen.lock().unwrap().push(seen.clone());
    match rule(&seen) {
        Act::Answer(status, body) => answer(&mut respond, Response::builder().status(status), body),
        Act::AnswerWith(status, header, value) => {
            let head = Response::builder().status(status).header(header, value);
            answer(&mut respond, head, String::new());
        }
        Act::Reset(reason) => respond.send_reset(reason),
        Act::Wait(permits) => {
            permits.acquire().await.unwrap().forget();
            answer(&mut respond, Response::builder().status(200), String::new());
        }
        Act::Stall => {
            let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
        }
    }
}

fn answer(
    respond: &mut h2::server::SendResponse<Bytes>,
    head: http::response::Builder,
    body: String,
) {
    let sent = respond.send_response(head.body(()).unwrap(), body.is_empty());
    if let Ok(mut stream) = sent
        && !body.is_empty()
    {
        let _ = stream.send_data(body.into(), true);
    }
}
