//! Who leaves is ended, who comes again is started again where that was asked, and never twice at the same time.

use super::*;
use crate::domain::samples::{NOW, active, at, pending_start, shard};
use crate::domain::subscription::Exception;
use crate::domain::targeted::Targeted;

fn comer(welcome: Welcome) -> Comer<'static> {
    Comer { contact_key: "ada", since: 5, welcome }
}

fn again(subscription: &mut Subscription, welcome: Welcome) -> Again {
    come_again(subscription, &shard(), comer(welcome), NOW)
}

fn ended_at(end: Number) -> Targeted {
    Targeted { end, ..Targeted::default() }
}

fn left(mut subscription: Subscription) -> Subscription {
    leave(&mut subscription, &shard(), (Reason::Removed, Cause::Caller), NOW);
    subscription
}

#[test]
fn who_leaves_is_ended_and_who_was_not_started_never_is() {
    let shard = shard();
    let card = left(active(&shard));
    assert!(card.closing && card.state == State::Active);
    assert_eq!(card.reason_of_closing(), Some(Reason::Removed));
    assert_eq!(card.version, active(&shard).version + 1);
    let mut waiting = pending_start(&shard);
    let events = leave(&mut waiting, &shard, (Reason::Removed, Cause::Caller), NOW);
    assert_eq!((waiting.state, &waiting.reason), (State::Ended, &Some(Reason::Removed)));
    assert_eq!(events[0].kind, EventKind::SubscriptionEnded);
}

#[test]
fn who_is_in_already_is_left_alone_whatever_is_asked() {
    let shard = shard();
    for state in [State::PendingStart, State::PendingToken, State::Active, State::Unreachable] {
        let mut row = Subscription { state, ..active(&shard) };
        let before = row.clone();
        assert_eq!(again(&mut row, Welcome::Dismissed), Again::Nothing, "{state:?}");
        assert_eq!(row, before);
    }
}

#[test]
fn who_left_and_comes_again_is_started_once_more() {
    let ended = Subscription { state: State::Ended, ..left(active(&shard())) };
    let old = ended.card.device_activity_id.clone();
    let mut row = ended;
    assert_eq!(again(&mut row, Welcome::Returning), Again::Restarts);
    assert_eq!((row.state, row.starts_begun, row.closing), (State::PendingStart, 0, false));
    assert_eq!((row.card, row.closed_card), (Card::default(), old), "what it had was ended");
    let had = row.exception.expect("an exception");
    assert_eq!((had.delivered, had.last_stamp), (0, shard().last_stamp));
    assert_eq!(row.contact_key, "ada");
}

#[test]
fn a_card_whose_end_may_be_on_its_way_is_ended_as_the_second_one() {
    let mut row = left(active(&shard()));
    let card = row.card.clone();
    assert_eq!(again(&mut row, Welcome::Returning), Again::Restarts);
    assert_eq!((row.second, row.state), (Some(card), State::PendingStart));
}

#[test]
fn a_start_that_has_no_token_yet_goes_on() {
    for (state, starts_begun) in [(State::PendingToken, 1), (State::PendingStart, 1)] {
        let row = Subscription { state, starts_begun, ..pending_start(&shard()) };
        let mut row = left(row);
        assert_eq!(again(&mut row, Welcome::Returning), Again::Stays);
        assert_eq!((row.state, row.starts_begun), (state, starts_begun), "never a second start");
        assert_eq!((row.closing, row.reason), (false, None));
    }
}

#[test]
fn what_the_person_has_closed_starts_again_only_where_that_is_asked() {
    let closed = |contact: &str| Subscription {
        state: State::Dismissed,
        contact_key: contact.to_owned(),
        ..active(&shard())
    };
    assert_eq!(again(&mut closed("ada"), Welcome::Returning), Again::Nothing);
    assert_eq!(again(&mut closed("ada"), Welcome::Ended), Again::Nothing);
    assert_eq!(again(&mut closed("ada"), Welcome::Dismissed), Again::Restarts);
    assert_eq!(again(&mut closed(""), Welcome::Returning), Again::Nothing);
    let another = again(&mut closed("eve"), Welcome::Returning);
    assert_eq!(another, Again::Restarts, "somebody else has closed it");
}

#[test]
fn an_end_for_this_device_is_forgiven_by_a_later_call_alone() {
    let ended = |targeted| Subscription {
        state: State::Ended,
        targeted: ended_at(targeted),
        ..active(&shard())
    };
    assert_eq!(again(&mut ended(4), Welcome::Returning), Again::Nothing);
    assert_eq!(again(&mut ended(6), Welcome::Ended), Again::Nothing, "it came later");
    let mut row = ended(4);
    assert_eq!(again(&mut row, Welcome::Ended), Again::Restarts);
    assert_eq!(row.targeted, Targeted::default());
    let on_its_way = |targeted| Subscription { targeted: ended_at(targeted), ..active(&shard()) };
    assert_eq!(again(&mut on_its_way(4), Welcome::Returning), Again::Nothing);
    assert_eq!(again(&mut on_its_way(4), Welcome::Ended), Again::Restarts);
}

#[test]
fn a_device_holds_its_run_until_it_leaves() {
    let shard = shard();
    assert!(active(&shard).holds_its_run() && pending_start(&shard).holds_its_run());
    assert!(Subscription { state: State::Dismissed, ..active(&shard) }.holds_its_run());
    assert!(!left(active(&shard)).holds_its_run());
    for state in [State::Ended, State::Unreachable, State::Invalidated] {
        assert!(!Subscription { state, ..active(&shard) }.holds_its_run());
    }
}

#[test]
fn what_the_provider_asked_to_wait_for_is_still_waited_for() {
    let waits = Exception { not_before: Some(at(60)), ..Exception::default() };
    let mut row = Subscription { exception: Some(waits), ..left(active(&shard())) };
    again(&mut row, Welcome::Returning);
    assert_eq!(row.exception.expect("an exception").not_before, Some(at(60)));
}
