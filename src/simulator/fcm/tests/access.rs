//! Access tokens.

use crate::clock::Clock;
use crate::simulator::Config;
use crate::simulator::message_sender::{Jwt, World, answer, escape, message};
use serde_json::{Value, json};
use std::time::Duration;

type Mistake = fn(&mut Jwt);

const MISTAKES: [(&str, Mistake, &str); 15] = [
    ("another algorithm", |jwt| jwt.header["alg"] = json!("ES256"), "invalid_grant"),
    ("another key's id", |jwt| jwt.header["kid"] = json!("abc"), "invalid_grant"),
    ("an unknown account", |jwt| jwt.claims["iss"] = json!("me@example.com"), "invalid_grant"),
    ("no account", |jwt| jwt.claims["iss"] = Value::Null, "invalid_grant"),
    ("another audience", |jwt| jwt.claims["aud"] = json!("https://example.com"), "invalid_grant"),
    ("no audience", |jwt| jwt.claims["aud"] = Value::Null, "invalid_grant"),
    ("no iat", |jwt| jwt.claims["iat"] = Value::Null, "invalid_grant"),
    ("no exp", |jwt| jwt.claims["exp"] = Value::Null, "invalid_grant"),
    ("a clock that is fast", |jwt| shift(jwt, 301), "invalid_grant"),
    ("a clock that is slow", |jwt| shift(jwt, -3_901), "invalid_grant"),
    ("a life of more than an hour", |jwt| lengthen(jwt, 1), "invalid_grant"),
    (
        "somebody else's name",
        |jwt| jwt.claims["sub"] = json!("a@example.com"),
        "unauthorized_client",
    ),
    ("no scope", |jwt| jwt.claims["scope"] = Value::Null, "invalid_scope"),
    ("an empty scope", |jwt| jwt.claims["scope"] = json!(" "), "invalid_scope"),
    ("a scope of nobody", |jwt| jwt.claims["scope"] = json!("messaging"), "invalid_scope"),
];

fn shift(jwt: &mut Jwt, seconds: i64) {
    for claim in ["iat", "exp"] {
        jwt.claims[claim] = json!(jwt.claims[claim].as_i64().unwrap() + seconds);
    }
}

fn lengthen(jwt: &mut Jwt, seconds: i64) {
    jwt.claims["exp"] = json!(jwt.claims["exp"].as_i64().unwrap() + seconds);
}

#[tokio::test]
async fn a_jwt_that_breaks_a_rule_gets_no_access() {
    let world = World::new().await;
    for (mistake, make, error) in MISTAKES {
        let mut jwt = world.jwt(world.simulator.service_account_json());
        make(&mut jwt);
        let answer = world.ask(&jwt.sign()).await;
        let status = if error == "unauthorized_client" { 401 } else { 400 };
        assert_eq!(
            (answer.status, answer.json()["error"].as_str()),
            (status, Some(error)),
            "{mistake}"
        );
        assert!(answer.json()["error_description"].is_string());
    }
    assert_eq!(world.simulator.access_token_requests(), 1 + 15);
}

#[tokio::test]
async fn a_jwt_that_another_key_signed_gets_no_access() {
    let world = World::new().await;
    let other = world.simulator.create_service_account(world.simulator.project_id()).unwrap();
    let mut jwt = world.jwt(world.simulator.service_account_json());
    jwt.private_key = world.jwt(&other).private_key;
    let answer = world.ask(&jwt.sign()).await;
    assert_eq!(answer.json()["error_description"], "Invalid JWT Signature.");
    assert_eq!(world.ask("a.b.c").await.status, 400);
    assert_eq!(world.ask("nothing").await.status, 400);
}

#[tokio::test]
async fn a_form_that_is_no_grant_gets_no_access() {
    let world = World::new().await;
    let good = escape(&world.jwt(world.simulator.service_account_json()).sign());
    for (form, error) in [
        (String::new(), "unsupported_grant_type"),
        (format!("assertion={good}"), "unsupported_grant_type"),
        (format!("grant_type=password&assertion={good}"), "unsupported_grant_type"),
        (
            format!("grant_type={}", escape(crate::simulator::message_sender::GRANT_TYPE)),
            "invalid_request",
        ),
        (format!("grant_type=%zz&assertion={good}"), "unsupported_grant_type"),
    ] {
        let answer = world.ask_with(&form).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)), "{form}");
    }
}

