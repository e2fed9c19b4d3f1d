//! What a subscription needs now, sentence by sentence of "Delivery, exactly".

mod age;

use super::*;
use crate::domain::samples::{
    NOW, NOW_S, active, alerting, android, at, end, exception, pending_start, present, present_at,
    push, second, shard, targeted, update, wanted,
};
use crate::domain::subscription::{Exception, Reason};
use crate::domain::targeted::Targeted;

fn nothing_after(run: &Wanted, subscription: &Subscription, shard: &Shard) -> bool {
    next(subscription, shard, run, present()) == Next::Nothing
}

#[test]
fn a_member_behind_gets_the_newest_content_with_one_push() {
    let shard = Shard { wanted: 9, ..shard() };
    let subscription = active(&shard);
    let plan = push(next(&subscription, &shard, &wanted(update(9), Vec::new()), present()));
    assert_eq!((plan.kind, plan.revision, plan.delivered), (Kind::Update, 9, 1));
    assert_eq!((plan.token, plan.version), (subscription.card.token, 7));
}

#[test]
fn a_member_that_has_the_newest_needs_nothing() {
    let shard = shard();
    assert!(nothing_after(&wanted(update(1), Vec::new()), &active(&shard), &shard));
}

#[test]
fn a_targeted_end_is_wanted_whatever_comes_after_it() {
    let shard = shard();
    let mut subscription = active(&shard);
    subscription.targeted.end = 3;
    let run = wanted(update(5), vec![targeted(end(3))]);
    assert_eq!(run.of(&subscription).number, 3);
    let plan = push(next(&subscription, &shard, &run, present()));
    assert_eq!((plan.kind, plan.revision), (Kind::End, 3));
}

#[test]
fn a_targeted_update_is_wanted_until_everyone_gets_a_newer_one() {
    let shard = shard();
    let mut subscription = active(&shard);
    subscription.targeted.update = 3;
    let others = vec![targeted(update(3))];
    assert_eq!(wanted(update(2), others.clone()).of(&subscription).number, 3);
    assert_eq!(wanted(update(4), others).of(&subscription).number, 4);
}

#[test]
fn a_target_of_others_is_not_wanted() {
    let shard = shard();
    let run = wanted(update(1), vec![targeted(end(3))]);
    assert!(nothing_after(&run, &active(&shard), &shard));
}

#[test]
fn what_was_never_started_is_over_when_an_end_is_wanted() {
    let shard = shard();
    let mut subscription = pending_start(&shard);
    let over = next(&subscription, &shard, &wanted(end(2), Vec::new()), present());
    assert_eq!(over, Next::Over);
    subscription.targeted.end = 3;
    let run = wanted(update(2), vec![targeted(end(3))]);
    assert_eq!(next(&subscription, &shard, &run, present()), Next::Over, "a targeted end too");
    subscription = Subscription { closing: true, ..pending_start(&shard) };
    let run = wanted(update(2), Vec::new());
    assert_eq!(next(&subscription, &shard, &run, present()), Next::Over, "another owner too");
}

#[test]
fn a_begun_start_waits_a_minute_for_evidence_and_is_sent_once_more_and_never_again() {
    let shard = shard();
    let mut subscription = pending_start(&shard);
    subscription.starts_begun = 1;
    subscription.start_doubt_until = Some(NOW + START_DOUBT);
    let run = wanted(update(2), Vec::new());
    let waits = next(&subscription, &shard, &run, present());
    assert_eq!(waits, Next::Wait(at(60)));
    let again = push(next(&subscription, &shard, &run, present_at(at(60))));
    assert_eq!(again.kind, Kind::Start);
    subscription.starts_begun = 2;
    subscription.start_doubt_until = Some(at(120));
    assert_eq!(next(&subscription, &shard, &run, present_at(at(100_000))), Next::Nothing);
}

#[test]
fn a_start_in_doubt_whose_run_ends_is_given_up_when_its_doubt_is_over() {
    let shard = shard();
    let mut subscription = pending_start(&shard);
    subscription.starts_begun = 1;
    subscription.start_doubt_until = Some(at(60));
    let run = wanted(end(2), Vec::new());
    assert_eq!(next(&subscription, &shard, &run, present()), Next::Wait(at(60)));
    assert_eq!(next(&subscription, &shard, &run, present_at(at(60))), Next::Over);
    subscription.reason = Some(Reason::StartUnknown);
    assert_eq!(next(&subscription, &shard, &run, present_at(at(60))), Next::Nothing);
}

