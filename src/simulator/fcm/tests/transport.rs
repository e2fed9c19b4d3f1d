//! One port for TLS and plain, HTTP/1.1 and HTTP/2.

use crate::simulator::message_sender::{World, answer, client, message};
use crate::simulator::tls::Identity;
use http::Version;

#[tokio::test]
async fn each_way_of_http_is_served_on_one_port() {
    let world = World::new().await;
    let (token, ca) = (world.token(), world.simulator.ca_pem());
    let plain = world.simulator.fcm_plain_url();
    let secure = world.simulator.fcm_url();
    assert_eq!(plain.replace("http:", "https:"), secure);
    for (url, builder, version) in [
        (&secure, client(ca, &["h2", "http/1.1"]), Version::HTTP_2),
        (&secure, client(ca, &["http/1.1"]), Version::HTTP_11),
        (&secure, client(ca, &[]), Version::HTTP_11),
        (&plain, client(ca, &[]), Version::HTTP_11),
        (&plain, client(ca, &[]).http2_prior_knowledge(), Version::HTTP_2),
    ] {
        let url = format!("{url}/v1/projects/simulated-project/messages:send");
        let client = builder.build().unwrap();
        let request = client.post(url).bearer_auth(&world.access_token);
        let response = request.body(message(&token).to_string()).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, version));
    }
    let http2: Vec<bool> = world.sends().iter().map(|send| send.http2).collect();
    assert_eq!(http2, [true, false, false, false, true]);
    let mut connections: Vec<i64> = world.sends().iter().map(|send| send.connection).collect();
    connections.dedup();
    assert_eq!(connections.len(), 5);
}

#[tokio::test]
async fn a_peer_that_trusts_somebody_else_gets_nothing() {
    let world = World::new().await;
    let stranger = Identity::generate().unwrap().ca_pem;
    let client = client(&stranger, &["h2"]).build().unwrap();
    assert!(client.post(world.simulator.fcm_url()).send().await.is_err());
}

#[tokio::test]
async fn nothing_else_is_served() {
    let world = World::new().await;
    let url = world.simulator.fcm_url();
    for path in
        ["/", "/v1/projects/p", "/v1/projects//messages:send", "/v1/projects/a/b/messages:send"]
    {
        let found = answer(world.client.post(format!("{url}{path}"))).await.unwrap();
        assert_eq!((found.status, found.code().as_str()), (404, ""), "{path}");
    }
    let send = format!("{url}/v1/projects/simulated-project/messages:send");
    assert_eq!(answer(world.client.get(send)).await.unwrap().status, 404);
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let world = World::new().await;
    let url = format!("{}/token", world.simulator.fcm_url());
    let request = world.client.post(url).body(vec![b'x'; 64 * 1_024 + 1]);
    assert!(answer(request).await.is_err());
}
