//! A card on a phone's screen: what can be seen of it, what only the system knows, and how its life ends.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Invariant: a closed card never lives again.

use super::super::stamp;
use super::template;
use crate::clock::Time;
use crate::proto::simulator_v1::{
    self as proto, CardState, CloseCause, Presentation, Template, TokenProgress,
};
use uuid::Uuid;

/// How many states a card remembers.
const SHOWN_MAX: usize = 1_000;

/// A card: what can be seen of it, and what only the system knows.
pub(super) struct Card {
    pub(super) seen: proto::Card,
    pub(super) template: Template,
    /// The newest timestamp shown, in seconds.
    pub(super) timestamp: i64,
    pub(super) started_at: Time,
    pub(super) stale_at: Option<Time>,
    pub(super) gone_at: Option<Time>,
    pub(super) token_at: Time,
    /// The app has registered the card before, so Tidings knows its data.
    pub(super) known: bool,
    /// The app has said that the card has ended or was closed.
    pub(super) told: bool,
}

/// How a card's life ends.
pub(super) struct Closing {
    pub(super) cause: CloseCause,
    pub(super) state: CardState,
    pub(super) gone_at: Time,
}

impl Card {
    /// A card that shows nothing yet; its attributes say whose it is.
    pub(super) fn new(template: &Template, attributes: String, now: Time) -> Self {
        let (activity_id, run) = template::identity(template, &attributes);
        let seen = proto::Card {
            card_id: Uuid::new_v4().hyphenated().to_string().to_uppercase(),
            activity_type: template.activity_type.clone(),
            activity_id,
            run,
            state: CardState::Active.into(),
            presentation: Presentation::LiveActivity.into(),
            attributes_json: attributes,
            start_time: Some(stamp(now)),
            ..proto::Card::default()
        };
        Card {
            seen,
            template: template.clone(),
            timestamp: i64::MIN,
            started_at: now,
            stale_at: None,
            gone_at: None,
            token_at: now,
            known: false,
            told: false,
        }
    }

    /// It takes updates.
    pub(super) fn lives(&self) -> bool {
        matches!(self.seen.state(), CardState::Active | CardState::Stale)
    }

    /// The id by which the app knows it. On Android only what the app started itself has one.
    pub(super) fn name_of_the_app(&self) -> String {
        let named =
            self.seen.started_by_app || self.seen.presentation() == Presentation::LiveActivity;
        if named { self.seen.card_id.clone() } else { String::new() }
    }

    /// A person can see it.
    pub(super) fn on_screen(&self) -> bool {
        self.lives() || self.seen.state() == CardState::Ended
    }

    /// Shows a state.
    pub(super) fn show(&mut self, shown: proto::Shown) {
        self.seen.content_json.clone_from(&shown.content_json);
        self.seen.revision = self.seen.revision.max(shown.revision);
        if self.seen.shown.len() >= SHOWN_MAX {
            self.seen.shown.remove(0);
        }
        self.seen.shown.push(shown);
    }

    /// Takes it off the screen without a word of the app.
    pub(super) fn leave(&mut self, cause: CloseCause, now: Time) {
        self.seen.set_state(CardState::Gone);
        self.seen.set_close_cause(cause);
        self.seen.end_time.get_or_insert_with(|| stamp(now));
        self.gone_at = Some(now);
        self.told = true;
    }

    /// The app keeps the token back, or begins to register it.
    pub(super) fn set_progress(&mut self, progress: TokenProgress) {
        if !self.seen.update_token.is_empty() {
            self.seen.set_token_progress(progress);
        }
    }

    /// What can be seen from outside.
    pub(super) fn view(&self) -> proto::Card {
        proto::Card {
            on_screen: self.on_screen(),
            gone_time: self.gone_at.map(stamp),
            ..self.seen.clone()
        }
    }
}
