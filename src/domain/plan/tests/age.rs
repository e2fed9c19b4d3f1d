//! What time alone makes of a subscription: cards grow old, starts come too late, tokens never come.

use super::*;
use crate::domain::lifetime::DELIVER_FOR;
use crate::domain::subscription::CARD_LIFE;

const HOUR: i64 = 3_600;

fn shown_since(seconds: i64, shard: &Shard) -> Subscription {
    let mut row = active(shard);
    row.card.shown_since = Some(at(seconds));
    row
}

fn asked_since(seconds: i64, shard: &Shard) -> Subscription {
    Subscription { asked_at: at(seconds), ..pending_start(shard) }
}

#[test]
fn a_card_is_ended_before_the_system_would_end_it_with_the_newest_state() {
    let shard = shard();
    let current = wanted(update(1), Vec::new());
    let young = shown_since(-HOUR, &shard);
    let too_old_at = young.card_ends_at().unwrap();
    assert_eq!(too_old_at, at(-HOUR) + CARD_LIFE);
    assert_eq!(next(&young, &shard, &current, present()), Next::Wait(too_old_at));
    let old = shown_since(-8 * HOUR, &shard);
    let plan = push(next(&old, &shard, &current, present()));
    assert_eq!((plan.kind, plan.revision, plan.ends), (Kind::End, 1, Ends::CardTooOld));
    let behind = push(next(&old, &shard, &wanted(update(5), Vec::new()), present()));
    assert_eq!((behind.kind, behind.revision), (Kind::End, 5), "the last state that there is");
    assert_eq!(plan.ends.reason(), Some(Reason::CardTooOld));
    assert_eq!(plan.ends.cause(), Cause::Sweeper);
}

#[test]
fn what_somebody_ended_is_not_said_to_be_too_old() {
    let shard = shard();
    let old = shown_since(-8 * HOUR, &shard);
    let plan = push(next(&old, &shard, &wanted(end(2), Vec::new()), present()));
    assert_eq!((plan.ends, plan.ends.cause()), (Ends::Asked, Cause::Caller));
    let expired = Wanted { has_expired: true, ..wanted(end(2), Vec::new()) };
    let plan = push(next(&active(&shard), &shard, &expired, present()));
    assert_eq!((plan.ends, plan.ends.cause()), (Ends::RunExpired, Cause::Sweeper));
    assert_eq!(plan.ends.reason(), None);
}

#[test]
fn a_card_that_an_app_draws_by_itself_grows_as_old_as_it_likes() {
    let shard = shard();
    let mut row = android(shown_since(-20 * HOUR, &shard));
    row.card.token = None;
    assert_eq!(row.card_ends_at(), None);
    let plan = push(next(&row, &shard, &wanted(update(2), Vec::new()), present()));
    assert_eq!(plan.kind, Kind::Update);
}

#[test]
fn an_end_of_an_old_card_that_was_refused_for_good_is_not_asked_for_again_and_again() {
    let shard = shard();
    let mut row = shown_since(-8 * HOUR, &shard);
    row.exception = Some(Exception { failed: 1, retry_at: None, ..exception(&shard) });
    assert_eq!(next(&row, &shard, &wanted(update(1), Vec::new()), present()), Next::Nothing);
}

#[test]
fn a_start_is_made_as_long_as_it_is_worth_it_and_then_given_up() {
    let shard = shard();
    let current = wanted(update(1), Vec::new());
    let in_time = asked_since(1 - HOUR, &shard);
    assert_eq!(current.deliver_until(&in_time), at(1 - HOUR) + DELIVER_FOR);
    assert_eq!(push(next(&in_time, &shard, &current, present())).kind, Kind::Start);
    let late = asked_since(-HOUR, &shard);
    assert_eq!(next(&late, &shard, &current, present()), Next::TooLate);
    let unknown = Subscription { reason: Some(Reason::StartUnknown), ..late.clone() };
    assert_eq!(next(&unknown, &shard, &current, present()), Next::Nothing, "said already");
    let over = wanted(end(2), Vec::new());
    assert_eq!(next(&late, &shard, &over, present()), Next::Over, "the end says more");
}

#[test]
fn a_token_is_awaited_as_long_as_the_start_is_kept_for_its_device() {
    let shard = shard();
    let current = wanted(update(1), Vec::new());
    let waiting = |seconds| Subscription {
        state: State::PendingToken,
        starts_begun: 1,
        ..asked_since(seconds, &shard)
    };
    let fresh = next(&waiting(0), &shard, &current, present());
    assert_eq!(fresh, Next::Wait(NOW + DELIVER_FOR));
    assert_eq!(next(&waiting(-HOUR), &shard, &current, present()), Next::NoToken);
    let said = Subscription { reason: Some(Reason::NoUpdateToken), ..waiting(-HOUR) };
    assert_eq!(next(&said, &shard, &current, present()), Next::Nothing, "said already");
    let over = next(&waiting(-HOUR), &shard, &wanted(end(2), Vec::new()), present());
    assert_eq!(over, Next::Nothing, "nobody misses an update any more");
}