#[test]
fn a_second_start_alerts_again() {
    let shard = shard();
    let mut subscription = pending_start(&shard);
    (subscription.starts_begun, subscription.alerted) = (1, 2);
    let plan = push(next(&subscription, &shard, &wanted(alerting(2), Vec::new()), present()));
    assert_eq!((plan.kind, plan.alert), (Kind::Start, 2));
}

#[test]
fn the_newest_live_alert_above_delivered_and_up_to_wanted_rides_on_the_next_push() {
    let shard = shard();
    let subscription = active(&shard);
    let run = wanted(update(5), vec![alerting(4), alerting(3), alerting(6)]);
    assert_eq!(push(next(&subscription, &shard, &run, present())).alert, 4);
    let expired = present_at(at(600));
    assert_eq!(push(next(&subscription, &shard, &run, expired)).alert, 0, "it would only startle");
    let theirs = wanted(update(5), vec![targeted(alerting(4)), alerting(3)]);
    assert_eq!(push(next(&subscription, &shard, &theirs, present())).alert, 3, "another's alert");
}

#[test]
fn the_alert_of_a_targeted_revision_rides_to_its_targets_alone_and_outlives_a_silent_one() {
    let shard = shard();
    let mut subscription = active(&shard);
    let run = wanted(update(2), vec![targeted(alerting(3)), targeted(update(4))]);
    let mut others = active(&shard);
    others.targeted = Targeted { update: 4, ..Targeted::default() };
    assert_eq!(push(next(&others, &shard, &run, present())).alert, 0);
    subscription.targeted = Targeted { update: 4, alert: 3, ..Targeted::default() };
    let plan = push(next(&subscription, &shard, &run, present()));
    assert_eq!((plan.revision, plan.alert), (4, 3));
    let overruled = wanted(update(5), vec![targeted(alerting(3))]);
    let plan = push(next(&subscription, &shard, &overruled, present()));
    assert_eq!((plan.revision, plan.alert), (5, 3), "nor does one for everyone erase it");
}

#[test]
fn an_alert_that_was_had_or_is_in_flight_does_not_ride_again() {
    let shard = shard();
    let mut subscription = active(&shard);
    subscription.alerted = 3;
    let run = wanted(update(5), vec![alerting(3)]);
    assert_eq!(push(next(&subscription, &shard, &run, present())).alert, 0);
    subscription.alerted = 0;
    assert_eq!(push(next(&subscription, &shard, &run, present())).alert, 3);
    let in_flight = Some((3, at(10)));
    subscription.exception = Some(Exception { in_flight, ..exception(&shard) });
    assert_eq!(push(next(&subscription, &shard, &run, present())).alert, 0);
    let unanswered = present_at(at(11));
    assert_eq!(push(next(&subscription, &shard, &run, unanswered)).alert, 3, "a second buzz");
}

#[test]
fn a_push_in_flight_holds_its_revision_back_and_no_newer_one() {
    let shard = shard();
    let mut subscription = active(&shard);
    let in_flight = Some((3, at(10)));
    subscription.exception = Some(Exception { in_flight, ..exception(&shard) });
    let same = next(&subscription, &shard, &wanted(update(3), Vec::new()), present());
    assert_eq!(same, Next::Wait(at(10)));
    let newer = push(next(&subscription, &shard, &wanted(update(4), Vec::new()), present()));
    assert_eq!(newer.revision, 4);
}

#[test]
fn new_content_overrules_our_retry_and_never_the_providers_wait() {
    let shard = shard();
    let mut subscription = active(&shard);
    let failed = Exception { failed: 2, attempts: 1, retry_at: Some(at(30)), ..exception(&shard) };
    subscription.exception = Some(failed);
    let same = next(&subscription, &shard, &wanted(update(2), Vec::new()), present());
    assert_eq!(same, Next::Wait(at(30)));
    let newer = push(next(&subscription, &shard, &wanted(update(3), Vec::new()), present()));
    assert_eq!((newer.revision, newer.attempt), (3, 1));
    let retried = next(&subscription, &shard, &wanted(update(2), Vec::new()), present_at(at(30)));
    assert_eq!(push(retried).attempt, 2);
    subscription.exception = Some(Exception { not_before: Some(at(50)), ..failed });
    let newer = next(&subscription, &shard, &wanted(update(3), Vec::new()), present());
    assert_eq!(newer, Next::Wait(at(50)));
}

