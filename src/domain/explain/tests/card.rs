//! Where the run stands on the device, and what would be done now.

use super::*;
use crate::domain::device::{Obstacle, OsVersion};
use crate::domain::fallback::Fallback;
use crate::domain::platform::Platform;
use crate::domain::samples::{alerting, android, end, second};
use crate::domain::subscription::{Exception, Reason, ReportedState, State};

#[test]
fn a_start_is_due_in_doubt_or_unknown() {
    let mut scene = Scene::new();
    scene.wanted = Some(wanted(alerting(1), Vec::new()));
    scene.finds(CardFinding::StartDue);
    assert_eq!(
        scene.now(),
        "A start with revision 1 is sent at once, with the alert of revision 1."
    );
    scene.row().starts_begun = 1;
    scene.row().start_doubt_until = Some(at(30));
    scene.finds(CardFinding::StartInDoubt { begun: 1, until: at(30) });
    assert!(scene.now().contains("looked at again at 2023-11-14T22:13:50Z (in 30 s)"));
    scene.row().starts_begun = 2;
    scene.row().start_doubt_until = Some(at(-30));
    scene.finds(CardFinding::StartUnknown { begun: 2 });
    assert!(scene.now().starts_with("Nothing is sent: no further start"), "{}", scene.now());
    scene.row().reason = Some(Reason::StartUnknown);
    scene.finds(CardFinding::StartUnknown { begun: 2 });
}

#[test]
fn a_start_that_came_too_late_and_a_token_that_never_came_are_told() {
    let mut scene = Scene::new();
    scene.row().asked_at = at(-100_000);
    assert!(scene.now().contains("deliver_until"), "{}", scene.now());
    scene.row().state = State::Unreachable;
    scene.row().reason = Some(Reason::StartTooLate);
    scene.finds(CardFinding::StartTooLate);
    scene.row().state = State::PendingToken;
    scene.row().reason = None;
    assert!(scene.now().contains("in time"), "{}", scene.now());
    scene.row().reason = Some(Reason::NoUpdateToken);
    scene.started_at = Some(at(-30));
    scene.finds(CardFinding::NoUpdateToken { since: at(-30), is_late: true });
}

#[test]
fn a_start_that_repeats_without_harm_is_never_unknown() {
    let mut scene = Scene::new();
    let row = android(scene.row().clone());
    scene.row = Some(Subscription { starts_begun: 7, ..row });
    scene.finds(CardFinding::StartDue);
}

#[test]
fn nothing_of_a_run_is_decided_before_it_is_marked() {
    let mut scene = Scene::new();
    scene.wanted = None;
    scene.finds(CardFinding::StartDue);
    assert_eq!(scene.explain().now, Now::NotMarked);
}

#[test]
fn a_started_card_without_a_token_is_late_after_a_minute() {
    let mut scene = Scene::new();
    scene.row().state = State::PendingToken;
    scene.started_at = Some(at(-30));
    scene.finds(CardFinding::NoUpdateToken { since: at(-30), is_late: false });
    scene.started_at = Some(at(-300));
    scene.finds(CardFinding::NoUpdateToken { since: at(-300), is_late: true });
}

#[test]
fn an_active_card_is_up_to_date_or_behind() {
    let mut scene = Scene::active();
    scene.finds(CardFinding::UpToDate(1));
    scene.wanted = Some(wanted(update(3), Vec::new()));
    scene.finds(CardFinding::Behind { delivered: 1, wanted: 3, is_tried: true });
    assert_eq!(scene.now(), "An update to revision 3 is sent at once, in silence.");
    let refused = Exception { delivered: 1, failed: 3, attempts: 1, ..Exception::default() };
    scene.row().exception = Some(refused);
    scene.finds(CardFinding::Behind { delivered: 1, wanted: 3, is_tried: false });
    scene.wanted = Some(wanted(end(4), Vec::new()));
    assert_eq!(scene.now(), "The end, with revision 4, is sent at once, in silence.");
}

