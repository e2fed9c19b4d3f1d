//! The HTTP side: whether the process lives, whether it is ready, and which version it is.
//!
//! May import `service`, what `service` may import, and the leaves. No route here needs a key, so none says anything
//! about activities, devices or configuration.

use crate::listener::BoundedListener;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use serde::Deserialize;
use serde_json::json;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Probes are short and few; each connection has one request at a time.
const CONNECTIONS_MAX: usize = 256;

/// How long open connections may finish after the shutdown began.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// The section `http`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)) }
    }
}

/// The routes. `ready` is true while requests may be sent here.
pub fn router(ready: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .fallback(unknown_path)
        .with_state(ready)
}

/// Serves until `shutdown` resolves, and then lets open connections finish for at most five seconds.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (begun, begins) = watch::channel(false);
    let signal = async move {
        shutdown.await;
        begun.send_replace(true);
    };
    let listener = BoundedListener::new(listener, CONNECTIONS_MAX);
    let server = axum::serve(listener, router).with_graceful_shutdown(signal);
    tokio::select! {
        result = server => result,
        () = drained(begins) => Ok(()),
    }
}

/// Resolves when the time to finish is over.
async fn drained(mut begins: watch::Receiver<bool>) {
    // The sender is dropped once it has sent; that it is gone unsent cannot happen while the server runs.
    let _ = begins.wait_for(|begun| *begun).await;
    tokio::time::sleep(DRAIN_MAX).await;
}

async fn livez() -> Response {
    Json(json!({ "status": "alive" })).into_response()
}

async fn readyz(State(ready): State<watch::Receiver<bool>>) -> Response {
    if *ready.borrow() {
        Json(json!({ "status": "ready" })).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))).into_response()
    }
}

async fn version() -> Response {
    Json(json!({ "name": "tidings", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

async fn unknown_path() -> Response {
    let body = json!({ "error": "There is no such path. Try /livez, /readyz or /version." });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    struct Server {
        address: SocketAddr,
        ready: watch::Sender<bool>,
        stop: oneshot::Sender<()>,
        running: tokio::task::JoinHandle<io::Result<()>>,
    }

    async fn server() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (ready, readiness) = watch::channel(false);
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let running = tokio::spawn(serve(listener, router(readiness), shutdown));
        Server { address, ready, stop, running }
    }

    async fn answer(address: SocketAddr, path: &str) -> (u16, serde_json::Value) {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: tidings\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a body");
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        (status, serde_json::from_str(body).expect("JSON"))
    }

    #[tokio::test]
    async fn readiness_follows_the_server_and_liveness_does_not() {
        let server = server().await;
        assert_eq!(answer(server.address, "/livez").await.0, 200);
        let not_ready = answer(server.address, "/readyz").await;
        assert_eq!((not_ready.0, &not_ready.1["status"]), (503, &json!("not ready")));
        server.ready.send_replace(true);
        let ready = answer(server.address, "/readyz").await;
        assert_eq!((ready.0, &ready.1["status"]), (200, &json!("ready")));
        server.ready.send_replace(false);
        assert_eq!(answer(server.address, "/readyz").await.0, 503);
        assert_eq!(answer(server.address, "/livez").await.0, 200);
    }

    #[tokio::test]
    async fn the_version_is_told_and_an_unknown_path_is_refused() {
        let server = server().await;
        let version = answer(server.address, "/version").await;
        assert_eq!((version.0, &version.1["version"]), (200, &json!(env!("CARGO_PKG_VERSION"))));
        assert_eq!(answer(server.address, "/metrics").await.0, 404);
    }

    #[tokio::test]
    async fn shutdown_ends_the_server() {
        let server = server().await;
        answer(server.address, "/livez").await;
        server.stop.send(()).expect("still running");
        server.running.await.expect("no panic").expect("no error");
        assert!(TcpStream::connect(server.address).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_does_not_hold_up_the_shutdown() {
        let server = server().await;
        let mut stream = TcpStream::connect(server.address).await.expect("a connection");
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.expect("written");
        server.stop.send(()).expect("still running");
        server.running.await.expect("no panic").expect("no error");
    }
}