#[test]
fn what_was_refused_for_good_waits_for_newer_content() {
    let shard = shard();
    let mut subscription = active(&shard);
    subscription.exception = Some(Exception { failed: 2, attempts: 1, ..exception(&shard) });
    assert!(nothing_after(&wanted(update(2), Vec::new()), &subscription, &shard));
    assert!(!nothing_after(&wanted(update(3), Vec::new()), &subscription, &shard));
}

#[test]
fn only_what_is_started_and_has_a_token_is_sent_to() {
    use State::{Dismissed, Ended, Invalidated, Unreachable};
    let shard = shard();
    for state in [Dismissed, Ended, Invalidated, Unreachable] {
        let subscription = Subscription { state, ..active(&shard) };
        for newest in [update(9), end(9)] {
            assert!(nothing_after(&wanted(newest, Vec::new()), &subscription, &shard), "{state:?}");
        }
    }
    let waits = Subscription { state: State::PendingToken, ..active(&shard) };
    let step = next(&waits, &shard, &wanted(update(9), Vec::new()), present());
    assert!(matches!(step, Next::Wait(_)), "for its token");
}

#[test]
fn a_second_card_is_ended_when_the_first_needs_nothing() {
    let shard = shard();
    let mut subscription = Subscription { second: Some(second()), ..active(&shard) };
    let current = wanted(update(1), Vec::new());
    let plan = push(next(&subscription, &shard, &current, present()));
    assert_eq!((plan.kind, plan.alert), (Kind::CloseSecond, 0));
    assert_eq!(plan.token, subscription.second.as_ref().and_then(|card| card.token));
    let behind = wanted(update(2), Vec::new());
    assert_eq!(push(next(&subscription, &shard, &behind, present())).kind, Kind::Update);
    subscription.state = State::Dismissed;
    let plan = push(next(&subscription, &shard, &behind, present()));
    assert_eq!(plan.kind, Kind::CloseSecond, "after a dismissal, the one that shows up");
}

#[test]
fn the_end_of_a_second_card_counts_as_a_newer_push() {
    let shard = Shard { last_stamp: NOW_S, ..shard() };
    let subscription = Subscription { second: Some(second()), ..active(&shard) };
    let current = wanted(update(1), Vec::new());
    assert_eq!(next(&subscription, &shard, &current, present()), Next::Wait(at(1)));
    let plan = push(next(&subscription, &shard, &current, present_at(at(1))));
    assert!(plan.stamp(at(1)) > NOW_S);
}

#[test]
fn another_owner_ends_the_card_silently_though_it_shows_the_newest() {
    let shard = shard();
    let subscription = Subscription { closing: true, ..active(&shard) };
    let plan = push(next(&subscription, &shard, &wanted(alerting(1), Vec::new()), present()));
    assert_eq!((plan.kind, plan.alert), (Kind::End, 0));
    let behind = wanted(alerting(2), Vec::new());
    let plan = push(next(&subscription, &shard, &behind, present()));
    assert_eq!((plan.kind, plan.alert), (Kind::End, 0));
}

#[test]
fn a_device_has_at_most_one_push_in_a_second() {
    let shard = Shard { last_stamp: NOW_S, ..shard() };
    let run = wanted(update(2), Vec::new());
    for closing in [false, true] {
        let subscription = Subscription { closing, ..active(&shard) };
        assert_eq!(next(&subscription, &shard, &run, present()), Next::Wait(at(1)));
    }
    let same = wanted(update(1), Vec::new());
    let closing = Subscription { closing: true, ..active(&shard) };
    assert_eq!(next(&closing, &shard, &same, present()), Next::Wait(at(1)), "of any kind");
}

#[test]
fn no_stamp_falls_into_the_second_in_which_the_process_started() {
    let shard = shard();
    let subscription = active(&shard);
    let started = Present { now: NOW + Duration::from_millis(900), process_start_s: NOW_S };
    let run = wanted(update(2), Vec::new());
    assert_eq!(next(&subscription, &shard, &run, started), Next::Wait(at(1)));
    assert_eq!(free_at(0, started), at(1));
    let start = next(&pending_start(&shard), &shard, &run, started);
    assert_eq!(start, Next::Wait(at(1)));
}