#[test]
fn what_is_over_says_why_and_since_when() {
    let mut scene = Scene::active();
    scene.row().state = State::Dismissed;
    scene.row().report = Some((ReportedState::Dismissed, at(-50)));
    scene.finds(CardFinding::Dismissed(at(-50)));
    scene.row().state = State::Ended;
    scene.finds(CardFinding::Ended { reason: None, at: at(-1_000) });
    scene.row().reason = Some(Reason::Removed);
    scene.finds(CardFinding::Ended { reason: Some(Reason::Removed), at: at(-1_000) });
    scene.row().targeted.end = 4;
    scene.finds(CardFinding::EndedByTarget(4));
}

#[test]
fn what_is_being_ended_says_why() {
    let mut scene = Scene::active();
    scene.row().closing = true;
    scene.finds(CardFinding::Closing(Reason::ContactChanged));
    scene.row().reason = Some(Reason::Removed);
    scene.finds(CardFinding::Closing(Reason::Removed));
}

#[test]
fn a_dead_update_token_says_the_providers_word() {
    let mut scene = Scene::active();
    scene.row().state = State::Invalidated;
    scene.tokens[1].invalid = Some((at(-20), "Unregistered".to_owned()));
    let reason = "Unregistered".to_owned();
    scene.finds(CardFinding::UpdateTokenDead { reason, at: at(-20) });
    scene.row().card.token = None;
    scene.row().reason = Some(Reason::TokenRevoked);
    let reason = "TOKEN_REVOKED".to_owned();
    scene.finds(CardFinding::UpdateTokenDead { reason, at: at(-1_000) });
}

#[test]
fn every_obstacle_is_told_before_a_start_and_after_it() {
    let obstacles = [
        Obstacle::OsCannotStartByPush,
        Obstacle::ActivitiesDisabled,
        Obstacle::NotificationsDisabled,
        Obstacle::NoPushToStartToken,
        Obstacle::PushToStartTokenRejected,
        Obstacle::NoFcmToken,
    ];
    for obstacle in obstacles {
        let mut scene = Scene::new();
        scene.row().state = State::Unreachable;
        scene.row().reason = Some(Reason::Obstacle(obstacle));
        scene.finds(CardFinding::Obstacle { obstacle, is_started: false });
        assert!(scene.now().contains("no way to start it"), "{}", scene.now());
    }
    let mut scene = Scene::active();
    scene.device.activities_enabled = false;
    let obstacle = Obstacle::ActivitiesDisabled;
    scene.finds(CardFinding::Obstacle { obstacle, is_started: true });
    scene.row().state = State::Unreachable;
    scene.row().reason = Some(Reason::Obstacle(Obstacle::NoPushToStartToken));
    scene.finds(CardFinding::Obstacle { obstacle, is_started: false });
}

#[test]
fn who_does_not_have_the_run_is_told_what_would_stand_in_its_way() {
    let mut scene = Scene::without();
    scene.tokens[0].activity_type = "another".to_owned();
    let missing = |obstacle| CardFinding::Obstacle { obstacle, is_started: false };
    scene.finds(missing(Obstacle::NoPushToStartToken));
    scene.device.os_version = OsVersion { major: 16, minor: 4 };
    scene.finds(missing(Obstacle::OsCannotStartByPush));
    scene.device.platform = Platform::Android;
    scene.finds(missing(Obstacle::NoFcmToken));
}

#[test]
fn a_start_without_a_token_is_given_up() {
    let mut scene = Scene::new();
    scene.tokens.clear();
    assert_eq!(scene.now(), "No push is made: there is no good token for it.");
    scene.wanted = Some(wanted(end(2), Vec::new()));
    assert!(scene.now().contains("the run is over"), "{}", scene.now());
}

#[test]
fn a_second_card_and_a_notification_instead_of_a_card_are_told() {
    let mut scene = Scene::active();
    scene.row().second = Some(second());
    scene.finds(CardFinding::SecondCard);
    assert_eq!(scene.now(), "No push is made: the second card has no good token.");
    let mut scene = Scene::new();
    scene.row().state = State::Unreachable;
    scene.row().fallback = Fallback::Waiting;
    scene.finds(CardFinding::FallbackWaits);
    scene.row().fallback = Fallback::Begun;
    scene.finds(CardFinding::FallbackSent);
}
