//! Runs that begin later, and runs and cards that are over by themselves, in time that the test moves.

use crate::calls::{CONTACT, alert, content, refused, start, update};
use crate::harness::{World, chosen_database, shows, status_of, wait};
use crate::segments::{contacts, for_segment, leaving};
use crate::tables::at_rest;
use crate::time::TestTime;
use std::time::Duration;
use tidings::clock::Time;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Activity, ActivityState, AddRecipientsRequest, ApplyActivityRequest, Operation, Recipients,
    SegmentKind, StartActivityRequest, Subscription, SubscriptionState, SyncDeviceRequest,
    UpdateActivityRequest,
};
use tidings::simulator::Phone;
use tokio::task::JoinSet;
use tokio::time::interval;

const FLIGHT: &str = "FLIGHT";
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// How finely time goes by, at the pace at which it does: an embedded clock of a test stands still by itself.
const TICK: Duration = Duration::from_millis(100);

/// A world and its time, which goes by and can be moved.
struct Day {
    world: World,
    time: TestTime,
    _ticking: JoinSet<()>,
}

impl Day {
    async fn new() -> Self {
        let database = chosen_database().await;
        let time = TestTime::new(&database).await;
        let world = World::start_with(database, time.clock(), |_| {}).await;
        let (clock, mut ticking) = (time.clock(), JoinSet::new());
        ticking.spawn(async move {
            let mut ticks = interval(TICK);
            loop {
                ticks.tick().await;
                clock.advance(TICK);
            }
        });
        Day { world, time, _ticking: ticking }
    }

    async fn after(&self, span: Duration) -> Option<prost_types::Timestamp> {
        later(timestamp(self.time.now().await), span)
    }

    async fn phone(&self, device_id: &str, os_version: &str, contact_key: &str) -> Phone {
        let phone = self.world.phone(device_id, os_version, contact_key);
        self.world.said_everything(&phone).await;
        phone
    }

    async fn start(&self, request: StartActivityRequest) -> Activity {
        let started = self.world.caller().activities().start_activity(request).await;
        started.expect("started").into_inner().activity.expect("an activity")
    }

    async fn update(&self, request: UpdateActivityRequest) {
        self.world.caller().activities().update_activity(request).await.expect("updated");
    }

    /// Waits until the activity is in that state.
    async fn comes_to(&self, state: ActivityState) -> Activity {
        let seen = self.world.watch_until(FLIGHT, |seen| {
            seen.activity.as_ref().is_some_and(|activity| activity.state() == state)
        });
        seen.await.activity.expect("an activity")
    }

    /// Waits until the device's subscription says so.
    async fn says(&self, device_id: &str, fits: impl Fn(&Subscription) -> bool) -> Subscription {
        let looking = async {
            loop {
                let all = self.world.subscriptions(FLIGHT, None).await;
                let found = all.into_iter().find(|row| row.device_id == device_id);
                if let Some(row) = found.filter(|row| fits(row)) {
                    return row;
                }
            }
        };
        let found = tokio::time::timeout(crate::harness::PATIENCE, looking).await;
        found.unwrap_or_else(|_| panic!("{device_id} never came to say so"))
    }

    /// How many pushes of a kind the device was sent.
    async fn sent(&self, device_id: &str, operation: Operation) -> usize {
        let log = self.world.deliveries(FLIGHT).await;
        let of_it = |push: &&tidings::proto::v1::Delivery| {
            push.device_id == device_id && push.operation() == operation
        };
        log.iter().filter(of_it).count()
    }
}

fn later(time: Option<prost_types::Timestamp>, span: Duration) -> Option<prost_types::Timestamp> {
    let seconds = i64::try_from(span.as_secs()).expect("seconds");
    time.map(|time| prost_types::Timestamp { seconds: time.seconds + seconds, ..time })
}

#[expect(clippy::unnecessary_wraps, reason = "requests have optional times")]
fn timestamp(time: Time) -> Option<prost_types::Timestamp> {
    let nanos = i32::try_from(time.0.rem_euclid(1_000) * 1_000_000).expect("nanoseconds");
    Some(prost_types::Timestamp { seconds: time.seconds(), nanos })
}

