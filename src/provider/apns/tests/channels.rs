//! Questions about channels: what goes over the wire, and what is made of what comes back.

use super::server::{Act, Seen, Server};
use super::*;
use crate::domain::channel::{Errand, Refusal, StoragePolicy};
use crate::domain::reasons::channels;
use h2::Reason;

const ID: &str = "dHN0LXNyY2gtY2hubA==";
const LISTED: &str = r#"{"channels":["dHN0LXNyY2gtY2hubA==","second"]}"#;
const KEPT: &str = r#"{"message-storage-policy":1,"push-type":"LiveActivity"}"#;

fn call(errand: Errand) -> ChannelCall {
    ChannelCall {
        environment: Environment::Production,
        bundle_id: "com.example.app".into(),
        credential: credential(),
        token: token(NOW),
        errand,
    }
}

async fn ask(server: &Server, errand: Errand) -> Result<Done, Refusal> {
    soon(apns(config(&server.url, &server.trust)).ask(&call(errand))).await
}

fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn each_question_is_asked_as_apple_wants_it_and_its_answer_read() {
    let create = Errand::Create(StoragePolicy::MostRecent);
    let created = || Act::AnswerWith(201, "apns-channel-id", ID.to_owned());
    let answer = |status, body: &str| Act::Answer(status, body.to_owned());
    let id = || ID.to_owned();
    let all = vec![id(), "second".to_owned()];
    let cases = [
        (create, created(), Done::Created(id()), "POST /1/apps/com.example.app/channels"),
        (
            Errand::Read(id()),
            answer(200, KEPT),
            Done::Described(StoragePolicy::MostRecent),
            "GET /1/apps/com.example.app/channels",
        ),
        (
            Errand::Delete(id()),
            answer(204, ""),
            Done::Deleted,
            "DELETE /1/apps/com.example.app/channels",
        ),
        (
            Errand::List,
            answer(200, LISTED),
            Done::Listed(all),
            "GET /1/apps/com.example.app/all-channels",
        ),
    ];
    for (errand, act, done, line) in cases {
        let server = Server::start(None, move |_: &Seen| act.clone()).await;
        assert_eq!(ask(&server, errand.clone()).await, Ok(done));
        let seen = server.seen().remove(0);
        assert_eq!(format!("{} {}", seen.method, seen.uri.replace(&server.url, "")), line);
        assert!(header(&seen, "authorization").unwrap().starts_with("bearer ey"));
        let request_id = header(&seen, "apns-request-id").unwrap();
        assert_eq!(Uuid::parse_str(request_id).unwrap().hyphenated().to_string(), request_id);
        let names_one = matches!(errand, Errand::Read(_) | Errand::Delete(_));
        assert_eq!(header(&seen, "apns-channel-id"), names_one.then_some(ID));
        let body = if matches!(errand, Errand::Create(_)) { KEPT } else { "" };
        assert_eq!(seen.body, body.as_bytes());
        assert_eq!(header(&seen, "apns-topic"), None);
    }
}

#[tokio::test]
async fn every_refusal_is_read_with_its_class_and_leaves_no_doubt() {
    let rule = |seen: &Seen| {
        let id = seen.headers.get("apns-channel-id").unwrap().to_str().unwrap();
        let row = &channels::REASONS[id.parse::<usize>().unwrap()];
        Act::Answer(row.status, format!("{{\"reason\":\"{}\"}}", row.reason))
    };
    let server = Server::start(None, rule).await;
    for (number, row) in channels::REASONS.iter().enumerate() {
        let refusal = ask(&server, Errand::Read(number.to_string())).await.unwrap_err();
        assert_eq!((refusal.reason.as_str(), refusal.class), (row.reason, row.class));
        assert!(!refusal.is_doubtful, "{row:?}");
    }
}

#[tokio::test]
async fn what_nobody_answered_or_nobody_can_read_may_have_been_done() {
    let acts = [
        Act::Reset(Reason::INTERNAL_ERROR),
        Act::Answer(201, String::new()),
        Act::Answer(502, "<html>".to_owned()),
        Act::Answer(200, "{}".to_owned()),
    ];
    for act in acts {
        let server = Server::start(None, move |_: &Seen| act.clone()).await;
        let create = Errand::Create(StoragePolicy::NoStorage);
        assert!(ask(&server, create).await.unwrap_err().is_doubtful);
    }
    let server = Server::start(None, |_: &Seen| Act::Reset(Reason::REFUSED_STREAM)).await;
    assert!(!ask(&server, Errand::List).await.unwrap_err().is_doubtful, "not looked at");
}

#[tokio::test]
async fn where_there_is_no_host_nothing_was_asked() {
    let (listener, url) = server::listen().await;
    drop(listener);
    let trust = Trust::new();
    let refusal = soon(apns(config(&url, &trust)).ask(&call(Errand::List))).await.unwrap_err();
    assert_eq!((refusal.reason.as_str(), refusal.is_doubtful), ("CONNECT_FAILED", false));
}
