//! The rules of delivery where they show: over the store, the dispatcher, Apple's answers and the phones' screens.

mod android;
mod answers;
mod bulkheads;
mod cards;
mod crowd;
mod devices;
mod fallback;
mod mixed;
mod provider_tokens;
mod storms;
mod targets;
mod tried;

use crate::harness::{PATIENCE, World, shows};
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Alert, Audience, Delivery, DeliveryStatus, EndActivityRequest, Operation, RegisterTokenRequest,
    RegisterTokenResponse, StartActivityRequest, Subscription, SubscriptionState, Target,
    TokenKind, UpdateActivityRequest,
};
use tidings::simulator::Phone;

const FLIGHT: &str = "FLIGHT_1";
/// How often a fact is looked at that nothing announces.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl World {
    /// A flight that shows "Scheduled" on a phone of ada's.
    async fn flying() -> (Self, Phone) {
        let world = World::start().await;
        let phone = world.ready_phone("phone", "ada").await;
        world.start_flight(&["ada"]).await;
        world.following(&phone).await;
        (world, phone)
    }

    async fn ready_phone(&self, device_id: &str, contact_key: &str) -> Phone {
        let phone = self.phone(device_id, "18.2", contact_key);
        self.said_everything(&phone).await;
        phone
    }

    /// Waits until the phone's card is updated by us.
    async fn following(&self, phone: &Phone) {
        shows(phone, 1, "Scheduled").await;
        self.becomes(&phone.snapshot().device_id, SubscriptionState::Active).await;
        self.settled(FLIGHT).await;
    }

    async fn start_flight(&self, contact_keys: &[&str]) {
        let contact_keys = contact_keys.iter().map(|&key| key.to_owned()).collect();
        self.start_for_audience(Audience { contact_keys, ..Audience::default() }).await;
    }

    async fn start_for_audience(&self, audience: Audience) {
        let request = StartActivityRequest {
            activity_id: FLIGHT.to_owned(),
            activity_type: "flight_status".to_owned(),
            attributes_json: Some(r#"{"flight":"TK1"}"#.to_owned()),
            content_state_json: Some(content("Scheduled")),
            audience: Some(audience),
            alert: Some(alert("Start")),
            ..StartActivityRequest::default()
        };
        self.activities().start_activity(request).await.expect("started");
    }

    async fn update(&self, status: &str) {
        self.update_with(status, None).await;
    }

    async fn update_with(&self, status: &str, alert: Option<Alert>) {
        let request = UpdateActivityRequest {
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content(status)),
            alert,
            ..UpdateActivityRequest::default()
        };
        self.activities().update_activity(request).await.expect("accepted");
    }

    async fn end(&self, status: &str, device_ids: &[&str]) {
        let device_ids: Vec<String> = device_ids.iter().map(|&id| id.to_owned()).collect();
        let target = Target { device_ids, ..Target::default() };
        let request = EndActivityRequest {
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content(status)),
            target: (!target.device_ids.is_empty()).then_some(target),
            ..EndActivityRequest::default()
        };
        self.activities().end_activity(request).await.expect("ended");
    }

    /// Waits until the device's subscription is in that state.
    async fn becomes(&self, device_id: &str, state: SubscriptionState) -> Subscription {
        self.eventually(async || {
            let all = self.subscriptions(FLIGHT, None).await;
            all.into_iter().find(|row| row.device_id == device_id && row.state() == state)
        })
        .await
    }

    /// Waits until there is what is looked for.
    async fn eventually<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        let found = async {
            loop {
                tick.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it never came to be")
    }

    /// The rows of the send log of one device and operation, the oldest first. A token that comes before the start's
    /// answer is settled gets revision 1 once more; such rows are left out.
    async fn rows(&self, device_id: &str, operation: Operation) -> Vec<Delivery> {
        let log = self.deliveries(FLIGHT).await;
        let fits = |row: &Delivery| {
            let again = row.revision == 1 && row.operation() == Operation::Update;
            row.device_id == device_id && row.operation() == operation && !again
        };
        log.into_iter().filter(fits).collect()
    }

    /// Waits until the log has so many rows of a device and operation.
    async fn logged(&self, device_id: &str, operation: Operation, count: usize) -> Vec<Delivery> {
        self.eventually(async || {
            let rows = self.rows(device_id, operation).await;
            (rows.len() >= count).then_some(rows)
        })
        .await
    }

    /// Registers the token of a card for a device, as its app would.
    async fn register(&self, device_id: &str, card: &sim::Card) -> RegisterTokenResponse {
        let request = RegisterTokenRequest {
            device_id: device_id.to_owned(),
            kind: TokenKind::Update.into(),
            token: card.update_token.clone(),
            activity_id: FLIGHT.to_owned(),
            run: Some(1),
            device_activity_id: card.card_id.clone(),
            ..RegisterTokenRequest::default()
        };
        self.devices().register_token(request).await.expect("registered").into_inner()
    }

    /// Something goes wrong with the next push of that event to the phone.
    fn fault(&self, phone: &Phone, event: &str, action: sim::fault::Action) -> i64 {
        let fault = sim::Fault {
            phone_id: phone.id(),
            event: event.to_owned(),
            count: 1,
            action: Some(action),
            ..sim::Fault::default()
        };
        self.simulator.set_fault(fault).expect("set")
    }

    /// Waits until the fault has met its push.
    async fn has_hit(&self, fault: i64) {
        let hit = |simulator: &tidings::simulator::Simulator| {
            simulator.fault(fault).is_some_and(|status| status.hits > 0)
        };
        assert!(self.simulator.wait_for(PATIENCE, hit).await, "no push met the fault");
    }
}

fn refusal(status: i32, reason: &str) -> sim::fault::Action {
    let reason = reason.to_owned();
    sim::fault::Action::Answer(sim::FaultAnswer { status, reason, ..sim::FaultAnswer::default() })
}

/// The person starts the flight in the app, which knows its id.
fn joins_by_itself(phone: &Phone) {
    let start = sim::StartActivityRequest {
        activity_type: "flight_status".to_owned(),
        attributes_json: format!(
            "{{\"flight\":\"TK1\",\"activityId\":\"{FLIGHT}\",\"activityRun\":1}}"
        ),
        content_json: content("By the app"),
        ..sim::StartActivityRequest::default()
    };
    phone.start_activity(&start).expect("a card");
}

fn content(status: &str) -> String {
    format!("{{\"status\":\"{status}\"}}")
}

fn alert(body: &str) -> Alert {
    Alert { title: "TK1".to_owned(), body: body.to_owned(), ..Alert::default() }
}

fn statuses(rows: &[Delivery]) -> Vec<DeliveryStatus> {
    rows.iter().map(Delivery::status).collect()
}

fn sent_ms(row: &Delivery) -> i64 {
    let time = row.send_time.expect("a push has a time");
    time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000
}
