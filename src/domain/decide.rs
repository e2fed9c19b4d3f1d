//! What is done for a member now: what it needs, and whether there is a token that the push can go by.
//!
//! May import rows and rules. The dispatcher sends by this decision and an explanation tells it, so that both never
//! differ.

use super::close::Lost;
use super::device::Device;
use super::plan::{self, Kind, Next, Plan, Present, Wanted};
use super::shard::Shard;
use super::subscription::Subscription;
use super::token::Token;
use crate::clock::Time;

/// The tokens that a push to a member may go by.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// That of its card.
    pub card: Option<Token>,
    /// That of its second card.
    pub second: Option<Token>,
    /// The good one that a start goes by, in the world of the shard.
    pub start: Option<Token>,
    /// The good one for ordinary notifications.
    pub notification: Option<Token>,
}

/// What is done for a member.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub enum Decision {
    /// Nothing, until something changes.
    Nothing,
    /// Nothing before this time.
    Wait(Time),
    /// This push, by this token.
    Send(Plan, Token),
    /// This push is not possible: the member has lost something.
    GiveUp(Option<Kind>, Lost),
}

/// Decides what is done for the member now.
pub fn decide(
    (subscription, device): (&Subscription, &Device),
    shard: &Shard,
    wanted: &Wanted,
    tokens: Tokens,
    present: Present,
) -> Decision {
    let plan = match plan::next(subscription, shard, wanted, present) {
        Next::Nothing => return Decision::Nothing,
        Next::Wait(until) => return Decision::Wait(until),
        Next::Over => return Decision::GiveUp(None, Lost::Run),
        Next::TooLate => return Decision::GiveUp(Some(Kind::Start), Lost::Moment),
        Next::NoToken => return Decision::GiveUp(None, Lost::Patience),
        Next::Send(plan) => plan,
    };
    let token = match plan.kind {
        _ if shard.place.route.shares_token() => tokens.start,
        Kind::Start => tokens.start,
        Kind::Update | Kind::End => tokens.card,
        Kind::CloseSecond => tokens.second,
        Kind::Fallback => tokens.notification,
    };
    let token = token.filter(|_| plan.kind != Kind::Fallback || device.shows_notifications());
    match token.filter(Token::is_good) {
        Some(token) => Decision::Send(Plan { token: Some(token.id), ..plan }, token),
        None => Decision::GiveUp(Some(plan.kind), lost(plan.kind)),
    }
}

fn lost(kind: Kind) -> Lost {
    match kind {
        Kind::CloseSecond => Lost::SecondToken,
        Kind::Fallback => Lost::FallbackToken,
        Kind::Start | Kind::Update | Kind::End => Lost::Token,
    }
}

/// A shard that is behind waits as a whole until the clock has passed the stamp that its members have in common.
pub fn postponed(shard: &Shard, is_behind: bool, present: Present) -> Option<Time> {
    let free = plan::free_at(shard.last_stamp, present);
    (is_behind && free > present.now).then_some(free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{
        NOW_S, active, device, pending_start, present, shard, token, update, wanted,
    };

    #[test]
    fn a_push_goes_by_the_token_of_its_kind_or_not_at_all() {
        let shard = shard();
        let run = wanted(update(2), Vec::new());
        let (card, start) = (token(crate::domain::ids::TokenId::generate()), None);
        let tokens = Tokens { card: Some(card.clone()), start, ..Tokens::default() };
        let of = |subscription: &Subscription| {
            decide((subscription, &device("ada")), &shard, &run, tokens.clone(), present())
        };
        let Decision::Send(plan, by) = of(&active(&shard)) else { panic!("no push") };
        assert_eq!((plan.kind, plan.token, by.id), (Kind::Update, Some(card.id), card.id));
        let none = of(&pending_start(&shard));
        assert!(matches!(none, Decision::GiveUp(Some(Kind::Start), Lost::Token)), "{none:?}");
    }

    #[test]
    fn a_dead_token_is_none() {
        let shard = shard();
        let run = wanted(update(2), Vec::new());
        let mut dead = token(crate::domain::ids::TokenId::generate());
        dead.invalid = Some((crate::domain::samples::NOW, "Unregistered".to_owned()));
        let tokens = Tokens { card: Some(dead), ..Tokens::default() };
        let of_dead = decide((&active(&shard), &device("ada")), &shard, &run, tokens, present());
        assert!(matches!(of_dead, Decision::GiveUp(Some(Kind::Update), Lost::Token)));
    }

    #[test]
    fn only_a_shard_that_is_behind_waits_for_its_second() {
        let shard = Shard { last_stamp: NOW_S, ..shard() };
        assert!(postponed(&shard, true, present()).is_some());
        assert_eq!(postponed(&shard, false, present()), None);
    }
}
