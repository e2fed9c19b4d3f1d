//! What an answer leaves behind, sentence by sentence of "Delivery, exactly".

mod starts;
mod verdicts;

use super::*;
use crate::domain::samples::{
    NOW, NOW_S, accepted, active, at, exception, second, sent, sent_as, shard, unavailable,
};
use crate::domain::shard::{Place, Route};
use crate::domain::subscription::Exception;

/// Settles an answer and returns what it did.
fn answer(row: &mut Subscription, shard: &Shard, sent: &Sent, outcome: &Outcome) -> Settled {
    settle(row, shard, None, (sent, Answer::Is(outcome)), NOW)
}

/// Nobody knows what became of it.
const UNKNOWN: Outcome = Outcome::Unknown { reason: "TIMEOUT" };

#[test]
fn an_accepted_push_of_a_plain_member_writes_no_row() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let settled = answer(&mut row, &shard, &sent, &accepted());
    assert!(settled.counts && !settled.changed && settled.events.is_empty());
}

#[test]
fn nothing_counts_as_delivered_where_the_subscription_was_written_since_the_claim() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    row.touch(&shard, NOW);
    let settled = answer(&mut row, &shard, &sent, &accepted());
    assert!(!settled.counts);
    assert_eq!(row.delivered(&shard), 1);
    let moved = Shard { delivered: 2, ..shard };
    finish(&mut row, &moved, &sent, true);
    assert_eq!(row.delivered(&moved), 1, "nor when the claim closes");
}

#[test]
fn every_write_outside_settle_bumps_the_version_and_keeps_what_was_had() {
    let shard = Shard { delivered: 4, last_stamp: 77, ..shard() };
    let mut row = active(&shard);
    row.touch(&shard, NOW);
    assert_eq!((row.version, row.updated_at), (8, NOW));
    let own = Exception { delivered: 4, last_stamp: 77, ..Exception::default() };
    assert_eq!(row.exception, Some(own));
    row.touch(&Shard { delivered: 9, ..shard }, NOW);
    assert_eq!((row.version, row.exception), (9, Some(own)), "an exception stays as it is");
}

#[test]
fn the_stamp_of_every_push_made_is_a_fact_whatever_the_version_says() {
    let shard = shard();
    for outcome in [Some(accepted()), Some(unavailable()), Some(UNKNOWN), None] {
        let mut row = active(&shard);
        let sent = sent(&row, &shard, 2);
        row.touch(&shard, NOW);
        let answer = outcome.as_ref().map_or(Answer::InFlight(at(10)), Answer::Is);
        settle(&mut row, &shard, None, (&sent, answer), NOW);
        assert_eq!(row.last_stamp(&shard), NOW_S, "{outcome:?}");
    }
}

#[test]
fn an_accepted_alert_is_a_fact_whatever_the_version_says() {
    let shard = shard();
    let mut row = active(&shard);
    let mut sent = sent(&row, &shard, 2);
    sent.plan.alert = 2;
    row.touch(&shard, NOW);
    let mut refused = row.clone();
    answer(&mut row, &shard, &sent, &accepted());
    assert_eq!(row.alerted, 2);
    for outcome in [unavailable(), UNKNOWN] {
        answer(&mut refused, &shard, &sent, &outcome);
        assert_eq!(refused.alerted, 0, "a second buzz is better than none");
    }
}

#[test]
fn an_alert_accepted_before_a_write_and_closed_after_it_was_had() {
    let shard = shard();
    let mut row = active(&shard);
    let mut sent = sent(&row, &shard, 2);
    sent.plan.alert = 2;
    assert!(answer(&mut row, &shard, &sent, &accepted()).counts);
    row.touch(&shard, NOW);
    finish(&mut row, &Shard { delivered: 2, ..shard }, &sent, true);
    assert_eq!((row.alerted, row.exception.map(|own| own.last_stamp)), (2, Some(NOW_S)));
}

