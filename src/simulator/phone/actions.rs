//! What happens to a phone besides pushes: the person, the app and the system act on it.
//!
//! May import `clock`, `proto` and the rest of `simulator`. An action that is refused changes nothing.

use super::super::apns::registry::Kind;
use super::super::hub::Hub;
use super::super::stamp;
use super::app::Call;
use super::card::{Card, Closing};
use super::state::State;
use super::{Phone, Refusal, activity_kit, template};
use crate::clock::Time;
use crate::proto::simulator_v1::{
    CardState, CloseCause, DropReason, RotateTokenRequest, Shown, ShownBy, StartActivityRequest,
    TokenProgress,
};

impl Phone {
    /// The app starts an activity itself and registers its token; returns the card's id.
    pub fn start_activity(&self, request: &StartActivityRequest) -> Result<String, Refusal> {
        self.act(|state, now, hub| state.start_locally(request, now, hub))
    }

    /// The person swipes a card away: the named one, or the newest on the screen. Returns its id.
    pub fn dismiss(&self, card_id: &str) -> Result<String, Refusal> {
        self.act(|state, now, hub| {
            let mut cards = state.cards.iter().rev();
            let card = cards
                .find(|card| {
                    card.on_screen() && (card_id.is_empty() || card.seen.card_id == card_id)
                })
                .ok_or(Refusal::NotFound("such card on the screen"))?;
            let card_id = card.seen.card_id.clone();
            let closing =
                Closing { cause: CloseCause::Person, state: CardState::Dismissed, gone_at: now };
            state.close(&card_id, &closing, now, hub);
            Ok(card_id)
        })
    }

    /// The system replaces a token; returns the new one.
    pub fn rotate_token(&self, request: &RotateTokenRequest) -> Result<String, Refusal> {
        self.act(|state, now, hub| {
            if state.android.is_some() {
                state.rotate_registration(request, hub)
            } else if request.attributes_type.is_empty() {
                state.rotate_card(request, now, hub)
            } else {
                state.rotate_start(request, now, hub)
            }
        })
    }

    /// The app keeps tokens of cards back from now on.
    pub fn hold_tokens(&self) {
        self.act(|state, _, _| state.holding = true);
    }

    /// The app registers the tokens that it kept back, and keeps back no more.
    pub fn release_tokens(&self) {
        self.act(|state, _, _| {
            state.holding = false;
            if state.android.is_some() {
                state.register_app(String::new());
            }
            state.register_held();
        });
    }

    /// The network goes or comes; with it comes the push that APNs stored.
    pub fn set_online(&self, online: bool) {
        self.act(|state, now, hub| {
            state.online = online;
            if online {
                state.collect_pending(now, hub);
            }
            if !online {
                return;
            }
            let broadcasts = std::mem::take(&mut state.stored_broadcasts).into_values();
            for stored in state.stored.take().into_iter().chain(broadcasts) {
                if stored.expiration.is_some_and(|at| Time::from_seconds(at) <= now) {
                    let dropped = activity_kit::describe(&stored);
                    state.drop_push(dropped, DropReason::OfflineExpired, now);
                } else {
                    state.take(&stored, now, hub);
                }
            }
        });
    }

    /// The person allows or forbids Live Activities; forbidding closes the cards. On Android it is about Live Updates,
    /// and what is shown becomes an ongoing notification.
    pub fn set_activities_enabled(&self, enabled: bool) {
        self.act(|state, now, hub| {
            state.enabled = enabled;
            if let Some(android) = &state.android {
                for card in state.cards.iter_mut().filter(|card| card.lives()) {
                    card.seen.set_presentation(android.presentation(enabled));
                }
                return;
            }
            let live: Vec<String> = state
                .cards
                .iter()
                .filter(|card| !enabled && card.lives())
                .map(|card| card.seen.card_id.clone())
                .collect();
            for card_id in live {
                let (cause, gone_at) = (CloseCause::Person, now);
                let closing = Closing { cause, state: CardState::Dismissed, gone_at };
                state.close(&card_id, &closing, now, hub);
            }
            state.outbox.push(Call::Device);
            state.offer_start_tokens(hub);
        });
    }

