//! Deliveries and events: only ever added.

use crate::world::{World, after, app, at, delivery, first, shard, subscription, workspace};
use tidings::domain::change::Change;
use tidings::domain::delivery::{Delivery, Status};
use tidings::domain::event::{Event, EventKind};
use tidings::domain::ids::{DeliveryId, TokenId};
use tidings::domain::outcome::Class;
use tidings::domain::push::{Environment, Operation};
use tidings::domain::subscription::{Cause, Subscription};
use tidings::store::deliveries::{self, DeliveryFilter};
use tidings::store::events;
use uuid::Uuid;

impl World {
    /// An activity with one follower, who may be pushed to.
    async fn follower(&self) -> Subscription {
        let activity = self.activity("FLIGHT_1");
        let device = self.device("phone", "ada");
        let shard = shard(&activity, self.app);
        let row = subscription(&shard, &device);
        let written = row.clone();
        self.apply(move || Change {
            activities: vec![activity.clone()],
            devices: vec![device.clone()],
            shards: vec![shard.clone()],
            subscriptions: vec![written.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
        row
    }

    async fn deliver(&self, rows: Vec<Delivery>) {
        self.apply(move || Change { deliveries: rows.clone(), ..Change::default() }).await.unwrap();
    }
}

pub(crate) async fn every_field_of_a_delivery_comes_back(world: World) {
    let follower = world.follower().await;
    let full = Delivery {
        environment: Environment::Sandbox,
        operation: Operation::End,
        first_revision: 3,
        revision: 5,
        alert_revision: 4,
        status: Status::Failed,
        reason: "Unregistered".to_owned(),
        class: Some(Class::Token),
        http_status: 410,
        attempt: 3,
        apns_id: Some(Uuid::from_u128(7)),
        apns_unique_id: Some("unique".to_owned()),
        sent_at: at(1),
        answered_at: None,
        ..delivery(&follower, 5)
    };
    let rows = vec![full, delivery(&follower, 1)];
    world.deliver(rows.clone()).await;
    let all = DeliveryFilter::default();
    let reader = world.store.reader();
    let logged = deliveries::list(reader, world.workspace, &all, first(10)).await.unwrap();
    let texts = logged.iter().map(|row| (row.activity_id.as_str(), row.device_id.as_str()));
    assert!(texts.eq([("FLIGHT_1", "phone"); 2]));
    let read: Vec<Delivery> = logged.into_iter().rev().map(|row| row.delivery).collect();
    assert_eq!(read, rows);
}

pub(crate) async fn deliveries_are_listed_newest_first_and_filtered(world: World) {
    let follower = world.follower().await;
    let mut rows: Vec<Delivery> = (0..4).map(|number| delivery(&follower, number)).collect();
    rows[0].operation = Operation::Start;
    rows[1].status = Status::Failed;
    "BadDeviceToken".clone_into(&mut rows[1].reason);
    rows[2].run = 2;
    rows[3].sent_at = at(60);
    let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
    world.deliver(rows).await;
    let list = async |filter: DeliveryFilter, page| -> Vec<DeliveryId> {
        let reader = world.store.reader();
        let rows = deliveries::list(reader, world.workspace, &filter, page).await.unwrap();
        rows.into_iter().map(|row| row.delivery.id).collect()
    };
    let all = DeliveryFilter::default;
    assert_eq!(list(all(), first(3)).await, [ids[3], ids[2], ids[1]]);
    assert_eq!(list(all(), after(3, ids[1])).await, [ids[0]]);
    let text = |text: &str| Some(text.to_owned());
    let every = vec![ids[3], ids[2], ids[1], ids[0]];
    let elsewhere = app(world.workspace, "com.example.crew").id;
    let cases = [
        (DeliveryFilter { activity_id: text("FLIGHT_1"), ..all() }, every.clone()),
        (DeliveryFilter { activity_id: text("FLIGHT_2"), ..all() }, vec![]),
        (DeliveryFilter { run: Some(2), ..all() }, vec![ids[2]]),
        (DeliveryFilter { revision: Some(1), ..all() }, vec![ids[1]]),
        (DeliveryFilter { operation: Some(Operation::Start), ..all() }, vec![ids[0]]),
        (DeliveryFilter { device_id: text("phone"), ..all() }, every.clone()),
        (DeliveryFilter { device_id: text("pad"), ..all() }, vec![]),
        (DeliveryFilter { contact_key: text("ada"), ..all() }, every.clone()),
        (DeliveryFilter { contact_key: text("bob"), ..all() }, vec![]),
        (DeliveryFilter { app: Some(world.app), ..all() }, every),
        (DeliveryFilter { app: Some(elsewhere), ..all() }, vec![]),
        (DeliveryFilter { status: Some(Status::Failed), ..all() }, vec![ids[1]]),
        (DeliveryFilter { reason: text("BadDeviceToken"), ..all() }, vec![ids[1]]),
        (DeliveryFilter { sent_after: Some(at(60)), ..all() }, vec![ids[3]]),
        (DeliveryFilter { sent_before: Some(at(60)), ..all() }, vec![ids[2], ids[1], ids[0]]),
    ];
    for (filter, expected) in cases {
        assert_eq!(list(filter.clone(), first(10)).await, expected, "{filter:?}");
    }
}

pub(crate) async fn events_are_kept_in_the_order_of_their_commits(world: World) {
    let follower = world.follower().await;
    let full = Event {
        activity: Some(follower.place.activity),
        run: Some(2),
        revision: Some(3),
        device: Some(follower.device),
        token: Some(TokenId::generate()),
        reason: "Unregistered".to_owned(),
        cause: Cause::Provider,
        at: at(1),
        ..world.event(EventKind::TokenInvalidated)
    };
    let other = workspace("other");
    let elsewhere = Event { workspace: other.id, ..world.event(EventKind::ActivityEnded) };
    let mut rows: Vec<Event> = EventKind::ALL.into_iter().map(|kind| world.event(kind)).collect();
    rows.push(full);
    let (mut written, expected) = (rows.clone(), rows);
    written.insert(1, elsewhere);
    for half in written.chunks(7) {
        let half = half.to_vec();
        world.apply(move || Change { events: half.clone(), ..Change::default() }).await.unwrap();
    }
    let reader = world.store.reader();
    let read = events::list_all(reader, world.workspace, 0, 100).await.unwrap();
    assert!(read.is_sorted_by(|one, next| one.0 < next.0));
    let third = read[2].0;
    assert_eq!(read.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), expected);
    let rest = events::list_all(reader, world.workspace, third, 2).await.unwrap();
    let kinds: Vec<EventKind> = rest.iter().map(|(_, event)| event.kind).collect();
    assert_eq!(kinds, [expected[3].kind, expected[4].kind]);
}

pub(crate) async fn thousands_of_rows_are_written_in_one_change(world: World) {
    const COUNT: usize = 2_500;
    let follower = world.follower().await;
    let event = world.event(EventKind::ActivityUpdated);
    let devices: Vec<_> =
        (0..COUNT).map(|number| world.device(&format!("d{number}"), "crowd")).collect();
    let make = move || Change {
        subscriptions: devices
            .iter()
            .map(|device| Subscription {
                id: tidings::domain::ids::SubscriptionId::generate(),
                device: device.key,
                ..follower.clone()
            })
            .collect(),
        devices: devices.clone(),
        deliveries: (0..COUNT).map(|_| delivery(&follower, 1)).collect(),
        events: vec![event.clone(); COUNT],
        ..Change::default()
    };
    world.apply(make).await.unwrap();
    let reader = world.store.reader();
    let read = events::list_all(reader, world.workspace, 0, 10_000).await.unwrap();
    assert_eq!(read.len(), COUNT);
    let all = DeliveryFilter::default();
    let logged = deliveries::list(reader, world.workspace, &all, first(10_000)).await.unwrap();
    assert_eq!(logged.len(), COUNT);
}
