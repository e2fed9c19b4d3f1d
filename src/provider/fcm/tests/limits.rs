//! What is over Google's limits is put off instead of sent.

use super::*;
use crate::domain::reasons::{DEVICE_PACED, PROJECT_PAUSED};

fn quota_exceeded() -> Act {
    let body = serde_json::json!({ "error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED", "details": [
            { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
              "errorCode": "QUOTA_EXCEEDED" },
            { "@type": "type.googleapis.com/google.rpc.QuotaFailure",
              "violations": [{ "subject": format!("project:{PROJECT}") }] },
        ],
    } });
    Act::AnswerWith(429, "retry-after", "120".into(), body.to_string().into_bytes())
}

#[tokio::test]
async fn pushes_to_one_device_over_its_limit_are_put_off_a_moment() {
    let server = Server::tls(with_tokens(|_| taken())).await;
    let (fcm, credential) = (fcm(config(&server)), credential());
    let mut batch = batch(&credential, 200);
    let device = batch.pushes[0].device;
    batch.pushes.iter_mut().for_each(|push| push.device = device);
    let outcomes = outcomes(fcm.send(batch), 200).await;
    let taken = outcomes.iter().filter(|outcome| **outcome == accepted()).count();
    assert!((120..200).contains(&taken), "{taken}");
    assert_eq!(server.pushes().len(), taken);
    for outcome in outcomes.iter().filter(|outcome| **outcome != accepted()) {
        let Outcome::Postponed { reason: DEVICE_PACED, until } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(*until > NOW && *until <= NOW + Duration::from_secs(1), "{until:?}");
    }
    assert_eq!(send_one(&fcm, &credential).await, accepted(), "another device is not concerned");
}

#[tokio::test]
async fn a_project_over_its_quota_is_left_alone_as_long_as_google_says() {
    let server = Server::plain(with_tokens(|_| quota_exceeded())).await;
    let (fcm, credential) = (fcm(config(&server)), credential());
    let outcome = send_one(&fcm, &credential).await;
    assert_eq!(rejection(&outcome).retry_after, Some(Duration::from_mins(2)));
    for outcome in send(&fcm, &credential, 50).await {
        let Outcome::Postponed { reason: PROJECT_PAUSED, until } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(until > NOW + Duration::from_secs(100) && until <= NOW + Duration::from_mins(2));
    }
    assert_eq!(server.pushes().len(), 1);
    let other = account_json().to_string().replace("tidings@", "other@");
    let outcome = send_one(&fcm, &credential_of(&other)).await;
    assert_eq!(rejection(&outcome).status, 429, "another account asks for itself");

    later(Duration::from_secs(121)).await;
    let outcomes = send(&fcm, &credential, 10).await;
    let sent = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Rejected(_))).count();
    assert_eq!(sent, 1, "one goes ahead of the others");
    assert_eq!(server.pushes().len(), 3);
}

#[tokio::test]
async fn a_wrong_project_is_asked_a_few_times_and_kills_no_token() {
    let body = r#"{"error":{"code":404,"status":"NOT_FOUND"}}"#;
    let server = Server::plain(with_tokens(move |_| Act::Answer(404, body.into()))).await;
    let (fcm, credential) = (fcm(config(&server)), credential());
    for _ in 0..5 {
        let outcome = send_one(&fcm, &credential).await;
        assert_eq!(rejection(&outcome).class, Class::Configuration);
        assert!(!rejection(&outcome).is_about_a_dead_token());
    }
    for outcome in send(&fcm, &credential, 20).await {
        assert!(matches!(outcome, Outcome::Postponed { reason: PROJECT_PAUSED, .. }));
    }
    assert_eq!(server.pushes().len(), 5);
}
