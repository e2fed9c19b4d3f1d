//! The send log: what is found in it, what a page costs, and what is counted.

use crate::world::{World, after, app, at, delivery, first, workspace};
use std::time::Duration;
use tidings::clock::Time;
use tidings::domain::delivery::{Delivery, Provider, Status};
use tidings::domain::ids::DeliveryId;
use tidings::domain::outcome::Class;
use tidings::domain::push::{Environment, Operation};
use tidings::domain::subscription::Subscription;
use tidings::store::Page;
use tidings::store::deliveries::{self, DeliveryFilter, EXAMINED_MAX, Found, Order};
use tidings::store::delivery_counts::{self, DeliveryCount};
use uuid::Uuid;

/// A row that was sent at that time.
fn sent(follower: &Subscription, revision: i64, sent_at: Time) -> Delivery {
    Delivery { id: DeliveryId::at(sent_at), sent_at, ..delivery(follower, revision) }
}

impl World {
    async fn logged(&self, filter: &DeliveryFilter, order: Order, page: Page<DeliveryId>) -> Found {
        let reader = self.store.reader();
        deliveries::list(reader, self.workspace, filter, (order, page)).await.unwrap()
    }

    /// The ids of all that fit, newest first, read in pages of that size; and how many pages there were.
    async fn read(&self, filter: &DeliveryFilter, size: u64) -> (Vec<DeliveryId>, usize) {
        let (mut ids, mut page, mut pages) = (Vec::new(), first(size), 0);
        loop {
            let found = self.logged(filter, Order::NewestFirst, page).await;
            assert!(found.rows.len() as u64 <= size);
            ids.extend(found.rows.iter().map(|row| row.delivery.id));
            pages += 1;
            let Some(next) = found.next else { return (ids, pages) };
            page = after(size, next);
        }
    }
}

/// Whether the row of that number fits.
type Fits = fn(&Delivery, usize) -> bool;

pub(crate) async fn every_field_of_a_delivery_comes_back(world: World) {
    let follower = world.follower().await;
    let full = Delivery {
        provider: Provider::Fcm,
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
        provider_message_id: Some("unique".to_owned()),
        answered_at: None,
        ..sent(&follower, 5, at(1))
    };
    let rows = vec![full, sent(&follower, 1, at(2))];
    world.deliver(rows.clone()).await;
    let found = world.logged(&DeliveryFilter::default(), Order::OldestFirst, first(10)).await;
    let texts = found.rows.iter().map(|row| (row.activity_id.as_str(), row.device_id.as_str()));
    assert!(texts.eq([("FLIGHT_1", "phone"); 2]));
    let read: Vec<Delivery> = found.rows.into_iter().map(|row| row.delivery).collect();
    assert_eq!(read, rows);
}

