//! What the dispatcher would do for a device at this moment, in words. It is the dispatcher's own decision, taken on
//! the same rows.

use super::when::when;
use super::{Case, Standing};
use crate::clock::Time;
use crate::domain::close::Lost;
use crate::domain::decide::Decision;
use crate::domain::plan::{Kind, Plan};
use crate::domain::subscription::{State, Subscription};

/// What would be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    /// Nothing, until something changes.
    Nothing(State),
    /// Nothing, unless nothing else has happened by this time.
    Rest(State, Time),
    /// Nothing before this time.
    Wait(Time),
    /// Nothing of the run is marked yet; it is in a moment.
    NotMarked,
    /// This push.
    Send(Plan),
    /// No push is possible: this is lost.
    GiveUp(Option<Kind>, Lost),
    /// The device does not have the run.
    NotSubscribed,
}

/// Says what would be done now.
pub(super) fn now(case: &Case<'_>) -> Now {
    let Some(Standing { subscription, decision, .. }) = &case.standing else {
        return Now::NotSubscribed;
    };
    match decision {
        None => Now::NotMarked,
        Some(Decision::Nothing) => Now::Nothing(subscription.state),
        Some(Decision::Wait(until)) if rests(subscription, *until) => {
            Now::Rest(subscription.state, *until)
        }
        Some(Decision::Wait(until)) => Now::Wait(*until),
        Some(Decision::Send(plan, _)) => Now::Send(plan.clone()),
        Some(Decision::GiveUp(kind, lost)) => Now::GiveUp(*kind, *lost),
    }
}

/// It waits for its app or for its age, not for a push.
fn rests(subscription: &Subscription, until: Time) -> bool {
    let is_of_age = subscription.card_ends_at() == Some(until);
    subscription.state == State::PendingToken || subscription.state == State::Active && is_of_age
}

impl Now {
    /// The push that it is about.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Now::Send(plan) => Some(plan.kind),
            Now::GiveUp(kind, _) => *kind,
            _ => None,
        }
    }

    /// The decision in a sentence.
    pub fn text(&self, now: Time) -> String {
        match self {
            Now::Nothing(state) => format!("Nothing is sent: {}.", idle(*state)),
            Now::Rest(state @ State::Active, until) => {
                let at = when(*until, now);
                format!("Nothing is sent: {}. The card is ended at {at}.", idle(*state))
            }
            Now::Rest(state, until) => {
                let at = when(*until, now);
                format!("Nothing is sent: {}. It is awaited until {at}.", idle(*state))
            }
            Now::Wait(until) => {
                format!(
                    "Nothing is sent for the moment; it is looked at again at {}.",
                    when(*until, now)
                )
            }
            Now::NotMarked => "Nothing is sent yet: the run was accepted a moment ago.".to_owned(),
            Now::Send(plan) => sends(plan),
            Now::GiveUp(_, lost) => match lost {
                Lost::Run => {
                    "No push is made: the run is over before it was started here.".to_owned()
                }
                Lost::Moment => {
                    "No start is made: `deliver_until` is over, and it would come too late."
                        .to_owned()
                }
                Lost::Patience => {
                    "Nothing is sent: the app has not registered its update token in time."
                        .to_owned()
                }
                Lost::Token => "No push is made: there is no good token for it.".to_owned(),
                Lost::SecondToken => {
                    "No push is made: the second card has no good token.".to_owned()
                }
                Lost::FallbackToken => {
                    "No notification is sent: there is no good token for one, or the person allows \
                     none."
                        .to_owned()
                }
            },
            Now::NotSubscribed => "Nothing is sent: the device does not have this run.".to_owned(),
        }
    }
}

fn sends(plan: &Plan) -> String {
    let Plan { revision, alert, attempt, .. } = plan;
    let what = match plan.kind {
        Kind::Start => format!("A start with revision {revision}"),
        Kind::Update => format!("An update to revision {revision}"),
        Kind::End => format!("The end, with revision {revision},"),
        Kind::CloseSecond => "The end of the second card".to_owned(),
        Kind::Fallback => "An ordinary notification instead of a card".to_owned(),
    };
    let alert = match alert {
        _ if plan.kind == Kind::Fallback => String::new(),
        0 => ", in silence".to_owned(),
        alert => format!(", with the alert of revision {alert}"),
    };
    let again = if *attempt > 1 { format!(", try {attempt}") } else { String::new() };
    format!("{what} is sent at once{alert}{again}.")
}

fn idle(state: State) -> &'static str {
    match state {
        State::PendingStart => "no further start is made until the device speaks up",
        State::PendingToken => "the app has to register its update token first",
        State::Active => {
            "the provider accepted what the device should show, or refused it for good"
        }
        State::Dismissed => "the person has closed the card",
        State::Ended => "it is over here",
        State::Invalidated => "the update token is dead",
        State::Unreachable => "there is no way to start it here",
    }
}
