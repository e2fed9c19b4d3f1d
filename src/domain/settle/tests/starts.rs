//! Starts are written ahead, for they cannot be taken back.

use super::*;
use crate::domain::ids::TokenId;
use crate::domain::plan::START_DOUBT;
use crate::domain::samples::{android, pending_start};
use std::time::Duration;

fn begun(shard: &Shard) -> (Subscription, Sent) {
    let mut row = pending_start(shard);
    let mut sent = sent_as(Kind::Start, &row, shard, 1);
    sent.plan.alert = 1;
    assert!(begin_start(&mut row, shard, &mut sent.plan, NOW));
    (row, sent)
}

#[test]
fn a_start_is_written_ahead_with_its_doubt_its_alert_and_a_new_version() {
    let shard = shard();
    let (row, sent) = begun(&shard);
    assert_eq!((row.starts_begun, row.start_doubt_until), (1, Some(NOW + START_DOUBT)));
    assert_eq!((row.alerted, row.version, sent.plan.version), (1, 8, 8));
    assert_eq!((row.state, row.reason), (State::PendingStart, None));
}

#[test]
fn a_start_is_begun_only_where_the_subscription_is_as_it_was_at_the_claim() {
    let shard = shard();
    let row = pending_start(&shard);
    let plan = sent_as(Kind::Start, &row, &shard, 1).plan;
    let refused = |change: &dyn Fn(&mut Subscription)| {
        let mut row = row.clone();
        change(&mut row);
        let before = row.clone();
        !begin_start(&mut row, &shard, &mut plan.clone(), NOW) && row == before
    };
    assert!(refused(&|row| row.version += 1));
    assert!(refused(&|row| row.state = State::Active));
    assert!(refused(&|row| row.state = State::PendingToken), "evidence has come");
    assert!(!refused(&|_| {}));
}

#[test]
fn the_second_begun_start_is_the_last_and_says_why() {
    let shard = shard();
    let (mut row, mut sent) = begun(&shard);
    assert!(begin_start(&mut row, &shard, &mut sent.plan, at(60)));
    assert_eq!((row.starts_begun, row.reason), (2, Some(Reason::StartUnknown)));
}

#[test]
fn an_accepted_start_counts_whatever_the_version_says() {
    let shard = shard();
    let (mut row, sent) = begun(&shard);
    row.touch(&shard, NOW);
    row.exception = Some(Exception::default());
    let settled = answer(&mut row, &shard, &sent, &accepted());
    assert_eq!((row.state, row.start_doubt_until), (State::PendingToken, None));
    assert_eq!((row.delivered(&shard), row.last_stamp(&shard)), (1, sent.stamp));
    let kinds: Vec<EventKind> = settled.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::SubscriptionPendingToken]);
}

#[test]
fn an_accepted_start_does_not_speak_for_a_card_that_has_its_token_already() {
    let shard = shard();
    let (mut row, sent) = begun(&shard);
    row.card.token = Some(TokenId::generate());
    row.state = State::Active;
    row.touch(&shard, NOW).delivered = 0;
    answer(&mut row, &shard, &sent, &accepted());
    assert_eq!((row.state, row.delivered(&shard)), (State::Active, 0));
}

#[test]
fn a_start_without_an_answer_stays_in_doubt() {
    let shard = shard();
    let (row, sent) = begun(&shard);
    for answer in [Answer::Is(&UNKNOWN), Answer::InFlight(at(21))] {
        let mut row = row.clone();
        settle(&mut row, &shard, None, (&sent, answer), NOW);
        assert_eq!((row.state, row.starts_begun), (State::PendingStart, 1));
        assert_eq!(row.start_doubt_until, Some(NOW + START_DOUBT));
    }
}

#[test]
fn a_refused_start_was_none_and_is_tried_again() {
    let shard = shard();
    for outcome in [unavailable(), Outcome::NotSent { reason: "CONNECT_FAILED" }] {
        let (mut row, sent) = begun(&shard);
        answer(&mut row, &shard, &sent, &outcome);
        assert_eq!((row.state, row.starts_begun), (State::PendingStart, 0));
        assert_eq!(row.start_doubt_until, None);
        assert!(row.exception.unwrap().retry_at.is_some());
    }
}

#[test]
fn an_accepted_start_on_android_is_shown_and_needs_no_token() {
    let shard = shard();
    let mut row = android(pending_start(&shard));
    let mut begun = sent_as(Kind::Start, &row, &shard, 1);
    assert!(begin_start(&mut row, &shard, &mut begun.plan, NOW));
    assert_eq!((row.starts_begun, row.start_doubt_until), (1, None), "it is in no doubt");
    let settled = settle(&mut row, &shard, None, (&begun, Answer::Is(&accepted())), NOW);
    assert!(settled.counts);
    assert_eq!((row.state, row.delivered(&shard)), (State::Active, 1));
    let words: Vec<&str> = settled.events.iter().map(|event| event.kind.word()).collect();
    assert_eq!(words, ["subscription.started"]);
}

#[test]
fn a_start_on_android_without_an_answer_stays_pending_and_is_known_to_be_begun() {
    let shard = shard();
    let mut row = android(pending_start(&shard));
    let mut begun = sent_as(Kind::Start, &row, &shard, 1);
    begin_start(&mut row, &shard, &mut begun.plan, NOW);
    let unknown = Outcome::Unknown { reason: "TIMEOUT" };
    settle(&mut row, &shard, None, (&begun, Answer::Is(&unknown)), NOW);
    assert_eq!((row.state, row.starts_begun), (State::PendingStart, 1));
    assert!(row.exception.is_some_and(|exception| exception.retry_at > Some(NOW)));
    let mut again = sent_as(Kind::Start, &row, &shard, 1);
    begin_start(&mut row, &shard, &mut again.plan, NOW);
    settle(&mut row, &shard, None, (&again, Answer::Is(&unavailable())), NOW);
    assert_eq!(row.starts_begun, 1, "a refusal is not a start, and the first one may be");
}

#[test]
fn a_start_that_was_put_off_was_none_and_is_not_tried_in_vain() {
    let shard = shard();
    let (mut row, sent) = begun(&shard);
    let until = NOW + Duration::from_secs(30);
    let put_off = Outcome::Postponed { reason: "DEVICE_PACED", until };
    answer(&mut row, &shard, &sent, &put_off);
    assert_eq!((row.state, row.starts_begun), (State::PendingStart, 0));
    assert_eq!(row.start_doubt_until, None);
    let own = row.exception.unwrap();
    assert_eq!((own.not_before, own.retry_at), (Some(until), None));
    assert_eq!((own.failed, own.attempts), (0, 0));
}
