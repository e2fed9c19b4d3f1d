//! What ActivityKit makes of a push: the screen changes, or it does not and the log says why.
//! <https://developer.apple.com/documentation/activitykit/starting-and-updating-live-activities-with-activitykit-push-notifications>
//! <https://developer.apple.com/forums/thread/776165>
//!
//! May import `clock`, `proto` and the rest of `simulator`. APNs has answered 200 before any of this: a drop here is
//! invisible to the sender, and so must leave a reason.

use super::super::apns::registry::Kind;
use super::super::hub::Hub;
use super::super::stamp;
use super::card::{Card, Closing};
use super::payload::{Event, Payload, Unreadable};
use super::state::{AFTERLIFE_MAX, State};
use super::words::Strings;
use super::{Delivery, template};
use crate::clock::Time;
use crate::proto::simulator_v1::{
    CardState, CloseCause, Drop, DropReason, Shown, ShownBy, Template, TokenProgress,
};
use std::time::Duration;

/// How far ahead a timestamp may be.
const AHEAD_MAX: Duration = Duration::from_hours(8);
/// Static and dynamic data together.
const DATA_BYTES_MAX: usize = 4_096;

/// A push that was read, on its way to the screen.
struct Read<'a> {
    payload: &'a Payload,
    delivery: &'a Delivery,
    timestamp: i64,
    now: Time,
    hub: &'a Hub,
}

/// Why a push changes nothing, with the sentence for people.
pub(super) type Refused = (DropReason, String);

impl State {
    /// Takes a push that reached the phone.
    pub(super) fn take(&mut self, delivery: &Delivery, now: Time, hub: &Hub) {
        self.pushes_taken += 1;
        if delivery.kind == Kind::Device {
            if let Err((reason, detail)) = self.alert(delivery, now) {
                self.drop_push(Drop { detail, ..describe(delivery) }, reason, now);
            }
            return;
        }
        let read = Payload::read(&delivery.body, &self.spec.strings);
        let taken = read.map_err(explain).and_then(|payload| {
            let timestamp = check_timestamp(&payload, now)?;
            self.change(&Read { payload: &payload, delivery, timestamp, now, hub })
        });
        if let Err((reason, detail)) = taken {
            self.drop_push(Drop { detail, ..describe(delivery) }, reason, now);
        }
    }

    fn change(&mut self, push: &Read<'_>) -> Result<(), Refused> {
        match (&push.delivery.kind, push.payload.event) {
            _ if push.delivery.replaced => refuse(
                DropReason::TokenReplaced,
                "the system has given the app a newer token since",
            ),
            (Kind::PushToStart { attributes_type }, Event::Start) => {
                self.start(push, attributes_type)
            }
            (Kind::Update { card_id }, Event::Update) => self.update(push, card_id),
            (Kind::Update { card_id }, Event::End) => self.end(push, card_id),
            (Kind::Channel { channel_id }, Event::Update | Event::End) => {
                self.broadcast(push, channel_id)
            }
            _ => refuse(
                DropReason::WrongTokenKind,
                "starts go to push-to-start tokens, updates and ends to a card's token",
            ),
        }
    }

    fn start(&mut self, push: &Read<'_>, of_token: &str) -> Result<(), Refused> {
        let (payload, now) = (push.payload, push.now);
        let template = self.check_start(push, of_token)?;
        self.starts.push_back(now);
        let attributes = payload.attributes.clone().unwrap_or_default();
        let mut card = Card::new(&template, attributes, now);
        card.timestamp = push.timestamp;
        card.stale_at = payload.stale_at;
        card.seen.channel_id = payload.channel_id.clone().unwrap_or_default();
        card.show(push.shown(ShownBy::Start));
        let card_id = card.seen.card_id.clone();
        self.add_card(card);
        if payload.wants_token || !self.knows_channels() {
            self.give_token(&card_id, String::new(), now, push.hub);
        }
        Ok(())
    }

