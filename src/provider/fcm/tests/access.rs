//! Access tokens: one request whoever waits, replaced ahead of time, and no harm from what an endpoint or a key may do.

use super::*;
use crate::domain::reasons::{ACCESS_FAILED, ACCESS_REFUSED, INVALID_KEY};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A server whose token endpoint does this.
async fn with_endpoint(act: Act) -> Server {
    Server::plain(move |seen| if seen.is_for_token() { act.clone() } else { taken() }).await
}

/// Tokens by number: `token-1`, `token-2`.
fn numbered(expires_in: u64) -> impl Fn() -> Act + Send + Sync + 'static {
    let count = AtomicUsize::new(0);
    move || token(&format!("token-{}", count.fetch_add(1, Ordering::SeqCst) + 1), expires_in)
}

#[tokio::test]
async fn a_claim_is_signed_by_the_account_for_the_operators_endpoint() {
    let server = with_endpoint(token("first", 3_600)).await;
    send_one(&fcm(config(&server)), &credential()).await;
    let requests = server.token_requests();
    let body = std::str::from_utf8(&requests[0].body).unwrap();
    assert_eq!(requests[0].header("content-type"), "application/x-www-form-urlencoded");
    let (grant, claim) = body.split_once("&assertion=").unwrap();
    assert_eq!(grant, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");

    let (signed, signature) = claim.rsplit_once('.').unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| -> serde_json::Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let wanted = serde_json::json!({ "alg": "RS256", "typ": "JWT", "kid": "0123456789abcdef" });
    assert_eq!(read(header), wanted);
    let wanted = serde_json::json!({
        "iss": "tidings@my-app-12345.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": format!("{}/token", server.url),
        "iat": 1_790_000_000,
        "exp": 1_790_003_600,
    });
    assert_eq!(read(claims), wanted);
}

#[tokio::test]
async fn forty_that_wait_make_one_request() {
    for expires_in in [3_600, 0] {
        let server = with_endpoint(token("first", expires_in)).await;
        let (fcm, credential) = (fcm(config(&server)), credential());
        let answers: Vec<_> = (0..40).map(|_| fcm.send(batch(&credential, 1))).collect();
        for answers in answers {
            assert_eq!(outcomes(answers, 1).await, [accepted()]);
        }
        assert_eq!(server.token_requests().len(), 1, "expires_in {expires_in}");
    }
}

#[tokio::test]
async fn what_the_key_says_about_addresses_is_never_asked() {
    let (server, evil) =
        (with_endpoint(token("first", 3_600)).await, Server::plain(|_| taken()).await);
    let fcm = fcm(config(&server));
    for member in ["token_uri", "auth_uri", "auth_provider_x509_cert_url", "universe_domain"] {
        for value in
            [serde_json::json!(evil.url), serde_json::json!("\u{0} :/"), serde_json::json!(7)]
        {
            let mut json = account_json();
            json[member] = value;
            assert_eq!(send_one(&fcm, &credential_of(&json.to_string())).await, accepted());
        }
    }
    assert_eq!(evil.connections(), 0);
}

#[tokio::test]
async fn a_key_that_is_none_makes_no_request() {
    let server = with_endpoint(token("first", 3_600)).await;
    let fcm = fcm(config(&server));
    let without_key = account_json().to_string().replace("BEGIN PRIVATE", "BEGIN PUBLIC");
    for json in ["", "null", "{}", "[1]", "\u{0}", &without_key] {
        let outcome = send_one(&fcm, &credential_of(json)).await;
        assert_eq!(outcome, Outcome::NotSent { reason: INVALID_KEY }, "{json:.20}");
    }
    let elsewhere = Batch { project_id: "../../x".into(), ..batch(&credential(), 1) };
    let outcome = outcomes(fcm.send(elsewhere), 1).await.remove(0);
    assert_eq!(outcome, Outcome::NotSent { reason: INVALID_KEY });
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_holds_nobody_for_longer_than_is_allowed() {
    for act in [Act::Stall, Act::StallInBody(200)] {
        let server = with_endpoint(act).await;
        let fcm = fcm(Config { connect_timeout_ms: 200, token_timeout_ms: 400, ..config(&server) });
        let outcomes = send(&fcm, &credential(), 20).await;
        assert!(outcomes.iter().all(|o| *o == Outcome::NotSent { reason: ACCESS_FAILED }));
        assert_eq!(server.token_requests().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_key_is_not_tried_again_and_again() {
    for status in [400, 401, 403] {
        let body = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
        let server = with_endpoint(Act::Answer(status, body.into())).await;
        let (fcm, credential) = (fcm(config(&server)), credential());
        let refused = Outcome::NotSent { reason: ACCESS_REFUSED };
        for _ in 0..10 {
            assert_eq!(send_one(&fcm, &credential).await, refused);
        }
        assert_eq!(server.token_requests().len(), 1);
        later(Duration::from_secs(31)).await;
        assert_eq!(send_one(&fcm, &credential).await, refused);
        later(Duration::from_secs(31)).await;
        assert_eq!(send_one(&fcm, &credential).await, refused);
        assert_eq!(server.token_requests().len(), 2, "the second pause is longer");
        assert_eq!(server.pushes().len(), 0);
    }
}

#[tokio::test]
async fn an_endpoint_with_a_fault_is_asked_again_after_a_moment() {
    let broken = Arc::new(AtomicBool::new(true));
    let shared = broken.clone();
    let server = Server::plain(move |seen| match seen.is_for_token() {
        true if shared.load(Ordering::SeqCst) => Act::Answer(500, "<html>".into()),
        true => token("first", 3_600),
        false => taken(),
    })
    .await;
    let (fcm, credential) = (fcm(config(&server)), credential());
    for _ in 0..10 {
        let failed = Outcome::NotSent { reason: ACCESS_FAILED };
        assert_eq!(send_one(&fcm, &credential).await, failed);
    }
    assert_eq!(server.token_requests().len(), 1);
    broken.store(false, Ordering::SeqCst);
    later(Duration::from_secs(2)).await;
    assert_eq!(send_one(&fcm, &credential).await, accepted());
}

#[tokio::test]
async fn nonsense_of_an_endpoint_is_an_error_and_no_panic() {
    let elsewhere = Server::plain(|_| token("stolen", 3_600)).await;
    let answers = [
        Act::Answer(200, String::new()),
        Act::Answer(200, "<html>Please log in</html>".into()),
        Act::Answer(200, "{}".into()),
        Act::Answer(200, "[]".into()),
        Act::Answer(200, r#"{"access_token":7}"#.into()),
        Act::Answer(200, r#"{"access_token":"","expires_in":3600}"#.into()),
        Act::Answer(200, r#"{"access_token":"a\r\nx: y","expires_in":3600}"#.into()),
        Act::Answer(200, format!("{{\"access_token\":\"{}\"}}", "x".repeat(50_000))),
        Act::Answer(200, format!("{{\"access_token\":\"x\",\"y\":\"{}\"}}", "y".repeat(5_000_000))),
        Act::Answer(503, "x".repeat(5_000_000)),
        Act::AnswerWith(307, "location", format!("{}/token", elsewhere.url), Vec::new()),
        Act::AnswerWith(302, "location", elsewhere.url.clone(), Vec::new()),
        Act::HangUp,
    ];
    for (number, act) in answers.into_iter().enumerate() {
        let server = with_endpoint(act).await;
        let outcome = send_one(&fcm(config(&server)), &credential()).await;
        let wanted = [ACCESS_FAILED, ACCESS_REFUSED].map(|reason| Outcome::NotSent { reason });
        assert!(wanted.contains(&outcome), "{number}: {outcome:?}");
        assert_eq!(server.pushes().len(), 0);
    }
    assert_eq!(elsewhere.connections(), 0);
    for life in ["18446744073709551615", "-1", "1e400", "\"3600\"", "null"] {
        let body = format!("{{\"access_token\":\"first\",\"expires_in\":{life}}}");
        let parses = serde_json::from_str::<serde_json::Value>(&body).is_ok();
        let server = with_endpoint(Act::Answer(200, body)).await;
        let outcome = send_one(&fcm(config(&server)), &credential()).await;
        assert_eq!(outcome == accepted(), parses, "{life}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_token_is_replaced_ahead_of_its_end_and_nobody_waits_for_it() {
    let (next, broken) = (numbered(3_600), Arc::new(AtomicBool::new(false)));
    let shared = broken.clone();
    let server = Server::plain(move |seen| match seen.is_for_token() {
        true if shared.load(Ordering::SeqCst) => Act::Stall,
        true => next(),
        false => taken(),
    })
    .await;
    let (fcm, credential) = (fcm(config(&server)), credential());
    send_one(&fcm, &credential).await;
    later(Duration::from_mins(54)).await;
    send_one(&fcm, &credential).await;
    assert_eq!(server.token_requests().len(), 1);
    broken.store(true, Ordering::SeqCst);
    later(Duration::from_mins(2)).await;
    assert_eq!(send_one(&fcm, &credential).await, accepted(), "the old one is still good");
    soon(async {
        while server.token_requests().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(send_one(&fcm, &credential).await, accepted(), "and stays so meanwhile");
    broken.store(false, Ordering::SeqCst);
    // The request that hangs is given up, and the next one is made a moment later.
    later(Duration::from_secs(30)).await;
    soon(async {
        while server.pushes().last().unwrap().header("authorization") != "Bearer token-2" {
            send_one(&fcm, &credential).await;
            later(Duration::from_secs(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_google_refuses_is_replaced_once_and_the_push_tried_once_more() {
    let next = numbered(3_600);
    let server = Server::plain(move |seen| match seen.is_for_token() {
        true => next(),
        false if seen.header("authorization") == "Bearer token-1" => unauthenticated(),
        false => taken(),
    })
    .await;
    let outcomes = send(&fcm(config(&server)), &credential(), 10).await;
    assert!(outcomes.iter().all(|outcome| *outcome == accepted()), "{outcomes:?}");
    assert_eq!(server.token_requests().len(), 2);
}

#[tokio::test]
async fn where_every_token_is_refused_that_is_reported_and_not_hammered() {
    let next = numbered(3_600);
    let server =
        Server::plain(move |seen| if seen.is_for_token() { next() } else { unauthenticated() })
            .await;
    let (fcm, credential) = (fcm(config(&server)), credential());
    let outcome = send_one(&fcm, &credential).await;
    let read = rejection(&outcome);
    assert_eq!((read.status, read.class), (401, Class::ProviderToken));
    assert_eq!(read.retry_after, Some(Duration::from_secs(10)));
    assert_eq!(server.pushes().len(), 2);
    send(&fcm, &credential, 20).await;
    assert_eq!(server.token_requests().len(), 2, "another one may be no better");
}

fn unauthenticated() -> Act {
    let body = r#"{"error":{"code":401,"status":"UNAUTHENTICATED","details":[
        {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ACCESS_TOKEN_EXPIRED"}]}}"#;
    Act::Answer(401, body.into())
}
