//! Audiences that change while their activity is active: by calls, and by themselves.

mod live;
mod recipients;
mod refused;

use crate::calls::{CONTACT, content, start, strings, update};
use crate::harness::{PATIENCE, World, shows, wait};
use crate::tables;
use sea_orm::ConnectionTrait;
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    AddRecipientsRequest, AddRecipientsResponse, Audience, AudienceMode, Recipients,
    RemoveRecipientsRequest, RemoveRecipientsResponse, StartActivityRequest, Subscription,
    SubscriptionState, UpdateActivityRequest,
};
use tidings::simulator::Phone;

const FLIGHT: &str = "FLIGHT_1";
/// How often a fact is looked at that nothing announces.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl World {
    async fn start_flight_for(&self, audience: Audience, mode: AudienceMode) {
        let request = StartActivityRequest {
            audience: Some(audience),
            audience_mode: mode.into(),
            ..start(FLIGHT)
        };
        self.activities().start_activity(request).await.expect("started");
    }

    async fn show(&self, status: &str) {
        let request = UpdateActivityRequest {
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content(status)),
            ..UpdateActivityRequest::default()
        };
        self.activities().update_activity(request).await.expect("updated");
    }

    /// A phone that has registered everything.
    async fn phone_of(&self, device_id: &str, contact_key: &str) -> Phone {
        let phone = self.phone(device_id, "18.2", contact_key);
        self.said_everything(&phone).await;
        phone
    }

    async fn adds(&self, recipients: Recipients) -> AddRecipientsResponse {
        self.adds_with(recipients, false).await
    }

    async fn adds_with(&self, recipients: Recipients, again: bool) -> AddRecipientsResponse {
        let request = AddRecipientsRequest {
            activity_id: FLIGHT.to_owned(),
            recipients: Some(recipients),
            restart_dismissed: again,
            ..AddRecipientsRequest::default()
        };
        self.activities().add_recipients(request).await.expect("added").into_inner()
    }

    async fn removes(&self, recipients: Recipients) -> RemoveRecipientsResponse {
        let request = RemoveRecipientsRequest {
            activity_id: FLIGHT.to_owned(),
            recipients: Some(recipients),
            ..RemoveRecipientsRequest::default()
        };
        self.activities().remove_recipients(request).await.expect("removed").into_inner()
    }

    /// Waits until the device's subscription is in that state.
    async fn comes_to(&self, device_id: &str, state: SubscriptionState) -> Subscription {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        let mut last = None;
        let found = async {
            loop {
                tick.tick().await;
                let all = self.subscriptions(FLIGHT, None).await;
                last = all.into_iter().find(|row| row.device_id == device_id);
                if let Some(row) = last.clone().filter(|row| row.state() == state) {
                    return row;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("{device_id} never was {state:?}: {last:?}"))
    }

    /// Who has the flight in one of these states, by device id.
    async fn devices_in(&self, states: &[SubscriptionState]) -> Vec<String> {
        let all = self.subscriptions(FLIGHT, None).await;
        let mut ids: Vec<String> = all
            .into_iter()
            .filter(|row| states.contains(&row.state()))
            .map(|row| row.device_id)
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Waits until nothing is on its way to any device, whatever the flight shows.
    async fn rests(&self) {
        crate::tables::at_rest(self.database()).await;
    }
}

/// Waits until the phone shows this on a card and we can update that.
async fn follows(world: &World, phone: &Phone, status: &str) {
    shows(phone, 1, status).await;
    world.comes_to(&phone.snapshot().device_id, SubscriptionState::Active).await;
}

/// Waits until the newest card of the phone was ended by a push.
async fn is_ended(phone: &Phone) -> sim::Phone {
    wait(phone, "has its newest card ended by a push", |phone| {
        phone.cards.last().is_some_and(|card| card.close_cause() == sim::CloseCause::Push)
    })
    .await
}

/// How many starts by push have come to the phone.
fn starts(phone: &Phone) -> usize {
    phone.snapshot().cards.len()
}

fn contacts(contact_keys: &[&str]) -> Recipients {
    Recipients { contact_keys: strings(contact_keys), ..Recipients::default() }
}

fn devices(device_ids: &[&str]) -> Recipients {
    Recipients { device_ids: strings(device_ids), ..Recipients::default() }
}

fn segment(segment_id: &str) -> Recipients {
    Recipients { segment_id: segment_id.to_owned(), ..Recipients::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_whose_rows_are_broken_holds_nobody_else_up() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("BROKEN").await;
    world.settled("BROKEN").await;
    let db = tables::open_to_write(world.database()).await;
    for broken in [
        "UPDATE expansions SET done = false, cursor = 'nowhere'",
        "UPDATE revisions SET operation = 99",
        "UPDATE activities SET marked_revision = 0",
    ] {
        db.execute_unprepared(broken).await.expect("broken");
    }
    db.close().await.expect("a goodbye");
    let phone = world.phone_of("phone", CONTACT).await;
    caller.started(FLIGHT).await;
    shows(&phone, 1, "Scheduled").await;
    caller.activities().update_activity(update(FLIGHT, "Boarding")).await.expect("updated");
    shows(&phone, 1, "Boarding").await;
    world.stop().await;
}