pub(crate) async fn every_filter_and_every_pair_of_filters_finds_what_fits(world: World) {
    let (one, two) = (world.follower().await, world.follower_of("FLIGHT_2", "pad").await);
    let mut rows: Vec<Delivery> = (0..6).map(|n| sent(&one, n, at(n))).collect();
    rows.extend((6..9).map(|n| sent(&two, n, at(n))));
    rows[0].operation = Operation::Start;
    rows[1].status = Status::Failed;
    "BadDeviceToken".clone_into(&mut rows[1].reason);
    (rows[2].run, rows[2].revision) = (2, 7);
    rows[3].provider = Provider::Fcm;
    rows[4].status = Status::Unknown;
    "grace".clone_into(&mut rows[7].contact_key);
    rows[8].operation = Operation::Fallback;
    rows[8].status = Status::Failed;
    "UNREGISTERED".clone_into(&mut rows[8].reason);
    world.deliver(rows.clone()).await;
    let elsewhere = app(world.workspace, "com.example.crew").id;
    let all = DeliveryFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let filters: Vec<(&str, DeliveryFilter, Fits)> = vec![
        ("activity_id", DeliveryFilter { activity_id: text("FLIGHT_1"), ..all() }, |_, n| n < 6),
        ("activity_id", DeliveryFilter { activity_id: text("FLIGHT_3"), ..all() }, |_, _| false),
        ("run", DeliveryFilter { run: Some(2), ..all() }, |row, _| row.run == 2),
        ("revision", DeliveryFilter { revision: Some(7), ..all() }, |row, _| row.revision == 7),
        ("operation", DeliveryFilter { operation: Some(Operation::Start), ..all() }, |_, n| n == 0),
        ("operation", DeliveryFilter { operation: Some(Operation::Fallback), ..all() }, |_, n| {
            n == 8
        }),
        ("device_id", DeliveryFilter { device_id: text("pad"), ..all() }, |_, n| n > 5),
        ("device_id", DeliveryFilter { device_id: text("watch"), ..all() }, |_, _| false),
        ("contact_key", DeliveryFilter { contact_key: text("grace"), ..all() }, |_, n| n == 7),
        ("app", DeliveryFilter { app: Some(world.app), ..all() }, |_, _| true),
        ("app", DeliveryFilter { app: Some(elsewhere), ..all() }, |_, _| false),
        ("provider", DeliveryFilter { provider: Some(Provider::Fcm), ..all() }, |_, n| n == 3),
        ("status", DeliveryFilter { status: Some(Status::Failed), ..all() }, |_, n| {
            n == 1 || n == 8
        }),
        ("status", DeliveryFilter { status: Some(Status::Accepted), ..all() }, |row, _| {
            row.status == Status::Accepted
        }),
        ("reason", DeliveryFilter { reason: text("BadDeviceToken"), ..all() }, |_, n| n == 1),
        ("sent_after", DeliveryFilter { sent_after: Some(at(4)), ..all() }, |_, n| n >= 4),
        ("sent_before", DeliveryFilter { sent_before: Some(at(4)), ..all() }, |_, n| n < 4),
    ];
    for (field, filter, fits) in &filters {
        for (other_field, other, fits_too) in &filters {
            // A field holds one value; two of the same are no pair.
            if field == other_field && filter != other {
                continue;
            }
            let both = both(filter, other);
            let fitting = (0..rows.len()).filter(|&n| fits(&rows[n], n) && fits_too(&rows[n], n));
            let expected: Vec<DeliveryId> = fitting.rev().map(|n| rows[n].id).collect();
            assert_eq!(world.read(&both, 2).await.0, expected, "{both:?}");
        }
    }
}

fn both(one: &DeliveryFilter, other: &DeliveryFilter) -> DeliveryFilter {
    DeliveryFilter {
        activity_id: one.activity_id.clone().or(other.activity_id.clone()),
        run: one.run.or(other.run),
        revision: one.revision.or(other.revision),
        operation: one.operation.or(other.operation),
        device_id: one.device_id.clone().or(other.device_id.clone()),
        contact_key: one.contact_key.clone().or(other.contact_key.clone()),
        app: one.app.or(other.app),
        provider: one.provider.or(other.provider),
        status: one.status.or(other.status),
        reason: one.reason.clone().or(other.reason.clone()),
        sent_after: one.sent_after.or(other.sent_after),
        sent_before: one.sent_before.or(other.sent_before),
    }
}

pub(crate) async fn pages_in_both_orders_stay_the_same_while_rows_are_added(world: World) {
    let follower = world.follower().await;
    let rows: Vec<Delivery> = (0..5).map(|n| sent(&follower, n, at(n))).collect();
    let ids: Vec<DeliveryId> = rows.iter().map(|row| row.id).collect();
    world.deliver(rows).await;
    let all = DeliveryFilter::default();
    for (order, expected) in
        [(Order::NewestFirst, [[4, 3], [2, 1]]), (Order::OldestFirst, [[0, 1], [2, 3]])]
    {
        let mut page = first(2);
        for numbers in expected {
            let found = world.logged(&all, order, page).await;
            let shown: Vec<DeliveryId> = found.rows.iter().map(|row| row.delivery.id).collect();
            assert_eq!(shown, numbers.map(|n: usize| ids[n]), "{order:?}");
            page = after(2, found.next.unwrap());
            world.deliver(vec![sent(&follower, 9, at(60))]).await;
        }
    }
    let last = world.logged(&all, Order::NewestFirst, after(2, ids[1])).await;
    assert_eq!((last.rows.len(), last.rows[0].delivery.id, last.next), (1, ids[0], None));
}