    /// Another person logs in, or nobody where the key is empty.
    pub fn set_contact(&self, contact_key: &str) {
        self.act(|state, _, _| {
            state.spec.contact_key = Some(contact_key.to_owned());
            state.outbox.push(Call::Device);
        });
    }

    /// The person quits the app by force: it is not woken for tokens and says nothing until it is launched. Android
    /// takes the app's notifications away and lets no message reach it.
    pub fn force_quit(&self) {
        self.act(|state, now, _| {
            state.running = false;
            if let Some(android) = &mut state.android {
                android.was_stopped = true;
                for card in state.cards.iter_mut().filter(|card| card.on_screen()) {
                    card.leave(CloseCause::ForceStop, now);
                }
            }
        });
    }

    /// The person opens the app: it registers the device and every token that it has.
    pub fn launch(&self) {
        self.act(|state, _, hub| {
            state.running = true;
            state.outbox.push(Call::Device);
            if state.android.is_some() {
                state.offer_registration(hub);
            } else {
                state.offer_start_tokens(hub);
                state.offer_device_token();
            }
            state.register_held();
            let closed: Vec<String> = state
                .cards
                .iter()
                .filter(|card| !card.lives() && !card.told)
                .map(|card| card.seen.card_id.clone())
                .collect();
            for card_id in closed {
                state.report_closed(&card_id);
            }
            let android = state.android.as_mut();
            if android.is_some_and(|android| std::mem::take(&mut android.was_stopped)) {
                state.ask_all();
            }
        });
    }

    /// The app is deleted and installed again under another device id: cards and tokens are gone.
    pub fn reinstall(&self, device_id: &str) -> Result<(), Refusal> {
        if device_id.is_empty() {
            return Err(super::invalid("device_id"));
        }
        self.act(|state, now, hub| {
            for card in &mut state.cards {
                hub.registry().kill(&card.seen.update_token, now, "Unregistered");
                if card.on_screen() {
                    card.leave(CloseCause::Person, now);
                }
                // The new install knows nothing of it.
                card.told = true;
            }
            let mut tokens: Vec<String> =
                state.start_tokens.drain(..).map(|start| start.token).collect();
            tokens.push(std::mem::take(&mut state.device_token));
            for token in tokens {
                hub.registry().kill(&token, now, "Unregistered");
            }
            state.forget_install(hub);
            state.stored = None;
            device_id.clone_into(&mut state.spec.device_id);
        });
        self.launch();
        Ok(())
    }
}

impl State {
    fn start_locally(
        &mut self,
        request: &StartActivityRequest,
        now: Time,
        hub: &Hub,
    ) -> Result<String, Refusal> {
        let mut templates = self.spec.templates.iter();
        let template = templates
            .find(|template| template.activity_type == request.activity_type)
            .cloned()
            .ok_or(Refusal::NotFound("such template"))?;
        let forbidden = |detail: &str| Err(Refusal::Forbidden(detail.to_owned()));
        if self.android.is_none() && !self.enabled {
            return forbidden("the person forbids Live Activities");
        }
        if self.android.is_some() && !self.notifications_enabled {
            return forbidden("the person forbids notifications");
        }
        if !self.running {
            return forbidden("the app does not run");
        }
        if self.live_cards() >= hub.config.live_cards_max {
            return Err(Refusal::Limit("live activities of an app"));
        }
        let channel_id = &request.channel_id;
        let may_follow = self.android.is_none() && self.knows_channels();
        let is_there = channel_id.is_empty() || self.has_channel(channel_id, hub);
        if !is_there || (!may_follow && !channel_id.is_empty()) {
            return forbidden("the system knows no channels, or the app has no such channel");
        }
        template::decode(&template.attributes, Some(&request.attributes_json))
            .map_err(|wrong| Refusal::Invalid(format!("attributes_json: {wrong}")))?;
        template::decode(&template.content, Some(&request.content_json))
            .map_err(|wrong| Refusal::Invalid(format!("content_json: {wrong}")))?;
        let mut card = Card::new(&template, request.attributes_json.clone(), now);
        card.seen.started_by_app = true;
        card.seen.channel_id.clone_from(channel_id);
        if let Some(android) = &self.android {
            card.seen.set_presentation(android.presentation(self.enabled));
        }
        // A push of the same second is newer than what the app showed.
        card.timestamp = now.seconds() - 1;
        card.show(Shown {
            content_json: request.content_json.clone(),
            time: Some(stamp(now)),
            by: ShownBy::App.into(),
            ..Shown::default()
        });
        let card_id = card.seen.card_id.clone();
        self.add_card(card);
        if self.android.is_some() {
            self.introduce(&card_id);
        } else if channel_id.is_empty() {
            self.give_token(&card_id, String::new(), now, hub);
        }
        Ok(card_id)
    }