    /// The rules of a start by push, in no documented order; the first that is broken is named.
    fn check_start(&mut self, push: &Read<'_>, of_token: &str) -> Result<Template, Refused> {
        let payload = push.payload;
        if !self.can_start_by_push() {
            return refuse(DropReason::OsCannotStart, "the system is older than iOS 17.2");
        }
        if !self.enabled {
            return refuse(DropReason::ActivitiesDisabled, "the person forbids Live Activities");
        }
        if let Some(channel_id) = &payload.channel_id {
            if !self.knows_channels() {
                return refuse(DropReason::ChannelBeforeIos18, "channels came with iOS 18");
            }
            if !self.has_channel(channel_id, push.hub) {
                return refuse(DropReason::ChannelUnknown, "the app has no such channel");
            }
        }
        if payload.alert.is_none() {
            return refuse(DropReason::AlertMissing, "there is no alert with title and body");
        }
        let named = payload.attributes_type.as_deref().unwrap_or_default();
        let template = self.template_of(named).filter(|_| named == of_token).cloned();
        let Some(template) = template else {
            let detail = format!("the token starts `{of_token}`, the push `{named}`");
            return Err((DropReason::AttributesTypeUnknown, detail));
        };
        template::decode(&template.attributes, payload.attributes.as_deref())
            .map_err(|detail| (DropReason::AttributesUndecodable, detail))?;
        decode_content(&template, payload, payload.attributes.as_deref())?;
        let config = &push.hub.config;
        let (budget, window) = (config.start_budget, config.start_budget_window);
        let budget = self.spec.start_budget.map_or(budget, |own| usize::try_from(own).unwrap_or(0));
        self.starts.retain(|start| push.now.since(*start) < window);
        if self.starts.len() >= budget {
            return refuse(DropReason::StartBudget, "Push-to-start budget exceeded");
        }
        if self.live_cards() >= config.live_cards_max {
            return refuse(DropReason::TooManyCards, "the app has too many live activities");
        }
        Ok(template)
    }

    /// Whether Apple has that channel for this app.
    pub(super) fn has_channel(&self, channel_id: &str, hub: &Hub) -> bool {
        hub.channels().find(self.world(), &self.bundle_id, channel_id).is_ok()
    }

    /// The cards that take what is published to a channel.
    pub(super) fn followers(&self, channel_id: &str) -> Vec<String> {
        let follows = |card: &&Card| card.lives() && card.seen.channel_id == channel_id;
        self.cards.iter().filter(follows).map(|card| card.seen.card_id.clone()).collect()
    }

    fn broadcast(&mut self, push: &Read<'_>, channel_id: &str) -> Result<(), Refused> {
        let followers = self.followers(channel_id);
        if followers.is_empty() {
            return refuse(DropReason::CardClosed, "no card that lives follows the channel");
        }
        let mut taken = Ok(());
        for card_id in &followers {
            taken = taken.and(match push.payload.event {
                Event::End => self.end(push, card_id),
                Event::Start | Event::Update => self.update(push, card_id),
            });
        }
        taken
    }

    pub(super) fn live_cards(&self) -> usize {
        self.cards.iter().filter(|card| card.lives()).count()
    }

    fn update(&mut self, push: &Read<'_>, card_id: &str) -> Result<(), Refused> {
        let Read { payload, timestamp, .. } = *push;
        let Some(card) = self.card(card_id).filter(|card| card.lives()) else {
            return refuse(DropReason::CardClosed, "the card has ended or was closed");
        };
        if timestamp <= card.timestamp {
            return Err(not_newer(timestamp, card.timestamp));
        }
        decode_content(&card.template, payload, Some(&card.seen.attributes_json))?;
        card.timestamp = timestamp;
        card.stale_at = payload.stale_at;
        card.seen.set_state(CardState::Active);
        card.show(push.shown(ShownBy::Update));
        Ok(())
    }

    /// An end always ends; its content is shown only if it is newer than what is shown.
    fn end(&mut self, push: &Read<'_>, card_id: &str) -> Result<(), Refused> {
        let Read { payload, timestamp, now, hub, .. } = *push;
        let Some(card) = self.card(card_id).filter(|card| card.lives()) else {
            return refuse(DropReason::CardClosed, "the card has ended or was closed");
        };
        let mut taken = Ok(());
        if payload.content.is_some() {
            decode_content(&card.template, payload, Some(&card.seen.attributes_json))?;
            if timestamp > card.timestamp {
                card.timestamp = timestamp;
                card.show(push.shown(ShownBy::End));
            } else {
                taken = Err(not_newer(timestamp, card.timestamp));
            }
        }
        let longest = now + AFTERLIFE_MAX;
        let gone_at = payload.dismiss_at.unwrap_or(longest).min(longest).max(now);
        let closing = Closing { cause: CloseCause::Push, state: CardState::Ended, gone_at };
        self.close(card_id, &closing, now, hub);
        taken
    }

