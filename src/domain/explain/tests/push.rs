//! What holds a push back, and what became of the last one.

use super::*;
use crate::domain::delivery::{Provider, Status};
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::Class;
use crate::domain::push::Operation;
use crate::domain::revision::{Revision, RevisionAlert};
use crate::domain::samples::{NOW_S, alerting};
use crate::domain::subscription::{Exception, State};

fn behind(own: Exception) -> Scene {
    let mut scene = Scene::active();
    scene.wanted = Some(wanted(update(2), Vec::new()));
    let base = crate::domain::samples::exception(&scene.shard);
    let last_stamp = base.last_stamp;
    scene.row().exception = Some(Exception { delivered: 1, last_stamp, ..own });
    scene
}

fn refused(scene: &Scene, status: Status, reason: &str, class: Class) -> Delivery {
    let row = scene.row.as_ref().unwrap();
    Delivery {
        id: DeliveryId::at(at(-5)),
        workspace: row.workspace,
        activity: scene.activity.key,
        run: 1,
        subscription: row.id,
        device: row.device,
        contact_key: String::new(),
        app: row.place.app,
        provider: Provider::Apns,
        environment: row.place.environment,
        operation: Operation::Update,
        first_revision: 2,
        revision: 2,
        alert_revision: 0,
        status,
        reason: reason.to_owned(),
        class: Some(class),
        http_status: if status == Status::Failed { 503 } else { 0 },
        attempt: 1,
        apns_id: None,
        provider_message_id: None,
        sent_at: at(-5),
        answered_at: None,
    }
}

#[test]
fn a_retry_of_ours_says_when_and_how_often() {
    let own = Exception { failed: 2, attempts: 3, retry_at: Some(at(90)), ..Exception::default() };
    let mut scene = behind(own);
    scene.finds(PushFinding::RetryLater { failed: 2, attempts: 3, at: at(90) });
    assert!(scene.now().contains("(in 90 s)"), "{}", scene.now());
    scene.wanted = Some(wanted(update(3), Vec::new()));
    scene.does_not_find(|found| matches!(found, Finding::Push(PushFinding::RetryLater { .. })));
}

#[test]
fn the_providers_wait_and_an_awaited_answer_are_told() {
    let own = Exception { not_before: Some(at(40)), ..Exception::default() };
    behind(own).finds(PushFinding::ProviderRests(at(40)));
    let own = Exception { in_flight: Some((2, at(10))), ..Exception::default() };
    behind(own).finds(PushFinding::InFlight { revision: 2, until: at(10) });
}

#[test]
fn a_push_a_moment_ago_leaves_the_rest_of_its_second_to_wait_for() {
    let mut scene = behind(Exception::default());
    scene.row().exception.as_mut().unwrap().last_stamp = NOW_S;
    scene.finds(PushFinding::OnePerSecond(at(1)));
}

#[test]
fn what_was_refused_for_good_is_not_repeated() {
    let own = Exception { failed: 2, attempts: 1, ..Exception::default() };
    behind(own).finds(PushFinding::RefusedForGood(2));
    let mut over = behind(own);
    over.row().state = State::Dismissed;
    over.does_not_find(|found| matches!(found, Finding::Push(_)));
}

#[test]
fn an_alert_waits_for_the_next_push_until_it_expires() {
    let mut scene = Scene::active();
    scene.row().state = State::PendingToken;
    scene.wanted = Some(wanted(alerting(2), Vec::new()));
    scene.finds(PushFinding::AlertPending { revision: 2, expires_at: at(600) });
    let alert = RevisionAlert { alert: crate::domain::samples::alert("x"), expires_at: at(-60) };
    let expired = Revision { alert: Some(alert), ..update(2) };
    scene.wanted = Some(wanted(expired, Vec::new()));
    scene.finds(PushFinding::AlertExpired { revision: 2, at: at(-60) });
    scene.row().alerted = 2;
    scene.does_not_find(|found| matches!(found, Finding::Push(_)));
}

#[test]
fn the_last_push_says_why_it_was_not_accepted_and_what_to_do() {
    let mut scene = behind(Exception::default());
    let delivery = refused(&scene, Status::Failed, "ServiceUnavailable", Class::Retry);
    scene.last_push = Some(delivery);
    let finding = PushFinding::LastPushFailed {
        status: Status::Failed,
        class: Some(Class::Retry),
        reason: "ServiceUnavailable".to_owned(),
        http_status: 503,
        at: at(-5),
    };
    scene.finds(finding.clone());
    assert_eq!(finding.weight(), Weight::Wait);
    assert!(finding.text(NOW).contains("ServiceUnavailable, status 503"));
    assert!(finding.remedy().contains("tried again"), "{}", finding.remedy());
    let lost = refused(&scene, Status::Unknown, "TIMEOUT", Class::Connection);
    scene.last_push = Some(lost);
    let said: Vec<String> = scene.explain().findings.iter().map(|f| f.text(NOW)).collect();
    assert!(said.iter().any(|text| text.contains("no answer (TIMEOUT)")), "{said:?}");
    let wrong = refused(&scene, Status::Failed, "BadDeviceToken", Class::Token);
    scene.last_push = Some(wrong);
    assert_eq!(scene.explain().findings[0].weight(), Weight::Obstacle);
    scene.last_push.as_mut().unwrap().status = Status::Accepted;
    scene.does_not_find(|found| matches!(found, Finding::Push(_)));
}