#[test]
fn stamps_rise_strictly_and_one_that_phones_ignore_is_ignored() {
    let shard = shard();
    let mut plan = blank(&active(&shard), &shard);
    assert_eq!(plan.stamp(NOW), NOW_S);
    plan.last_stamp = NOW_S;
    assert_eq!(plan.stamp(NOW), NOW_S + 1);
    plan.last_stamp = NOW_S + STAMP_AHEAD_MAX_S;
    assert_eq!(plan.stamp(NOW), NOW_S + STAMP_AHEAD_MAX_S + 1);
    plan.last_stamp = NOW_S + STAMP_AHEAD_MAX_S + 1;
    assert_eq!(plan.stamp(NOW), NOW_S);
}

#[test]
fn a_resend_has_the_same_apns_id_and_nothing_else_has() {
    let shard = shard();
    let subscription = active(&shard);
    let plan = Plan { revision: 2, ..blank(&subscription, &shard) };
    let again = Plan { attempt: 4, token: None, version: 9, alert: 2, ..plan.clone() };
    assert_eq!(plan.apns_id(1), again.apns_id(1));
    let others = [
        plan.apns_id(2),
        Plan { revision: 3, ..plan.clone() }.apns_id(1),
        Plan { kind: Kind::End, ..plan.clone() }.apns_id(1),
        Plan { kind: Kind::CloseSecond, ..plan.clone() }.apns_id(1),
        blank(&active(&shard), &shard).apns_id(1),
    ];
    assert!(!others.contains(&plan.apns_id(1)));
}

#[test]
fn due_is_computed_from_the_newest_revision_and_the_exceptions() {
    let shard = shard();
    let current = wanted(update(1), Vec::new());
    assert_eq!(due(&shard, &current, None, present()), None);
    assert_eq!(due(&shard, &current, Some(at(5)), present()), Some(at(5)));
    let behind = wanted(update(2), Vec::new());
    assert_eq!(due(&shard, &behind, None, present()), Some(NOW));
    assert_eq!(due(&shard, &behind, Some(at(5)), present()), Some(NOW));
}

#[test]
fn a_member_is_looked_at_when_its_wait_is_over_and_not_at_all_where_nothing_is_wanted() {
    let shard = shard();
    let current = wanted(update(1), Vec::new());
    let look = |subscription: &Subscription| look_at(subscription, &shard, &current, present());
    let own = Exception { failed: 1, retry_at: Some(at(5)), ..Exception::default() };
    let retries = Subscription { exception: Some(own), ..active(&shard) };
    assert_eq!(look(&retries), Some(at(5)));
    assert_eq!(look(&active(&shard)), None);
    let doubted = Subscription { start_doubt_until: Some(at(60)), ..pending_start(&shard) };
    assert_eq!(look(&doubted), Some(at(60)));
    assert_eq!(look(&pending_start(&shard)), Some(NOW));
}

#[test]
fn a_start_that_does_no_harm_is_repeated_for_as_long_as_nobody_knows() {
    let shard = shard();
    let mut row = android(pending_start(&shard));
    row.starts_begun = 7;
    let plan = push(next(&row, &shard, &wanted(update(1), vec![]), present()));
    assert_eq!((plan.kind, plan.revision), (Kind::Start, 1));
    row.exception = Some(Exception { in_flight: Some((1, at(9))), ..exception(&shard) });
    let waits = next(&row, &shard, &wanted(update(1), vec![]), present());
    assert_eq!(waits, Next::Wait(at(9)), "its answer may still come");
}

#[test]
fn what_was_ever_begun_gets_its_end_and_what_was_not_is_over() {
    let shard = shard();
    let mut row = android(pending_start(&shard));
    assert_eq!(next(&row, &shard, &wanted(end(2), vec![]), present()), Next::Over);
    row.starts_begun = 1;
    let plan = push(next(&row, &shard, &wanted(end(2), vec![]), present()));
    assert_eq!((plan.kind, plan.revision), (Kind::End, 2));
    row.closing = true;
    let plan = push(next(&row, &shard, &wanted(update(2), vec![]), present()));
    assert_eq!(plan.kind, Kind::End, "another owner");
}
