//! `tidings demo` as a user runs it: the built binary, its words and its exit code.

#![expect(clippy::expect_used, reason = "what stands around a test fails the test")]

mod process;

use process::Demo;
use tidings::proto::v1::GetActivityRequest;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tonic::Request;

const EVERYONE: &str = "Every phone that should have landed did: 4 of 4.";

#[test]
fn the_demo_lands_on_every_phone_and_leaves_nothing_behind() {
    let ended = Demo::start(&["--once"]).ended();
    assert!(ended.succeeded, "{ended}");
    assert!(ended.text.trim_end().ends_with(EVERYONE), "{ended}");
    let old = "Check-in [by the app itself] > Scheduled [lit up] > Gate B12 > Boarding [lit up] > \
               Delayed 20 minutes > Delayed 20 minutes > In Air > Landed";
    let late = "Scheduled [lit up] > Boarding > Delayed 20 minutes > In Air > Landed";
    let joined = "Check-in [by the app itself] > Check-in > Scheduled [lit up] > Gate B12 > \
                  Boarding [lit up] > Delayed 20 minutes > In Air > Landed\n    \
                  as an ongoing notification of Android";
    let live = "Scheduled [lit up] > Gate B12 > Boarding [lit up] > Delayed 20 minutes > In Air > \
                Landed\n    as a Live Update of Android";
    for words in [
        old,
        late,
        joined,
        live,
        "FCM accepted it",
        "dismissed by its owner; 0 pushes after that",
        "UNREACHABLE, OS_CANNOT_START_BY_PUSH",
        "iPhone, iOS 16.4: its screen shows the notification \"",
        "an end: refused with RUN_MISMATCH",
        " 0 refused, 0 without an answer",
    ] {
        assert!(ended.text.contains(words), "{words:?} is missing in {ended}");
    }
    assert!(!ended.text.contains("tdg_live_secret_"), "a key that nobody can use is not shown");
    assert_eq!(ended.errors, "", "nothing went wrong, so nothing is logged");
    assert_eq!(ended.left_over, Vec::<String>::new());
}

#[test]
fn a_phone_with_a_dead_token_does_not_land_and_the_demo_says_why() {
    let ended = Demo::start(&["--once", "--fault", "token"]).ended();
    assert!(!ended.succeeded, "{ended}");
    for words in [
        "NOT LANDED: iPhone, iOS 17.4. It still shows \"Delayed 20 minutes\".",
        "APNs answered 410 Unregistered. ",
        "the server says: INVALIDATED, Unregistered",
        "1 of 4 phones that should have landed did not.",
    ] {
        assert!(ended.text.contains(words), "{words:?} is missing in {ended}");
    }
}

#[test]
fn a_phone_without_network_does_not_land_although_apns_accepted_the_end() {
    let ended = Demo::start(&["--once", "--fault", "offline"]).ended();
    assert!(!ended.succeeded, "{ended}");
    for words in [
        "end with revision 7: APNs accepted it",
        "but it has no network, and its screen shows \"In Air\"",
        "NOT LANDED: iPhone, iOS 18.2. It still shows \"In Air\". It has no network",
        "1 of 4 phones that should have landed did not.",
    ] {
        assert!(ended.text.contains(words), "{words:?} is missing in {ended}");
    }
}

#[test]
fn an_apns_that_answers_503_for_a_while_delays_the_flight_and_everyone_lands() {
    let ended = Demo::start(&["--once", "--fault", "apns"]).ended();
    assert!(ended.succeeded, "{ended}");
    assert!(ended.text.contains("APNs answered 503 ServiceUnavailable. "), "{ended}");
    assert!(ended.text.contains(" 2 refused, 0 without an answer"), "{ended}");
    assert!(ended.text.contains(EVERYONE), "{ended}");
}

#[test]
fn an_fcm_that_answers_503_for_a_while_delays_the_flight_and_everyone_lands() {
    let ended = Demo::start(&["--once", "--fault", "fcm"]).ended();
    assert!(ended.succeeded, "{ended}");
    assert!(ended.text.contains("FCM answered 503 UNAVAILABLE. "), "{ended}");
    assert!(ended.text.contains(" 2 refused, 0 without an answer"), "{ended}");
    assert!(ended.text.contains(EVERYONE), "{ended}");
}

#[test]
fn without_a_name_all_faults_happen() {
    let ended = Demo::start(&["--once", "--fault"]).ended();
    assert!(!ended.succeeded, "{ended}");
    let faults =
        ["503 ServiceUnavailable", "503 UNAVAILABLE", "410 Unregistered", "has no network"];
    for words in faults {
        assert!(ended.text.contains(words), "{words:?} is missing in {ended}");
    }
    assert!(ended.text.contains("2 of 4 phones that should have landed did not."), "{ended}");
}

#[tokio::test]
async fn without_once_it_stays_up_for_the_lines_that_it_shows() {
    let any = "127.0.0.1:0";
    let listen = ["--grpc-listen", any, "--http-listen", any, "--simulator-listen", any];
    let mut demo = Demo::start(&listen);
    let address = demo.line_with("  gRPC ").split_whitespace().last().expect("said").to_owned();
    let key = demo.line_with("export TIDINGS_KEY=");
    let key = key.split_once('=').expect("said").1;
    let lines = [demo.line_with("  grpcurl "), demo.line_with("  grpcurl ")];
    assert!(lines.iter().all(|line| line.contains(&address) && !line.contains(key)), "{lines:?}");
    demo.line_with("  buf curl ");

    let client = LiveActivityServiceClient::connect(format!("http://{address}")).await;
    let mut request = Request::new(GetActivityRequest { activity_id: "FLIGHT_1711".to_owned() });
    let authorization = format!("Bearer {key}").parse().expect("text");
    request.metadata_mut().insert("authorization", authorization);
    let found = client.expect("it listens").get_activity(request).await.expect("found");
    assert_eq!(found.into_inner().activity.expect("an activity").run, 2);

    demo.terminate();
    let ended = demo.ended();
    assert!(ended.succeeded, "{ended}");
    assert_eq!(ended.left_over, Vec::<String>::new());
}