pub(crate) async fn a_page_looks_at_no_more_rows_than_its_bound(world: World) {
    let follower = world.follower().await;
    let many = i64::try_from(EXAMINED_MAX).unwrap() * 2 + 10;
    let mut rows: Vec<Delivery> =
        (0..many).map(|n| sent(&follower, 1, Time(at(0).0 + n))).collect();
    rows[3].operation = Operation::Start;
    let wanted = rows[3].id;
    world.deliver(rows).await;
    let starts = DeliveryFilter { operation: Some(Operation::Start), ..DeliveryFilter::default() };
    let page = world.logged(&starts, Order::NewestFirst, first(10)).await;
    assert!(page.rows.is_empty() && page.next.is_some(), "none so far, but not at the end");
    assert_eq!(world.read(&starts, 10).await, (vec![wanted], 3));
    let oldest = world.logged(&starts, Order::OldestFirst, first(10)).await;
    assert_eq!((oldest.rows.len(), oldest.next.is_some()), (1, true));
    let all = world.logged(&DeliveryFilter::default(), Order::NewestFirst, first(10)).await;
    assert_eq!(all.rows.len(), 10, "a page where every row fits is full");
}

fn counted(count: &DeliveryCount) -> (Operation, Status, &str, i64) {
    (count.operation, count.status, &count.reason, count.pushes)
}

pub(crate) async fn every_delivery_is_counted_once_by_run_and_by_time(world: World) {
    let (one, two) = (world.follower().await, world.follower_of("FLIGHT_2", "pad").await);
    let quarter = Duration::from_mins(15);
    let start = Time(at(0).0.div_euclid(900_000) * 900_000);
    let failed = |row: Delivery| Delivery {
        status: Status::Failed,
        reason: "Unregistered".to_owned(),
        class: Some(Class::Token),
        ..row
    };
    for _ in 0..3 {
        let rows = vec![
            sent(&one, 1, start),
            sent(&one, 1, start),
            failed(sent(&one, 2, start + quarter)),
            Delivery { run: 2, ..sent(&one, 3, start + quarter) },
            sent(&two, 1, start + quarter * 2),
        ];
        world.deliver(rows).await;
    }
    let reader = world.store.reader();
    let accepted = |pushes| (Operation::Update, Status::Accepted, "", pushes);
    let refused = (Operation::Update, Status::Failed, "Unregistered", 3);
    let activity = one.place.activity;
    for (run, expected) in [
        (Some(1), vec![accepted(6), refused]),
        (Some(2), vec![accepted(3)]),
        (Some(3), vec![]),
        (None, vec![accepted(9), refused]),
    ] {
        let mut counts = delivery_counts::of_activity(reader, activity, run).await.unwrap();
        counts.sort_by_key(|count| -count.pushes);
        assert_eq!(counts.iter().map(counted).collect::<Vec<_>>(), expected, "{run:?}");
        let class =
            |count: &DeliveryCount| (count.status == Status::Failed).then_some(Class::Token);
        assert!(counts.iter().all(|count| count.class == class(count)));
    }
    for (from, to, expected) in [
        (start, start + quarter, vec![accepted(6)]),
        (start + quarter, start + quarter * 2, vec![accepted(3), refused]),
        (start, start + quarter * 3, vec![accepted(12), refused]),
        (start + quarter * 3, start + quarter * 9, vec![]),
    ] {
        let time = (from, to);
        let mut counts =
            delivery_counts::of_workspace(reader, world.workspace, time).await.unwrap();
        counts.sort_by_key(|count| (-count.pushes, count.reason.clone()));
        assert_eq!(counts.iter().map(counted).collect::<Vec<_>>(), expected);
        let elsewhere = workspace("other").id;
        let none = delivery_counts::of_workspace(reader, elsewhere, time).await.unwrap();
        assert_eq!(none, []);
    }
}