#[test]
fn an_exception_is_cleared_where_its_push_was_accepted_at_the_shards_revision_or_newer() {
    let shard = shard();
    let row = Subscription { exception: Some(exception(&shard)), ..active(&shard) };
    let sent = sent(&row, &shard, 2);
    let close = |change: &dyn Fn(&mut Subscription), delivered: Number, complete: bool| {
        let mut row = row.clone();
        answer(&mut row, &shard, &sent, &accepted());
        change(&mut row);
        let moved = Shard { delivered, last_stamp: NOW_S, ..shard.clone() };
        finish(&mut row, &moved, &sent, complete);
        row.exception.is_none()
    };
    assert!(close(&|_| {}, 2, true));
    assert!(!close(&|_| {}, 3, true), "the shard is ahead of it");
    assert!(!close(&|_| {}, 1, true), "it is ahead of the shard");
    assert!(!close(&|_| {}, 2, false), "the shard stopped early");
    assert!(!close(&|row| row.version += 1, 2, true), "it was written since the claim");
    assert!(!close(&|row| row.targeted.update = 3, 2, true), "it is targeted above the shard");
    assert!(!close(&|row| row.targeted.end = 3, 2, true), "and so is an end");
    assert!(!close(&|row| row.second = Some(second()), 2, true), "another card is to be ended");
    assert!(!close(&|row| row.closing = true, 2, true), "another owner has the device");
    let in_flight = |row: &mut Subscription| {
        row.exception.as_mut().unwrap().in_flight = Some((3, at(10)));
    };
    assert!(!close(&in_flight, 2, true), "another push is under way");
}

#[test]
fn who_was_answered_before_an_early_stop_keeps_what_it_got() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    answer(&mut row, &shard, &sent, &accepted());
    assert!(finish(&mut row, &shard, &sent, false));
    let own = row.exception.unwrap();
    assert_eq!((own.delivered, own.last_stamp), (2, NOW_S));
}

#[test]
fn who_was_delivered_another_revision_than_the_shard_keeps_its_own() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    answer(&mut row, &shard, &sent, &accepted());
    let moved = Shard { delivered: 3, ..shard };
    assert!(finish(&mut row, &moved, &sent, true));
    assert_eq!(row.delivered(&moved), 2);
}

#[test]
fn an_unanswered_push_stays_in_flight_as_an_exception_of_what_was_had() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let settled = settle(&mut row, &shard, None, (&sent, Answer::InFlight(at(21))), NOW);
    assert!(!settled.counts && settled.changed);
    let own = row.exception.unwrap();
    assert_eq!((own.delivered, own.in_flight), (1, Some((2, at(21)))));
    assert_eq!(row.version, 7, "settling is no write that a settle could miss");
}

#[test]
fn a_late_answer_settles_by_the_version() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    settle(&mut row, &shard, None, (&sent, Answer::InFlight(at(21))), NOW);
    let mut written = row.clone();
    assert!(answer(&mut row, &shard, &sent, &accepted()).counts);
    let own = row.exception.unwrap();
    assert_eq!((own.delivered, own.in_flight), (2, None));
    written.touch(&shard, NOW);
    assert!(!answer(&mut written, &shard, &sent, &accepted()).counts);
    assert_eq!(written.delivered(&shard), 1);
}

#[test]
fn a_late_answer_to_an_older_push_does_not_disturb_a_newer_one() {
    let shard = shard();
    let mut row = active(&shard);
    let (older, newer) = (sent(&row, &shard, 2), sent(&row, &shard, 3));
    settle(&mut row, &shard, None, (&older, Answer::InFlight(at(21))), NOW);
    settle(&mut row, &shard, None, (&newer, Answer::InFlight(at(22))), NOW);
    answer(&mut row, &shard, &older, &accepted());
    assert_eq!(row.exception.unwrap().in_flight, Some((3, at(22))));
    answer(&mut row, &shard, &newer, &accepted());
    answer(&mut row, &shard, &older, &accepted());
    assert_eq!(row.delivered(&shard), 3, "no device goes back a revision");
}

#[test]
fn an_unknown_outcome_is_tried_again_and_delivers_nothing() {
    let shard = shard();
    for outcome in [UNKNOWN, unavailable(), Outcome::NotSent { reason: "CONNECT_FAILED" }] {
        let mut row = active(&shard);
        let sent = sent(&row, &shard, 2);
        assert!(!answer(&mut row, &shard, &sent, &outcome).counts);
        let own = row.exception.unwrap();
        assert_eq!((own.delivered, own.failed, own.attempts), (1, 2, 1));
        assert!(own.retry_at.is_some_and(|retry| retry > NOW && retry < at(10)));
    }
}

