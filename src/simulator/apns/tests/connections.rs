//! Connections: TLS, the protocol, the number of streams.

use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{Fault, FaultHold};
use crate::simulator::sender::{PATIENCE, World, read, start_token};
use crate::simulator::tls::Identity;
use std::sync::Arc;
use tokio::net::TcpStream;

#[tokio::test]
async fn one_stream_until_a_valid_request_succeeded_and_then_a_thousand() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let good = world.post(&start_token(&phone), &world.start());
    let mut bad = good.clone();
    bad.unset("authorization");
    for _ in 0..3 {
        assert_eq!(sender.send(&bad).await.status, 403);
        assert_eq!(sender.requests.current_max_send_streams(), 1);
    }
    assert_eq!(sender.send(&good).await.status, 200);
    assert_eq!(sender.requests.current_max_send_streams(), 1_000);

    let hold = Fault { action: Some(Action::Hold(FaultHold {})), ..Fault::default() };
    let fault = world.simulator.set_fault(hold).unwrap();
    let mut begun = Vec::new();
    for _ in 0..20 {
        begun.push(sender.begin(&good).await.unwrap());
    }
    let all = |simulator: &crate::simulator::Simulator| {
        simulator.fault(fault).is_some_and(|fault| fault.holding == 20)
    };
    assert!(world.simulator.wait_for(PATIENCE, all).await, "twenty streams are open at once");
    world.simulator.release_fault(None);
    for (answer, _) in begun {
        assert_eq!(read(answer).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_second_stream_before_the_first_success_is_refused() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let hold = Fault { action: Some(Action::Hold(FaultHold {})), ..Fault::default() };
    let fault = world.simulator.set_fault(hold).unwrap();
    // A client that has not read SETTINGS yet opens as many streams as it likes.
    let mut sender = world.sandbox().await;
    let good = world.post(&start_token(&phone), &world.start());
    let mut begun = Vec::new();
    for _ in 0..2 {
        let uri = format!("https://localhost{}", good.path);
        let mut request = http::Request::post(uri);
        for (name, value) in &good.headers {
            request = request.header(*name, value.as_str());
        }
        let (answer, mut stream) =
            sender.requests.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(good.body.clone().into(), true).unwrap();
        begun.push((answer, stream));
    }
    let one = |simulator: &crate::simulator::Simulator| {
        simulator.fault(fault).is_some_and(|fault| fault.holding == 1)
    };
    assert!(world.simulator.wait_for(PATIENCE, one).await);
    let error = read(begun.pop().unwrap().0).await.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::REFUSED_STREAM));
    world.simulator.release_fault(Some(fault));
    assert_eq!(read(begun.remove(0).0).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_peer_without_http_2_or_without_trust_gets_nothing() {
    let world = World::new().await;
    let stranger = Identity::generate().unwrap().ca_pem;
    for (alpn, ca) in [(Some("http/1.1"), world.simulator.ca_pem()), (Some("h2"), &*stranger)] {
        assert!(handshake(&world, alpn, ca).await.is_err(), "{alpn:?}");
    }
    // Without ALPN the handshake is fine, and the connection is closed.
    let mut stream = handshake(&world, None, world.simulator.ca_pem()).await.unwrap();
    let mut byte = [0];
    let read = tokio::io::AsyncReadExt::read(&mut stream, &mut byte);
    let read = tokio::time::timeout(PATIENCE, read).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)));
}

async fn handshake(
    world: &World,
    alpn: Option<&str>,
    ca_pem: &str,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|alpn| alpn.as_bytes().to_vec()).collect();
    let url = world.simulator.sandbox_url();
    let stream = TcpStream::connect(url.trim_start_matches("https://")).await?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    connector.connect("127.0.0.1".try_into().unwrap(), stream).await
}

#[tokio::test]
async fn a_shutdown_ends_listeners_and_connections() {
    let world = World::new().await;
    let phone = world.phone("18.2");
    let mut sender = world.sandbox().await;
    let post = world.post(&start_token(&phone), &world.start());
    assert_eq!(sender.send(&post).await.status, 200);
    let addresses = [
        world.simulator.sandbox_url().replace("https://", ""),
        world.simulator.production_url().replace("https://", ""),
        world.simulator.control_address().to_string(),
    ];
    tokio::time::timeout(PATIENCE, world.simulator.shutdown()).await.expect("in time");
    tokio::time::timeout(PATIENCE, sender.connection).await.expect("it is closed").unwrap().ok();
    for address in addresses {
        assert!(TcpStream::connect(&address).await.is_err(), "{address}");
    }
}