    /// Gives a card an update token; the app registers it if it runs and does not keep it back.
    pub(super) fn give_token(&mut self, card_id: &str, replaces: String, now: Time, hub: &Hub) {
        let Some(token) = self.issue(Kind::Update { card_id: card_id.to_owned() }, hub) else {
            return;
        };
        let Some(card) = self.card(card_id) else { return };
        card.seen.update_token = token;
        card.token_at = now;
        card.set_progress(TokenProgress::Held);
        self.register_card(card_id, replaces);
    }
}

impl Read<'_> {
    fn shown(&self, by: ShownBy) -> Shown {
        let alert = self.payload.alert.as_ref();
        Shown {
            content_json: self.payload.content.clone().unwrap_or_default(),
            time: Some(stamp(self.now)),
            timestamp: self.timestamp,
            by: by.into(),
            alerted: alert.is_some(),
            alert_title: alert.map(|alert| alert.title.clone()).unwrap_or_default(),
            alert_body: alert.map(|alert| alert.body.clone()).unwrap_or_default(),
            apns_id: self.delivery.apns_id.clone(),
            ..Shown::default()
        }
    }
}

/// What the log says of a push before it is known what became of it.
pub(super) fn describe(delivery: &Delivery) -> Drop {
    let card_id = match &delivery.kind {
        Kind::Update { card_id } => card_id.clone(),
        Kind::Device | Kind::PushToStart { .. } | Kind::Channel { .. } => String::new(),
    };
    let read = Payload::read(&delivery.body, &Strings::new());
    let (event, timestamp) = match &read {
        Ok(payload) => (payload.event.word(), payload.timestamp),
        Err(_) => ("", None),
    };
    Drop {
        apns_id: delivery.apns_id.clone(),
        card_id,
        event: event.to_owned(),
        timestamp: timestamp.unwrap_or(0),
        ..Drop::default()
    }
}

fn explain(unreadable: Unreadable) -> Refused {
    match unreadable {
        Unreadable::Json(detail) => (DropReason::Unreadable, detail),
        Unreadable::NotALiveActivity => {
            (DropReason::NotALiveActivity, "there is no `event`".to_owned())
        }
        Unreadable::Event(event) => {
            (DropReason::EventUnknown, format!("`event` is {} bytes long", event.len()))
        }
    }
}

fn check_timestamp(payload: &Payload, now: Time) -> Result<i64, Refused> {
    let Some(timestamp) = payload.timestamp else {
        return refuse(DropReason::TimestampMissing, "there is no integer `timestamp`");
    };
    if Time::from_seconds(timestamp) > now + AHEAD_MAX {
        return refuse(DropReason::TimestampAhead, "the timestamp is more than 8 h ahead");
    }
    Ok(timestamp)
}

fn decode_content(
    template: &Template,
    payload: &Payload,
    attributes: Option<&str>,
) -> Result<(), Refused> {
    template::decode(&template.content, payload.content.as_deref())
        .map_err(|detail| (DropReason::ContentUndecodable, detail))?;
    let bytes = attributes.map_or(0, str::len) + payload.content.as_ref().map_or(0, String::len);
    if bytes > DATA_BYTES_MAX {
        let detail = format!("attributes and content have {bytes} bytes of {DATA_BYTES_MAX}");
        return Err((DropReason::TooLarge, detail));
    }
    Ok(())
}

fn not_newer(timestamp: i64, shown: i64) -> Refused {
    let detail = format!("its timestamp is {timestamp}, that of what is shown {shown}");
    (DropReason::TimestampNotNewer, detail)
}

/// Says why a push changes nothing.
pub(super) fn refuse<T>(reason: DropReason, detail: &str) -> Result<T, Refused> {
    Err((reason, detail.to_owned()))
}