#[test]
fn the_providers_wait_is_kept_until_it_is_over_and_then_forgotten() {
    let shard = shard();
    let mut row = active(&shard);
    let busy = Outcome::Rejected(Rejection {
        status: 429,
        reason: "TooManyRequests".to_owned(),
        class: Class::Retry,
        dead_since: None,
        retry_after: Some(std::time::Duration::from_secs(50)),
    });
    let first = sent(&row, &shard, 2);
    answer(&mut row, &shard, &first, &busy);
    assert_eq!(row.exception.unwrap().not_before, Some(at(50)));
    settle(&mut row, &shard, None, (&first, Answer::Is(&accepted())), at(10));
    assert_eq!(row.exception.unwrap().not_before, Some(at(50)), "an answer of before");
    settle(&mut row, &shard, None, (&first, Answer::Is(&accepted())), at(50));
    assert_eq!(row.exception.unwrap().not_before, None);
    finish(&mut row, &Shard { delivered: 2, ..shard }, &first, true);
    assert_eq!(row.exception, None, "it goes with its shard again");
}

#[test]
fn a_push_that_was_put_off_is_no_try_and_waits_whatever_is_newer() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent(&row, &shard, 2);
    let put_off = Outcome::Postponed { reason: "DEVICE_PACED", until: at(3) };
    let settled = answer(&mut row, &shard, &sent, &put_off);
    assert!(!settled.counts && settled.changed);
    let own = row.exception.unwrap();
    assert_eq!((own.not_before, own.retry_at, own.in_flight), (Some(at(3)), None, None));
    assert_eq!((own.failed, own.attempts), (0, 0), "no try in vain");
}

#[test]
fn google_is_left_alone_for_ten_seconds_after_a_push_without_an_answer() {
    let to_apple = shard();
    let to_google = Shard { place: Place { route: Route::Fcm, ..to_apple.place }, ..to_apple };
    for outcome in [UNKNOWN, Outcome::NotSent { reason: "CONNECT_FAILED" }] {
        for (shard, rests) in [(&to_apple, false), (&to_google, true)] {
            let mut row = active(shard);
            let sent = sent(&row, shard, 2);
            answer(&mut row, shard, &sent, &outcome);
            let own = row.exception.unwrap();
            let until = own.not_before.filter(|until| *until >= at(10) && *until <= at(12));
            assert_eq!(until.is_some(), rests, "whatever is newer: {:?}", own.not_before);
            assert!(own.retry_at.is_some());
        }
    }
}

#[test]
fn the_providers_wait_holds_although_the_subscription_changed_meanwhile() {
    let to_apple = shard();
    let to_google = Shard { place: Place { route: Route::Fcm, ..to_apple.place }, ..to_apple };
    let postponed = Outcome::Postponed { reason: "PACED", until: at(3) };
    for (outcome, from) in [(UNKNOWN, 10), (postponed, 3)] {
        let mut row = active(&to_google);
        let sent = sent(&row, &to_google, 2);
        row.touch(&to_google, NOW);
        answer(&mut row, &to_google, &sent, &outcome);
        let until = row.exception.unwrap().not_before;
        assert!(until.is_some_and(|until| until >= at(from)), "{outcome:?}: {until:?}");
    }
}

#[test]
fn an_accepted_end_ends_and_is_told_once() {
    let shard = shard();
    let mut row = active(&shard);
    let sent = sent_as(Kind::End, &row, &shard, 2);
    let settled = answer(&mut row, &shard, &sent, &accepted());
    assert_eq!((row.state, row.cause), (State::Ended, Cause::Caller));
    let kinds: Vec<EventKind> = settled.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SubscriptionEnded]);
}

#[test]
fn the_accepted_end_of_a_second_card_remembers_that_card() {
    let shard = shard();
    let mut row = Subscription { second: Some(second()), ..active(&shard) };
    let mut sent = sent_as(Kind::CloseSecond, &row, &shard, 1);
    sent.plan.token = row.second.as_ref().and_then(|card| card.token);
    let mut other = Subscription { second: Some(second()), ..row.clone() };
    answer(&mut row, &shard, &sent, &accepted());
    assert_eq!((row.second, row.closed_card.as_deref()), (None, Some("B")));
    assert_eq!(row.state, State::Active);
    answer(&mut other, &shard, &sent, &accepted());
    assert!(other.second.is_some(), "by now another card is the second");
}
