//! What the app asks Tidings when it may have missed something, and how it obeys.
//!
//! May import `clock`, `proto` and the rest of `simulator`. An answer is no newer than what the app has seen meanwhile:
//! only a later revision changes the screen, and what the person has closed is not shown again.

use super::super::super::hub::Hub;
use super::super::super::stamp;
use super::super::app::{Call, request_id};
use super::super::card::{Card, Closing};
use super::super::state::State;
use crate::clock::Time;
use crate::proto::simulator_v1::{CardState, CloseCause, Shown, ShownBy};
use crate::proto::v1::{
    CardAction, MissingCard, ScreenCard, SubscriptionState, SyncDeviceRequest, SyncDeviceResponse,
    SyncedCard,
};

impl State {
    /// Has the app ask what should be on its screen.
    pub(in super::super) fn ask_all(&mut self) {
        if self.running && !self.holding {
            self.outbox.push(Call::Sync);
        }
    }

    /// All that the app knows, as it is told to Tidings.
    pub(in super::super) fn all_known(&self) -> SyncDeviceRequest {
        let living = self.cards.iter().filter(|card| card.lives());
        let named = living.filter(|card| !card.seen.activity_id.is_empty());
        let cards = named.map(|card| ScreenCard {
            activity_id: card.seen.activity_id.clone(),
            run: (card.seen.run > 0).then_some(card.seen.run),
            revision: (card.seen.revision > 0).then_some(card.seen.revision),
            device_activity_id: card.name_of_the_app(),
        });
        let tokens = self.registration("").into_iter().map(|mut token| {
            token.request_id.clear();
            token.device_id.clear();
            token
        });
        SyncDeviceRequest {
            request_id: request_id(),
            device_id: self.spec.device_id.clone(),
            notifications_permission: Some(self.notifications_enabled),
            tokens: tokens.collect(),
            cards: cards.collect(),
            ..SyncDeviceRequest::default()
        }
    }

    /// Does what Tidings says of each card, and shows what is missing.
    pub(in super::super) fn obey(&mut self, answer: &SyncDeviceResponse, (now, hub): (Time, &Hub)) {
        for said in &answer.cards {
            let mut cards = self.cards.iter();
            let fits = |card: &&Card| {
                let seen = &card.seen;
                card.lives()
                    && seen.activity_id == said.activity_id
                    && (said.run == 0 || seen.run == 0 || seen.run == said.run)
            };
            let Some(card_id) = cards.find(fits).map(|card| card.seen.card_id.clone()) else {
                continue;
            };
            self.obey_card(&card_id, said, (now, hub));
        }
        for missing in &answer.missing {
            self.show_missing(missing, now);
        }
    }

    fn obey_card(&mut self, card_id: &str, said: &SyncedCard, (now, hub): (Time, &Hub)) {
        let Some(card) = self.card(card_id) else { return };
        let is_newer = said.revision > card.seen.revision && !said.content_state_json.is_empty();
        if is_newer && said.action() != CardAction::Keep {
            card.show(by_app(&said.content_state_json, said.revision, now));
            card.stale_at = said.stale_time.as_ref().map(super::super::super::time);
            let run = card.seen.run;
            if let Some(android) = &mut self.android {
                android.remember(&said.activity_id, run, said.revision);
            }
        }
        if said.action() == CardAction::End {
            let gone_at = said.dismiss_time.as_ref().map(super::super::super::time);
            let gone_at = gone_at.unwrap_or(now).max(now);
            let closing = Closing { cause: CloseCause::App, state: CardState::Ended, gone_at };
            self.close(card_id, &closing, now, hub);
        }
    }

    /// Posts what should be on the screen, unless a start is on its way or the app knows better.
    fn show_missing(&mut self, missing: &MissingCard, now: Time) {
        let Some(subscription) = &missing.subscription else { return };
        let shows = matches!(
            subscription.state(),
            SubscriptionState::Active | SubscriptionState::Unreachable
        );
        let (id, run) = (&subscription.activity_id, subscription.run);
        let on_screen = self.cards.iter().any(|card| card.lives() && card.seen.activity_id == *id);
        let mut templates = self.spec.templates.iter();
        let template =
            templates.find(|template| template.activity_type == missing.activity_type).cloned();
        let (Some(template), Some(android)) = (template, &mut self.android) else { return };
        let closed = android
            .known(id)
            .is_some_and(|known| known.run > run || (known.run == run && known.over.is_some()));
        if !shows || on_screen || closed || !self.notifications_enabled {
            return;
        }
        android.remember(id, run, subscription.wanted_revision);
        let presentation = android.presentation(self.enabled);
        let mut card = Card::new(&template, missing.attributes_json.clone(), now);
        card.seen.activity_id.clone_from(id);
        card.seen.run = run;
        card.seen.set_presentation(presentation);
        card.stale_at = missing.stale_time.as_ref().map(super::super::super::time);
        card.show(by_app(&missing.content_state_json, subscription.wanted_revision, now));
        self.add_card(card);
    }
}

fn by_app(content_json: &str, revision: i64, now: Time) -> Shown {
    Shown {
        content_json: content_json.to_owned(),
        time: Some(stamp(now)),
        by: ShownBy::App.into(),
        revision,
        ..Shown::default()
    }
}