/// Waits until the phone's card was ended by a push, and gives what it showed last.
async fn ended(phone: &Phone) -> String {
    let phone = wait(phone, "has its card ended by a push", |phone| {
        phone.cards.last().is_some_and(|card| card.close_cause() == sim::CloseCause::Push)
    });
    status_of(&phone.await.cards.last().expect("a card").content_json)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_run_begins_at_its_time_for_who_is_there_then() {
    let day = Day::new().await;
    let caller = day.world.caller();
    caller.segment("travellers", SegmentKind::ContactKeys).await;
    caller.add(vec![contacts("travellers", &["ada", "bob"])]).await;
    let ada = day.phone("ada-phone", "18.2", "ada").await;
    let bob = day.phone("bob-phone", "18.2", "bob").await;
    let start_time = day.after(HOUR).await;
    let audience = Some(for_segment("travellers"));
    let request = StartActivityRequest { audience, start_time, ..start(FLIGHT) };
    let scheduled = day.start(request).await;
    assert_eq!(scheduled.state(), ActivityState::Scheduled);
    assert_eq!(scheduled.start_time, start_time);
    assert_eq!(scheduled.expire_time, later(start_time, 12 * HOUR));
    let again = refused(caller.activities().start_activity(start(FLIGHT)).await);
    assert_eq!(again.reason, "ACTIVITY_ACTIVE");
    // Who goes and who comes until then, what it opens with, and who is named beside the segment.
    caller.remove(vec![leaving("travellers", &["bob"])]).await;
    caller.add(vec![contacts("travellers", &["eve"])]).await;
    let eve = day.phone("eve-phone", "18.2", "eve").await;
    let joins = AddRecipientsRequest {
        activity_id: FLIGHT.to_owned(),
        recipients: Some(Recipients {
            contact_keys: vec!["joe".to_owned()],
            ..Recipients::default()
        }),
        ..AddRecipientsRequest::default()
    };
    caller.activities().add_recipients(joins).await.expect("added");
    let joe = day.phone("joe-phone", "18.2", "joe").await;
    day.update(UpdateActivityRequest { alert: Some(alert()), ..update(FLIGHT, "Check-in") }).await;
    at_rest(day.world.database()).await;
    assert!(day.world.subscriptions(FLIGHT, None).await.is_empty(), "nobody has it yet");
    day.time.advance(59 * MINUTE).await;
    at_rest(day.world.database()).await;
    assert_eq!(caller.activity(FLIGHT).await.state(), ActivityState::Scheduled);
    day.time.advance(MINUTE).await;
    for phone in [&ada, &eve, &joe] {
        shows(phone, 1, "Check-in").await;
    }
    let begun = day.comes_to(ActivityState::Active).await;
    assert_eq!(begun.revision, 2, "the begin itself asks for nothing");
    at_rest(day.world.database()).await;
    assert_eq!(day.world.subscriptions(FLIGHT, None).await.len(), 3);
    assert!(bob.snapshot().cards.is_empty(), "who left before is not started");
    for device_id in ["ada-phone", "eve-phone", "joe-phone"] {
        assert_eq!(day.sent(device_id, Operation::Start).await, 1);
    }
    day.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_audience_of_a_scheduled_run_is_followed_from_its_begin() {
    let day = Day::new().await;
    let caller = day.world.caller();
    caller.segment("travellers", SegmentKind::ContactKeys).await;
    let request = StartActivityRequest {
        audience: Some(for_segment("travellers")),
        audience_mode: tidings::proto::v1::AudienceMode::Live.into(),
        start_time: day.after(HOUR).await,
        ..start(FLIGHT)
    };
    day.start(request).await;
    caller.add(vec![contacts("travellers", &["ada"])]).await;
    let ada = day.phone("ada-phone", "18.2", "ada").await;
    at_rest(day.world.database()).await;
    assert!(day.world.subscriptions(FLIGHT, None).await.is_empty());
    day.time.advance(HOUR).await;
    shows(&ada, 1, "Scheduled").await;
    caller.add(vec![contacts("travellers", &["eve"])]).await;
    let eve = day.phone("eve-phone", "18.2", "eve").await;
    shows(&eve, 1, "Scheduled").await;
    caller.remove(vec![leaving("travellers", &["ada"])]).await;
    ended(&ada).await;
    day.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_run_is_moved_and_cancelled_without_a_push() {
    let day = Day::new().await;
    let caller = day.world.caller();
    let phone = day.phone("iphone", "18.2", CONTACT).await;
    let start_time = day.after(HOUR).await;
    day.start(StartActivityRequest { start_time, ..start(FLIGHT) }).await;
    let start_time = day.after(3 * HOUR).await;
    let content_state_json = None;
    day.update(UpdateActivityRequest { start_time, content_state_json, ..update(FLIGHT, "") })
        .await;
    let moved = caller.activity(FLIGHT).await;
    assert_eq!((moved.start_time, moved.expire_time), (start_time, later(start_time, 12 * HOUR)));
    // How it should be says when, too.
    let start_time = day.after(2 * HOUR).await;
    let apply = ApplyActivityRequest {
        activity_id: FLIGHT.to_owned(),
        activity_type: moved.activity_type,
        content_state_json: Some(content("Scheduled")),
        start_time,
        ..ApplyActivityRequest::default()
    };
    let apply = ApplyActivityRequest { audience: start(FLIGHT).audience, ..apply };
    caller.activities().apply_activity(apply).await.expect("applied");
    assert_eq!(caller.activity(FLIGHT).await.start_time, start_time);
    day.time.advance(HOUR).await;
    at_rest(day.world.database()).await;
    caller.ended(FLIGHT).await;
    assert_eq!(caller.activity(FLIGHT).await.state(), ActivityState::Ended);
    day.time.advance(2 * HOUR).await;
    at_rest(day.world.database()).await;
    assert!(phone.snapshot().cards.is_empty());
    assert!(day.world.deliveries(FLIGHT).await.is_empty());
    // A past begin is now; once begun, it does not move.
    let start_time = timestamp(Time(0));
    let next = day.start(StartActivityRequest { start_time, ..start(FLIGHT) }).await;
    assert_eq!((next.run, next.state()), (2, ActivityState::Active));
    let start_time = day.after(HOUR).await;
    let request = UpdateActivityRequest { start_time, ..update(FLIGHT, "x") };
    let moved = refused(caller.activities().update_activity(request).await);
    assert_eq!(moved.reason, "ACTIVITY_ACTIVE");
    day.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_that_is_over_ends_on_every_phone_with_what_is_shown() {
    let day = Day::new().await;
    let caller = day.world.caller();
    let phone = day.phone("iphone", "18.2", CONTACT).await;
    let expire_time = day.after(HOUR).await;
    day.start(StartActivityRequest { expire_time, ..start(FLIGHT) }).await;
    day.says("iphone", |row| row.state() == SubscriptionState::Active).await;
    let expire_time = day.after(2 * HOUR).await;
    day.update(UpdateActivityRequest { expire_time, ..update(FLIGHT, "In Air") }).await;
    shows(&phone, 1, "In Air").await;
    day.time.advance(HOUR + MINUTE).await;
    at_rest(day.world.database()).await;
    assert_eq!(caller.activity(FLIGHT).await.state(), ActivityState::Active, "it was moved");
    day.time.advance(HOUR).await;
    assert_eq!(ended(&phone).await, "In Air");
    let over = day.comes_to(ActivityState::Expired).await;
    assert_eq!(over.revision, 3, "the end is a revision");
    day.says("iphone", |row| row.state() == SubscriptionState::Ended).await;
    for refusal in [
        refused(caller.activities().update_activity(update(FLIGHT, "x")).await),
        refused(caller.activities().end_activity(crate::calls::end(FLIGHT)).await),
    ] {
        assert_eq!(refusal.reason, "ACTIVITY_EXPIRED");
    }
    assert_eq!(day.start(start(FLIGHT)).await.run, 2, "the id starts again");
    day.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_gets_its_last_state_and_its_end_before_ios_would_end_it() {
    let day = Day::new().await;
    let caller = day.world.caller();
    let early = day.phone("early", "18.2", CONTACT).await;
    day.start(start(FLIGHT)).await;
    shows(&early, 1, "Scheduled").await;
    day.says("early", |row| row.state() == SubscriptionState::Active).await;
    day.time.advance(7 * HOUR).await;
    let late = day.phone("late", "18.2", "eve").await;
    let joins = |contact: &str| AddRecipientsRequest {
        activity_id: FLIGHT.to_owned(),
        recipients: Some(Recipients {
            contact_keys: vec![contact.to_owned()],
            ..Recipients::default()
        }),
        ..AddRecipientsRequest::default()
    };
    caller.activities().add_recipients(joins("eve")).await.expect("added");
    shows(&late, 1, "Scheduled").await;
    day.update(update(FLIGHT, "In Air")).await;
    shows(&early, 1, "In Air").await;
    day.time.advance(51 * MINUTE).await;
    assert_eq!(ended(&early).await, "In Air");
    let row = day.says("early", |row| row.state() == SubscriptionState::Ended).await;
    assert_eq!(row.reason, "CARD_TOO_OLD", "whether its app or Apple says so first");
    day.update(update(FLIGHT, "Descending")).await;
    shows(&late, 1, "Descending").await;
    assert_eq!(day.sent("early", Operation::End).await, 1);
    assert_eq!(caller.activity(FLIGHT).await.state(), ActivityState::Active);
    // Whoever is named again gets a new card.
    caller.activities().add_recipients(joins(CONTACT)).await.expect("added");
    shows(&early, 1, "Descending").await;
    day.says("early", |row| row.state() == SubscriptionState::Active).await;
    day.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_a_token_is_said_and_repeated_once_where_the_app_misses_its_card() {
    let day = Day::new().await;
    let phone = day.phone("iphone", "18.2", CONTACT).await;
    phone.force_quit();
    let deliver_until = day.after(10 * MINUTE).await;
    day.start(StartActivityRequest { deliver_until, ..start(FLIGHT) }).await;
    day.says("iphone", |row| row.state() == SubscriptionState::PendingToken).await;
    let misses =
        || SyncDeviceRequest { device_id: "iphone".to_owned(), ..SyncDeviceRequest::default() };
    let devices = day.world.caller();
    devices.devices().sync_device(misses()).await.expect("synced");
    assert_eq!(day.sent("iphone", Operation::Start).await, 1, "Apple may still bring it");
    day.time.advance(11 * MINUTE).await;
    let row = day.says("iphone", |row| row.reason == "NO_UPDATE_TOKEN").await;
    assert_eq!(row.state(), SubscriptionState::PendingToken, "a late token is taken");
    for _ in 0..2 {
        devices.devices().sync_device(misses()).await.expect("synced");
        day.says("iphone", |row| row.state() == SubscriptionState::PendingToken).await;
        assert_eq!(day.sent("iphone", Operation::Start).await, 2, "once more, never twice");
        day.time.advance(11 * MINUTE).await;
        day.says("iphone", |row| row.reason == "NO_UPDATE_TOKEN").await;
    }
    day.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_could_not_be_sent_in_time_is_given_up() {
    let day = Day::new().await;
    let phone = day.phone("iphone", "18.2", CONTACT).await;
    let fault = sim::Fault {
        action: Some(sim::fault::Action::Answer(sim::FaultAnswer {
            status: 503,
            reason: "ServiceUnavailable".to_owned(),
            ..sim::FaultAnswer::default()
        })),
        ..sim::Fault::default()
    };
    let fault = day.world.simulator.set_fault(fault).expect("a fault");
    let deliver_until = day.after(10 * MINUTE).await;
    day.start(StartActivityRequest { deliver_until, ..start(FLIGHT) }).await;
    day.says("iphone", |row| row.state() == SubscriptionState::PendingStart).await;
    day.time.advance(10 * MINUTE).await;
    let row = day.says("iphone", |row| row.state() == SubscriptionState::Unreachable).await;
    assert_eq!(row.reason, "START_TOO_LATE");
    assert!(day.world.simulator.release_fault(Some(fault)));
    day.time.advance(HOUR).await;
    at_rest(day.world.database()).await;
    assert!(phone.snapshot().cards.is_empty(), "a card that appears hours later is a surprise");
    day.world.stop().await;
}
