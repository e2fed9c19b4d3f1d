//! What each phone showed, and whether everyone landed. Read from the phones; the server is asked only why.

use super::flight::{ACTIVITY, LANDED};
use super::outcome::{log, words};
use super::phones::{DEVICES, Device, card, presentation, status};
use super::world::World;
use std::collections::BTreeMap;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{Delivery, DeliveryStatus, ListSubscriptionsRequest, Subscription};

/// The run that is summed up.
const RUN: i64 = 1;

pub(super) struct Summary {
    phones: BTreeMap<String, sim::Phone>,
    subscriptions: BTreeMap<String, Subscription>,
    log: Vec<Delivery>,
}

impl Summary {
    /// Asks the simulator for the screens, and the server for its view of them.
    pub(super) async fn read(world: &World) -> anyhow::Result<Self> {
        let phones = world.control().list_phones(sim::ListPhonesRequest::default()).await?;
        let phones = phones.into_inner().phones.into_iter();
        let request = ListSubscriptionsRequest {
            activity_id: ACTIVITY.to_owned(),
            run: Some(RUN),
            ..ListSubscriptionsRequest::default()
        };
        let found = world.activities().list_subscriptions(request).await?.into_inner();
        let found = found.subscriptions.into_iter();
        Ok(Summary {
            phones: phones.map(|phone| (phone.phone_id.clone(), phone)).collect(),
            subscriptions: found.map(|one| (one.device_id.clone(), one)).collect(),
            log: log(world, RUN).await?,
        })
    }

    /// Every phone that follows to the end shows the end.
    pub(super) fn everyone_landed(&self) -> bool {
        self.missing().is_empty()
    }

    pub(super) fn print(&self) {
        println!("\nWhat each phone showed of the first flight, as the phone says:");
        for device in &DEVICES {
            println!("\n  {} ({})", device.name, device.contact_key);
            for line in self.lines(device) {
                println!("    {line}");
            }
        }
        let count = |status| self.log.iter().filter(|row| row.status() == status).count();
        println!(
            "\nSend log: {} pushes accepted by APNs and FCM, {} refused, {} without an answer. \
             Accepted is not displayed: only the screens count here.",
            count(DeliveryStatus::Accepted),
            count(DeliveryStatus::Failed),
            count(DeliveryStatus::Unknown),
        );
        let missing = self.missing();
        let all = DEVICES.iter().filter(|device| device.lands).count();
        for device in &missing {
            println!("NOT LANDED: {}. {}", device.name, self.why(device));
        }
        match missing.len() {
            0 => println!("Every phone that should have landed did: {all} of {all}."),
            count => println!("{count} of {all} phones that should have landed did not."),
        }
    }

    /// The phones that should show the end and do not.
    fn missing(&self) -> Vec<&'static Device> {
        DEVICES.iter().filter(|device| device.lands && !self.has_landed(device)).collect()
    }

    fn card(&self, device: &Device) -> Option<&sim::Card> {
        self.phones.get(device.id).and_then(|phone| card(phone, RUN))
    }

    fn has_landed(&self, device: &Device) -> bool {
        self.card(device).is_some_and(|card| {
            let ended = matches!(card.state(), sim::CardState::Ended | sim::CardState::Gone);
            ended && status(&card.content_json) == LANDED
        })
    }

    fn lines(&self, device: &Device) -> Vec<String> {
        let mut lines = Vec::new();
        match self.card(device) {
            Some(card) => {
                lines.push(card.shown.iter().map(state).collect::<Vec<_>>().join(" > "));
                lines.extend(presentation(card).map(str::to_owned));
                lines.push(self.end_of(device, card));
            }
            None => lines.push("nothing: there never was a card".to_owned()),
        }
        if let Some(subscription) = self.subscriptions.get(device.id) {
            lines.push(server_words(subscription));
        }
        let refused = self.log.iter().filter(|row| {
            row.device_id == device.id
                && matches!(row.status(), DeliveryStatus::Failed | DeliveryStatus::Unknown)
        });
        lines.extend(refused.map(words));
        lines
    }

    /// Where a card is in its life.
    fn end_of(&self, device: &Device, card: &sim::Card) -> String {
        let end = card.end_time.map(millis).unwrap_or_default();
        match (card.state(), card.close_cause()) {
            (sim::CardState::Dismissed, _) => {
                let after = |row: &&Delivery| row.send_time.is_some_and(|time| millis(time) > end);
                let mine = self.log.iter().filter(|row| row.device_id == device.id);
                format!("dismissed by its owner; {} pushes after that", mine.filter(after).count())
            }
            (_, sim::CloseCause::Push) => {
                // The time is told in whole seconds, so the last minute is not quite one.
                let left = card.gone_time.map_or(0, |time| millis(time) - end);
                let minutes = (left + 30_000) / 60_000;
                format!("ended by push; it leaves the screen {minutes} minutes later")
            }
            (sim::CardState::Ended | sim::CardState::Gone, _) => {
                "ended, but not by push".to_owned()
            }
            _ => "not ended: the card is still alive".to_owned(),
        }
    }

    /// Why a phone did not land, as far as anyone can know.
    fn why(&self, device: &Device) -> String {
        let shows = self.card(device).map_or_else(
            || "It never showed the flight.".to_owned(),
            |card| format!("It still shows \"{}\".", status(&card.content_json)),
        );
        let offline = self.phones.get(device.id).is_some_and(|phone| !phone.online);
        let last = self.log.iter().rev().find(|row| row.device_id == device.id);
        let last = last.map_or("nothing was sent".to_owned(), words);
        let because = if offline {
            "It has no network; what APNs accepted did not come to it"
        } else {
            "The last of its send log"
        };
        format!("{shows} {because}: {last}")
    }
}

fn millis(time: prost_types::Timestamp) -> i64 {
    time.seconds.saturating_mul(1_000) + i64::from(time.nanos) / 1_000_000
}

/// One state that a card showed.
fn state(shown: &sim::Shown) -> String {
    let mut text = status(&shown.content_json);
    if shown.by() == sim::ShownBy::App {
        text.push_str(" [by the app itself]");
    }
    if shown.alerted {
        text.push_str(" [lit up]");
    }
    text
}

/// What the server knows about a device, and why.
fn server_words(subscription: &Subscription) -> String {
    let state = subscription.state().as_str_name();
    let state = state.trim_start_matches("SUBSCRIPTION_STATE_");
    let Subscription { reason, reason_text, .. } = subscription;
    if reason.is_empty() {
        format!("the server says: {state}")
    } else {
        format!("the server says: {state}, {reason}: {reason_text}")
    }
}