#[tokio::test]
async fn what_widespread_clients_send_is_taken() {
    let world = World::new().await;
    let mut jwt = world.jwt(world.simulator.service_account_json());
    jwt.header = json!({"alg": "RS256", "typ": "JWT"});
    jwt.claims["sub"] = Value::Null;
    jwt.padded = true;
    let answer = world.ask(&jwt.sign()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["expires_in"], 3_599);
}

#[tokio::test]
async fn gcp_auth_gets_access_and_its_token_sends() {
    let simulator = crate::simulator::start(Config::default(), Clock::system()).await.unwrap();
    let client =
        crate::simulator::message_sender::client(simulator.ca_pem(), &["h2"]).build().unwrap();
    let account = gcp_auth::CustomServiceAccount::from_json(simulator.service_account_json());
    let account = account.unwrap();
    let token =
        gcp_auth::TokenProvider::token(&account, &[crate::simulator::message_sender::SCOPE])
            .await
            .unwrap();
    let registration = simulator.register_app(simulator.project_id(), "a", false).unwrap();
    let url =
        format!("{}/v1/projects/{}/messages:send", simulator.fcm_url(), simulator.project_id());
    let request = client.post(url).bearer_auth(token.as_str());
    let answer = answer(request.body(message(&registration).to_string())).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_message_needs_a_bearer_that_is_good_now() {
    let world = World::new().await;
    let body = message(&world.token());
    let project_id = world.simulator.project_id();
    let reason = |answer: &crate::simulator::message_sender::Answer| {
        answer.json()["error"]["details"][0]["reason"].as_str().unwrap_or_default().to_owned()
    };
    let none = world
        .client
        .post(format!("{}/v1/projects/{project_id}/messages:send", world.simulator.fcm_url()));
    let none = answer(none.body(body.to_string())).await.unwrap();
    assert_eq!((none.status, reason(&none).as_str()), (401, "CREDENTIALS_MISSING"));
    let wrong = answer(world.request(project_id, "ya29.wrong", &body)).await.unwrap();
    assert_eq!((wrong.status, reason(&wrong).as_str()), (401, "ACCESS_TOKEN_TYPE_UNSUPPORTED"));
    assert_eq!(wrong.code(), "", "FCM has no code for it");

    assert_eq!(world.send(&body).await.status, 200);
    world.clock.advance(Duration::from_secs(3_599));
    let expired = world.send(&body).await;
    assert_eq!((expired.status, reason(&expired).as_str()), (401, "ACCESS_TOKEN_EXPIRED"));
    assert_eq!(expired.json()["error"]["status"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn access_ends_for_all_at_once_or_with_its_account() {
    let mut world = World::new().await;
    let body = message(&world.token());
    world.simulator.expire_access_tokens();
    assert_eq!(world.send(&body).await.status, 401);
    world.access_token = world.sign_in(world.simulator.service_account_json()).await;
    assert_eq!(world.send(&body).await.status, 200);
    let jwt = world.jwt(world.simulator.service_account_json());
    assert!(world.simulator.disable_service_account(jwt.claims["iss"].as_str().unwrap()));
    assert_eq!(world.send(&body).await.status, 401);
    assert_eq!(world.ask(&jwt.sign()).await.status, 400);
    assert!(!world.simulator.disable_service_account("nobody"));
}

#[tokio::test]
async fn a_bearer_of_another_project_or_scope_may_not_send() {
    let world = World::new().await;
    let body = message(&world.token());
    let other = world.simulator.create_service_account("another-project").unwrap();
    let bearer = world.sign_in(&other).await;
    let denied = answer(world.request(world.simulator.project_id(), &bearer, &body)).await.unwrap();
    assert_eq!((denied.status, denied.code().as_str()), (403, ""));
    assert_eq!(denied.json()["error"]["status"], "PERMISSION_DENIED");
    let mismatch = answer(world.request("another-project", &bearer, &body)).await.unwrap();
    assert_eq!((mismatch.status, mismatch.code().as_str()), (403, "SENDER_ID_MISMATCH"));

    let mut jwt = world.jwt(world.simulator.service_account_json());
    jwt.claims["scope"] = json!("https://www.googleapis.com/auth/devstorage.read_only");
    let narrow = world.ask(&jwt.sign()).await.json()["access_token"].as_str().unwrap().to_owned();
    let denied = answer(world.request(world.simulator.project_id(), &narrow, &body)).await.unwrap();
    assert_eq!(denied.status, 403);
    assert_eq!(denied.json()["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
}
