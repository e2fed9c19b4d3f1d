//! Who becomes a subscription, and who cannot.

use super::*;
use crate::domain::device::OsVersion;
use crate::domain::revision::{Revision, Scope, Target};
use crate::domain::samples::{
    NOW, active, activity, alerting, device, end, shard, targeted, update,
};

fn marked() -> Marked<'static> {
    Marked { newest: 1, targeted: &[], welcome: Welcome::Returning, now: NOW }
}

fn candidate(device: Device) -> Candidate {
    let start_token = Some((TokenId::generate(), device.environment));
    let contact_key = device.contact_key.clone();
    Candidate { device, contact_key, start_token, existing: None, since: 0 }
}

fn expanded(candidate: Candidate) -> Change {
    expand(&activity(), vec![candidate], Rooms::default(), marked())
}

#[test]
fn a_device_with_a_token_waits_for_its_start_with_nothing_delivered() {
    let change = expanded(candidate(device("ada")));
    let [row] = change.subscriptions.as_slice() else { panic!("one") };
    assert_eq!((row.state, row.contact_key.as_str()), (State::PendingStart, "ada"));
    assert_eq!(row.exception, Some(Exception::default()));
    assert_eq!((change.shards.len(), change.deliveries.len()), (1, 0));
    assert_eq!(change.shards[0].due_at, Some(NOW));
}

#[test]
fn a_device_without_a_way_is_unreachable_and_skipped_once_with_the_reason() {
    let old = Device { os_version: OsVersion { major: 16, minor: 4 }, ..device("ada") };
    let forbidden = Device { activities_enabled: false, ..device("ada") };
    let tokenless = Candidate { start_token: None, ..candidate(device("ada")) };
    let cases = [
        (candidate(old), Obstacle::OsCannotStartByPush),
        (candidate(forbidden), Obstacle::ActivitiesDisabled),
        (tokenless, Obstacle::NoPushToStartToken),
    ];
    for (candidate, obstacle) in cases {
        let change = expanded(candidate);
        assert_eq!(change.subscriptions[0].state, State::Unreachable);
        assert_eq!(change.subscriptions[0].reason, Some(Reason::Obstacle(obstacle)));
        let [skipped] = change.deliveries.as_slice() else { panic!("one") };
        assert_eq!((skipped.status, skipped.attempt), (Status::Skipped, 0));
        assert_eq!(skipped.reason, obstacle.word());
        assert_eq!(change.events[0].kind, EventKind::SubscriptionUnreachable);
    }
}

#[test]
fn a_device_that_shows_the_activity_keeps_its_card_and_learns_its_contact() {
    let shard = shard();
    let existing = active(&shard);
    let shows =
        Candidate { existing: Some((existing.clone(), shard.clone())), ..candidate(device("ada")) };
    let change = expanded(shows.clone());
    let [row] = change.subscriptions.as_slice() else { panic!("one") };
    assert_eq!((row.id, row.state, row.starts_begun), (existing.id, State::Active, 1));
    assert_eq!(row.contact_key, "ada");
    assert_eq!(row.version, existing.version, "a push that is under way still counts");
    assert_eq!(row.exception, None, "it needs nothing of its own");
    assert_eq!(change.due, [(shard.id, NOW)]);
    let known = Subscription { contact_key: "eve".to_owned(), ..existing };
    let again = expanded(Candidate { existing: Some((known, shard)), ..shows });
    assert!(again.subscriptions.is_empty(), "the first contact counts");
}

#[test]
fn the_end_of_the_run_stops_an_expansion() {
    let ended = Activity { state: ActivityState::Ended, ..activity() };
    let change = expand(&ended, vec![candidate(device("ada"))], Rooms::default(), marked());
    assert!(change.is_empty());
}

