//! Deliveries and events: only ever added.

use crate::world::{World, at, delivery, first, shard, subscription, workspace};
use tidings::domain::change::Change;
use tidings::domain::delivery::Delivery;
use tidings::domain::event::{Event, EventKind};
use tidings::domain::ids::{CredentialId, TokenId};
use tidings::domain::subscription::{Cause, Subscription};
use tidings::store::deliveries::{self, DeliveryFilter, Order};
use tidings::store::events;

impl World {
    /// An activity with one follower, who may be pushed to.
    pub(crate) async fn follower(&self) -> Subscription {
        self.follower_of("FLIGHT_1", "phone").await
    }

    /// An activity with this follower.
    pub(crate) async fn follower_of(&self, activity_id: &str, device_id: &str) -> Subscription {
        let activity = self.activity(activity_id);
        let device = self.device(device_id, "ada");
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

    pub(crate) async fn deliver(&self, rows: Vec<Delivery>) {
        self.apply(move || Change { deliveries: rows.clone(), ..Change::default() }).await.unwrap();
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
        credential: Some(CredentialId::generate()),
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
    let page = (Order::NewestFirst, first(10_000));
    let logged = deliveries::list(reader, world.workspace, &all, page).await.unwrap();
    assert_eq!((logged.rows.len(), logged.next), (COUNT, None));
}