    fn rotate_card(
        &mut self,
        request: &RotateTokenRequest,
        now: Time,
        hub: &Hub,
    ) -> Result<String, Refusal> {
        let named = |id: &str| request.card_id.is_empty() || request.card_id == id;
        let mut cards = self.cards.iter().rev();
        let card = cards
            .find(|card| card.lives() && named(&card.seen.card_id))
            .ok_or(Refusal::NotFound("such living card"))?;
        let (card_id, old) = (card.seen.card_id.clone(), card.seen.update_token.clone());
        retire(&old, request.old_stays_accepted, now, hub);
        let replaces = if request.name_replaced { old } else { String::new() };
        self.give_token(&card_id, replaces, now, hub);
        let card = self.card(&card_id).ok_or(Refusal::NotFound("such card"))?;
        Ok(card.seen.update_token.clone())
    }

    fn rotate_start(
        &mut self,
        request: &RotateTokenRequest,
        now: Time,
        hub: &Hub,
    ) -> Result<String, Refusal> {
        let attributes_type = request.attributes_type.clone();
        let kind = Kind::PushToStart { attributes_type: attributes_type.clone() };
        let position = self
            .start_tokens
            .iter()
            .position(|known| known.attributes_type == attributes_type)
            .ok_or(Refusal::NotFound("such push-to-start token"))?;
        let token = self.issue(kind, hub).ok_or(Refusal::Limit("tokens"))?;
        let known = self.start_tokens.get_mut(position);
        let known = known.ok_or(Refusal::NotFound("such push-to-start token"))?;
        let old = std::mem::replace(&mut known.token, token.clone());
        retire(&old, request.old_stays_accepted, now, hub);
        let replaces = if request.name_replaced { old } else { String::new() };
        self.outbox.push(Call::StartToken { attributes_type, replaces });
        Ok(token)
    }

    /// Gets push-to-start tokens that are missing, and has the app register all of them.
    fn offer_start_tokens(&mut self, hub: &Hub) {
        self.give_first_tokens(hub);
        if !self.enabled {
            return;
        }
        for known in self.start_tokens.clone() {
            let (attributes_type, replaces) = (known.attributes_type, String::new());
            self.outbox.push(Call::StartToken { attributes_type, replaces });
        }
    }

    /// Has the app register the tokens of all living cards.
    fn register_held(&mut self) {
        let living: Vec<String> = self
            .cards
            .iter()
            .filter(|card| card.lives())
            .map(|card| card.seen.card_id.clone())
            .collect();
        for card_id in living {
            self.register_card(&card_id, String::new());
        }
    }

    /// Has the app register the token of a card, if it has one, runs and does not keep it back.
    pub(super) fn register_card(&mut self, card_id: &str, replaces: String) {
        if self.android.is_some() {
            return self.introduce(card_id);
        }
        if self.holding || !self.running {
            return;
        }
        let Some(card) = self.card(card_id) else { return };
        if card.seen.update_token.is_empty() {
            return;
        }
        card.set_progress(TokenProgress::Registering);
        self.outbox.push(Call::CardToken { card_id: card_id.to_owned(), replaces });
    }
}

fn retire(token: &str, stays_accepted: bool, now: Time, hub: &Hub) {
    let mut registry = hub.registry();
    if stays_accepted {
        registry.replace(token);
    } else {
        registry.kill(token, now, "Unregistered");
    }
}