#[test]
fn a_targeted_end_reaches_devices_that_are_found_after_it() {
    let end_for = |target: Target| Revision { scope: Scope::Target(target), ..end(2) };
    let words = |word: &str| vec![word.to_owned()];
    let reaches = |target: Target| {
        let revisions = [end_for(target), targeted(update(3))];
        let marked = Marked { targeted: &revisions[..1], ..marked() };
        let candidates = vec![candidate(device("ada"))];
        expand(&activity(), candidates, Rooms::default(), marked).subscriptions[0].targeted.end
    };
    let none = Target::default;
    assert_eq!(reaches(Target { device_ids: words("phone"), ..none() }), 2);
    assert_eq!(reaches(Target { device_ids: words("other"), ..none() }), 0);
    assert_eq!(reaches(Target { contact_keys: words("ada"), ..none() }), 2);
    assert_eq!(reaches(Target { contact_keys: words("eve"), ..none() }), 0);
    assert_eq!(reaches(Target { form_factors: words("PHONE"), ..none() }), 2);
    assert_eq!(reaches(Target { form_factors: words("TABLET"), ..none() }), 0);
    assert_eq!(reaches(Target { app_ids: words("app_0"), ..none() }), 0);
    let both = Target { device_ids: words("phone"), form_factors: words("TABLET"), ..none() };
    assert_eq!(reaches(both), 0, "every kind of selector given");
}

#[test]
fn who_comes_again_is_started_in_the_world_of_its_token_or_says_why_not() {
    let shard = shard();
    let ended =
        Subscription { state: State::Ended, reason: Some(Reason::Removed), ..active(&shard) };
    let flight = Activity { key: shard.place.activity, ..activity() };
    let of_app = Device { app: shard.place.app, ..device("ada") };
    let expanded = |start_token| {
        let existing = Some((ended.clone(), shard.clone()));
        let found = Candidate { start_token, existing, ..candidate(of_app.clone()) };
        expand(&flight, vec![found], Rooms::default(), marked())
    };
    let same = expanded(Some((TokenId::generate(), shard.place.environment)));
    assert_eq!(same.subscriptions[0].state, State::PendingStart);
    assert_eq!((same.due, same.shards.len()), (vec![(shard.id, NOW)], 0));
    let other = expanded(Some((TokenId::generate(), Environment::Sandbox)));
    assert_eq!(other.shards[0].place.environment, Environment::Sandbox);
    assert_eq!(other.subscriptions[0].shard, other.shards[0].id);
    let none = expanded(None);
    let why = Reason::Obstacle(Obstacle::NoPushToStartToken);
    assert_eq!(none.subscriptions[0].reason, Some(why));
}

#[test]
fn an_end_for_targets_does_not_concern_who_was_named_after_it() {
    let end_for = Target { device_ids: vec!["phone".to_owned()], ..Target::default() };
    let revisions = [Revision { scope: Scope::Target(end_for), ..end(2) }];
    let targeted = |since| {
        let marked = Marked { targeted: &revisions, ..marked() };
        let candidates = vec![Candidate { since, ..candidate(device("ada")) }];
        expand(&activity(), candidates, Rooms::default(), marked).subscriptions[0].targeted.end
    };
    assert_eq!((targeted(1), targeted(2)), (2, 0));
}

#[test]
fn a_targeted_update_reaches_devices_that_are_found_after_it_where_they_fit() {
    let for_ada = |revision: Revision| {
        let target = Target { contact_keys: vec!["ada".to_owned()], ..Target::default() };
        Revision { scope: Scope::Target(target), ..revision }
    };
    let revisions = [for_ada(alerting(2)), for_ada(update(3))];
    let marked = Marked { targeted: &revisions, ..marked() };
    let candidates = vec![candidate(device("ada")), candidate(device("eve"))];
    let change = expand(&activity(), candidates, Rooms::default(), marked);
    let asked: Vec<Targeted> = change.subscriptions.iter().map(|row| row.targeted).collect();
    assert_eq!(asked, [Targeted { end: 0, update: 3, alert: 2 }, Targeted::default()]);
}
