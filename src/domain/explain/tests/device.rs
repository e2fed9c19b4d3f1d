//! What the device has said of itself, and what nobody else can know.

use super::*;
use crate::domain::platform::Platform;
use crate::domain::push::Environment;
use crate::domain::subscription::{ReportedState, State};

const DAY_S: i64 = 24 * 3_600;

#[test]
fn an_app_that_registers_nothing_is_told() {
    let mut scene = Scene::without();
    scene.tokens.clear();
    scene.finds(DeviceFinding::NoTokens);
}

#[test]
fn a_doubted_token_is_told_where_the_run_would_go_by_it() {
    let mut scene = Scene::active();
    scene.tokens[1].doubted_at = Some(at(-60));
    let doubted = DeviceFinding::TokenDoubted { kind: TokenKind::Update, since: at(-60) };
    scene.finds(doubted.clone());
    scene.row().card.token = None;
    scene.does_not_find(|found| *found == doubted.clone().into());
}

#[test]
fn an_old_push_to_start_token_is_doubted_for_as_long_as_a_start_waits_for_it() {
    let mut scene = Scene::new();
    scene.tokens[0].registered_at = at(-31 * DAY_S);
    scene.finds(DeviceFinding::TokenOld { since: at(-31 * DAY_S) });
    let newer = Token { registered_at: at(-1), ..scene.tokens[0].clone() };
    scene.tokens.push(newer);
    scene.does_not_find(|found| matches!(found, Finding::Device(DeviceFinding::TokenOld { .. })));
    let mut started = Scene::active();
    started.tokens[0].registered_at = at(-31 * DAY_S);
    started.does_not_find(|found| matches!(found, Finding::Device(DeviceFinding::TokenOld { .. })));
}

#[test]
fn a_token_of_another_world_than_the_devices_is_told() {
    let mut scene = Scene::active();
    scene.device.environment = Environment::Sandbox;
    let (used, said) = (Environment::Production, Environment::Sandbox);
    scene.finds(DeviceFinding::OtherEnvironment { used, said });
}

#[test]
fn a_card_is_too_old_eight_hours_after_its_start() {
    let mut scene = Scene::active();
    let is_too_old =
        |found: &Finding| matches!(found, Finding::Device(DeviceFinding::CardTooOld { .. }));
    scene.started_at = Some(at(-8 * 3_600 + 1));
    scene.does_not_find(is_too_old);
    scene.finds(DeviceFinding::CardTakesPushesUntil(at(1)));
    scene.started_at = Some(at(-8 * 3_600));
    scene.finds(DeviceFinding::CardTooOld { started_at: at(-8 * 3_600) });
    scene.row().state = State::Ended;
    scene.does_not_find(is_too_old);
}

#[test]
fn permissions_credentials_and_silence_are_told() {
    let mut scene = Scene::active();
    scene.device.frequent_pushes_enabled = false;
    scene.has_credential = false;
    scene.device.last_seen_at = at(-7 * DAY_S - 1);
    scene.finds(DeviceFinding::FrequentPushesDisabled);
    scene.finds(DeviceFinding::NoCredential);
    scene.finds(DeviceFinding::Silent { last_seen_at: at(-7 * DAY_S - 1) });
}

#[test]
fn accepted_is_never_said_to_be_displayed() {
    let mut scene = Scene::active();
    let silent = DeviceFinding::AcceptedIsNotDisplayed { report: None };
    scene.finds(silent.clone());
    assert!(silent.text(NOW).contains("has said nothing of its card"));
    let report = Some((ReportedState::Active, at(-30)));
    scene.row().report = report;
    let said = DeviceFinding::AcceptedIsNotDisplayed { report };
    scene.finds(said.clone());
    assert!(said.text(NOW).contains("(30 s ago) that its card is on the screen"));
    for finding in scene.explain().findings {
        let text = finding.text(NOW);
        assert!(!text.contains("displayed") || text.contains("does not say"), "{text}");
    }
    let not_started = Scene::new();
    not_started.does_not_find(|found| {
        matches!(found, Finding::Device(DeviceFinding::AcceptedIsNotDisplayed { .. }))
    });
}

#[test]
fn that_an_android_app_was_stopped_cannot_be_known() {
    let mut scene = Scene::active();
    scene.does_not_find(|found| *found == DeviceFinding::MayBeForceStopped.into());
    scene.device.platform = Platform::Android;
    scene.finds(DeviceFinding::MayBeForceStopped);
}
