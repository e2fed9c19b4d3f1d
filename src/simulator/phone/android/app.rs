//! What the app on an Android phone says to Tidings: its registration, and the activities that it started itself.
//!
//! May import `clock`, `proto` and the rest of `simulator`.

use super::super::app::{Call, request_id};
use super::super::state::State;
use super::Android;
use crate::proto::simulator_v1::TokenProgress;
use crate::proto::v1::{RegisterTokenRequest, TokenKind};

impl Android {
    fn token_kind(&self) -> TokenKind {
        if self.registers_fid { TokenKind::FcmInstallationId } else { TokenKind::FcmToken }
    }
}

impl State {
    /// Has the app register its registration, if it runs and does not keep it back.
    pub(in super::super) fn register_app(&mut self, replaces: String) {
        if self.running && !self.holding {
            self.outbox.push(Call::Registration { replaces });
        }
    }

    /// Has the app register an activity that it started itself, unless that is done.
    pub(in super::super) fn introduce(&mut self, card_id: &str) {
        let may = self.running && !self.holding;
        let Some(card) = self.card(card_id) else { return };
        if !card.seen.started_by_app || card.known {
            return;
        }
        let progress = if may { TokenProgress::Registering } else { TokenProgress::Held };
        card.seen.set_token_progress(progress);
        if may {
            let (card_id, replaces) = (card_id.to_owned(), String::new());
            self.outbox.push(Call::CardToken { card_id, replaces });
        }
    }

    /// Tidings has named an activity that the app started itself: from now on messages are told by that name.
    pub(in super::super) fn named(&mut self, card_id: &str) {
        let Some(card) = self.card(card_id) else { return };
        let (activity_id, run) = (card.seen.activity_id.clone(), card.seen.run);
        let (lives, cause) = (card.lives(), card.seen.close_cause());
        let Some(android) = &mut self.android else { return };
        if android.known(&activity_id).is_none_or(|known| known.run < run) {
            let run = if android.sendora_keys { 0 } else { run };
            android.remember(&activity_id, run, 0);
        }
        if !lives {
            android.closed(&activity_id, run, cause);
        }
    }

    /// The registration of the app, as it is told to Tidings.
    pub(in super::super) fn registration(&self, replaces: &str) -> Option<RegisterTokenRequest> {
        let android = self.android.as_ref().filter(|android| !android.registration.is_empty())?;
        Some(RegisterTokenRequest {
            request_id: request_id(),
            device_id: self.spec.device_id.clone(),
            kind: android.token_kind().into(),
            token: android.registration.clone(),
            replaces: replaces.to_owned(),
            ..RegisterTokenRequest::default()
        })
    }

    /// The same with an activity that the app started itself.
    pub(in super::super) fn introduction(&self, card_id: &str) -> Option<RegisterTokenRequest> {
        let mut cards = self.cards.iter();
        let seen = &cards.find(|card| card.seen.card_id == card_id)?.seen;
        Some(RegisterTokenRequest {
            activity_type: seen.activity_type.clone(),
            activity_id: seen.activity_id.clone(),
            run: (seen.run > 0).then_some(seen.run),
            device_activity_id: card_id.to_owned(),
            attributes_json: Some(seen.attributes_json.clone()),
            content_state_json: Some(seen.content_json.clone()),
            ..self.registration("")?
        })
    }
}
