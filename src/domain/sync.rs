//! What becomes of a card that an app sees on its screen: it stays, shows something newer, or ends. May import
//! `subscription` and `targeted`. Invariant: a card never gets what is older than what it shows.

use super::plan::STARTS_MAX;
use super::revision::Number;
use super::shard::Shard;
use super::subscription::{Cause, Reason, State, Subscription};
use crate::clock::Time;
use serde::{Deserialize, Serialize};

/// A card on a screen, as its app sees it.
#[derive(Clone, Copy, Debug)]
pub struct OnScreen<'a> {
    /// `ActivityKit`'s id of it, where the app says it.
    pub device_activity_id: Option<&'a str>,
    /// What it shows, where the app knows.
    pub revision: Option<Number>,
    /// The card that the subscription follows is on the screen too.
    pub beside_the_followed: bool,
}

/// The newest that everyone should show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub number: Number,
    /// It is the end.
    pub ends: bool,
}

/// What the app is to do with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Nothing.
    Keep,
    /// Show the newest content.
    Update,
    /// End it.
    End,
}

/// The revision that the subscription should show, and whether it is an end.
pub fn wanted(subscription: &Subscription, newest: Newest) -> Newest {
    let number = subscription.targeted.wanted(newest.number);
    let ends = subscription.targeted.end > 0 || newest.ends && number == newest.number;
    Newest { number, ends }
}

/// The app says that a card is not on its screen which it was started for long ago and never brought a token of: nobody
/// keeps that start for it any more, so it is made once more. Says whether the subscription changes.
pub fn start_again(subscription: &mut Subscription, shard: &Shard, now: Time) -> bool {
    let is_lost = match subscription.state {
        State::PendingToken => subscription.reason == Some(Reason::NoUpdateToken),
        State::PendingStart => subscription.reason == Some(Reason::StartUnknown),
        _ => false,
    };
    let may_be_repeated = is_lost && subscription.starts_begun < STARTS_MAX;
    if !may_be_repeated || subscription.closing || subscription.place.route.repeats_starts() {
        return false;
    }
    let exception = subscription.touch(shard, now);
    exception.delivered = 0;
    (exception.failed, exception.attempts, exception.retry_at) = (0, 0, None);
    subscription.asked_at = now;
    subscription.card.shown_since = None;
    subscription.start_doubt_until = None;
    subscription.turn(State::PendingStart, None, Cause::Device);
    true
}

/// Judges a card of a subscription.
pub fn judge(
    subscription: &Subscription,
    shard: &Shard,
    newest: Newest,
    card: OnScreen<'_>,
) -> Verdict {
    let wanted = wanted(subscription, newest);
    let id = card.device_activity_id;
    let second = subscription.second.as_ref().and_then(|card| card.device_activity_id.as_deref());
    let is_other = id.is_some()
        && (second == id
            || subscription.closed_card.as_deref() == id
            || card.beside_the_followed && !subscription.card.is(id));
    let is_over = matches!(subscription.state, State::Dismissed | State::Ended);
    if wanted.ends || subscription.closing || is_over || is_other {
        return Verdict::End;
    }
    let shown = card.revision.unwrap_or_else(|| subscription.delivered(shard));
    if wanted.number > shown { Verdict::Update } else { Verdict::Keep }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{NOW, active, pending_start, second, shard};

    const NEWEST: Newest = Newest { number: 3, ends: false };

    fn card(id: Option<&str>, revision: Option<Number>) -> OnScreen<'_> {
        OnScreen { device_activity_id: id, revision, beside_the_followed: false }
    }

    #[test]
    fn a_card_gets_what_is_newer_than_it_shows_and_never_what_is_older() {
        let shard = shard();
        let row = active(&shard);
        let judged = |revision| judge(&row, &shard, NEWEST, card(Some("A"), revision));
        assert_eq!(judged(Some(2)), Verdict::Update);
        assert_eq!((judged(Some(3)), judged(Some(4))), (Verdict::Keep, Verdict::Keep));
        assert_eq!(judged(None), Verdict::Update, "what was delivered stands for what it shows");
        let mut for_it = row.clone();
        for_it.targeted.update = 5;
        assert_eq!(judge(&for_it, &shard, NEWEST, card(None, Some(4))), Verdict::Update);
    }

    #[test]
    fn what_is_over_or_not_followed_is_ended() {
        let shard = shard();
        let ends = |change: &dyn Fn(&mut Subscription), id: Option<&str>| {
            let mut row = active(&shard);
            change(&mut row);
            judge(&row, &shard, NEWEST, card(id, Some(9))) == Verdict::End
        };
        assert!(!ends(&|_| {}, Some("A")));
        assert!(ends(&|row| row.state = State::Dismissed, Some("A")), "the person closed it");
        assert!(ends(&|row| row.state = State::Ended, Some("A")));
        assert!(ends(&|row| row.closing = true, Some("A")), "another person has the device");
        assert!(ends(&|row| row.targeted.end = 2, Some("A")), "it was ended for itself");
        assert!(ends(&|row| row.second = Some(second()), Some("B")), "a second card");
        assert!(!ends(&|row| row.second = Some(second()), Some("A")), "the one that is followed");
        assert!(ends(&|row| row.closed_card = Some("C".to_owned()), Some("C")));
        let row = active(&shard);
        let end = Newest { number: 3, ends: true };
        assert_eq!(judge(&row, &shard, end, card(None, None)), Verdict::End, "the run is over");
    }

    #[test]
    fn of_two_cards_on_the_screen_the_followed_one_stays() {
        let shard = shard();
        let row = active(&shard);
        let beside = |id| OnScreen { beside_the_followed: true, ..card(Some(id), Some(3)) };
        assert_eq!(judge(&row, &shard, NEWEST, beside("X")), Verdict::End);
        assert_eq!(judge(&row, &shard, NEWEST, beside("A")), Verdict::Keep);
        let alone = card(Some("X"), Some(3));
        assert_eq!(judge(&row, &shard, NEWEST, alone), Verdict::Keep, "its token may follow");
    }

    #[test]
    fn what_was_lost_on_its_way_is_started_once_more_where_the_app_misses_it() {
        let shard = shard();
        let lost = |state, reason, starts_begun| Subscription {
            state,
            reason: Some(reason),
            starts_begun,
            ..pending_start(&shard)
        };
        for (state, reason) in [
            (State::PendingToken, Reason::NoUpdateToken),
            (State::PendingStart, Reason::StartUnknown),
        ] {
            let mut row = lost(state, reason.clone(), 1);
            assert!(start_again(&mut row, &shard, NOW));
            assert_eq!((row.state, row.reason.clone()), (State::PendingStart, None));
            assert_eq!((row.starts_begun, row.asked_at), (1, NOW), "the first one counts");
            let mut twice = lost(state, reason.clone(), STARTS_MAX);
            assert!(!start_again(&mut twice, &shard, NOW), "never a third time");
            let mut leaves = Subscription { closing: true, ..lost(state, reason, 1) };
            assert!(!start_again(&mut leaves, &shard, NOW));
        }
        let waits =
            Subscription { state: State::PendingToken, starts_begun: 1, ..pending_start(&shard) };
        assert!(!start_again(&mut waits.clone(), &shard, NOW), "Apple may still bring it");
    }
}
