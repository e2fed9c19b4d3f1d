//! Many days of flights, by a clock that is moved: what is old goes, what is needed stays, and no table grows for ever.

use crate::calls::{CONTACT, Caller, end, refused, start, token, update, update_token};
use crate::databases::TestDatabase;
use crate::harness::{PATIENCE, World};
use crate::tables::{Tables, count};
use std::collections::BTreeMap;
use std::time::Duration;
use tidings::clock::Clock;
use tidings::config::Config;
use tidings::dispatch::retention::{self, Retention};
use tidings::proto::v1::{
    ActivityState, RegisterTokenRequest, RevokeTokenRequest, StartActivityRequest, TokenKind,
    UpdateActivityRequest,
};
use tokio_util::sync::CancellationToken;

const DAYS: usize = 8;
/// From this day on as much goes as comes: what is kept two days goes on the third, and is removed behind that.
const LEVEL: usize = 4;
const HOUR: Duration = Duration::from_hours(1);

fn two_days() -> retention::Config {
    retention::Config {
        ended_runs_days: 2,
        deliveries_days: 2,
        delivery_counts_days: 2,
        events_days: 2,
        dead_tokens_days: 2,
    }
}

/// A request id that is used once a day.
fn once(what: &str, activity_id: &str, day: usize) -> String {
    format!("{what} {activity_id} {day}")
}

fn update_of(activity_id: &str, day: usize) -> UpdateActivityRequest {
    UpdateActivityRequest {
        request_id: once("update", activity_id, day),
        ..update(activity_id, &format!("marker-{day}"))
    }
}

/// A flight from its start to its end. The device cannot be started by push; its app brings a token, of which Apple
/// knows nothing.
async fn fly(caller: &Caller, clock: &Clock, activity_id: &str, day: usize) {
    let request =
        StartActivityRequest { request_id: once("start", activity_id, day), ..start(activity_id) };
    caller.activities().start_activity(request).await.expect("started");
    clock.advance(Duration::from_secs(2));
    let byte = format!("{:02x}", 2 * day + usize::from(activity_id == "DAILY"));
    let request = RegisterTokenRequest {
        request_id: once("token", activity_id, day),
        token: token(&byte),
        attributes_json: None,
        content_state_json: None,
        ..update_token("device", activity_id)
    };
    caller.devices().register_token(request).await.expect("registered");
    clock.advance(Duration::from_secs(2));
    let updated = caller.activities().update_activity(update_of(activity_id, day)).await;
    updated.expect("updated");
    clock.advance(Duration::from_secs(2));
    caller.activities().end_activity(end(activity_id)).await.expect("ended");
    let request = RevokeTokenRequest {
        device_id: "device".to_owned(),
        token: token(&byte),
        ..RevokeTokenRequest::default()
    };
    caller.devices().revoke_token(request).await.expect("revoked");
    clock.advance(Duration::from_secs(2));
}

impl World {
    /// Waits, with time going on, until the dispatcher has nothing to do and nothing to remove.
    async fn comes_to_rest(&self, clock: &Clock) -> Tables {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let resting = async {
            loop {
                let busy = "SELECT \
                    (SELECT count(*) FROM activities WHERE marked_revision < revision) \
                    + (SELECT count(*) FROM activities WHERE purged_run < deleted_run) \
                    + (SELECT count(*) FROM expansions WHERE NOT done) \
                    + (SELECT count(*) FROM shards WHERE due_at IS NOT NULL)";
                if count(self.database(), busy).await == 0 {
                    return;
                }
                tick.tick().await;
                clock.advance(Duration::from_secs(1));
            }
        };
        tokio::time::timeout(PATIENCE, resting).await.expect("it comes to rest");
        Tables::read(self.database()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_levels_off_and_what_is_needed_stays() {
    let clock = Clock::manual(Clock::system().now());
    let change = |config: &mut Config| config.retention = two_days();
    // On PostgreSQL the time is the database's, which no test can move.
    let world = World::start_with(TestDatabase::sqlite(), clock.clone(), change).await;
    let store = world.server.store().clone();
    let retention = Retention::new(store, clock.clone(), two_days(), CancellationToken::new());
    clock.advance(Duration::from_secs(2));
    let caller = world.caller();
    caller.registered(&world.app_id, "device").await;
    let good = RegisterTokenRequest {
        kind: TokenKind::PushToStart.into(),
        token: token("fe"),
        activity_type: "another".to_owned(),
        activity_id: String::new(),
        attributes_json: None,
        content_state_json: None,
        ..update_token("device", "")
    };
    caller.devices().register_token(good).await.expect("registered");
    caller.started("LONG").await;
    let mut sizes: Vec<BTreeMap<String, usize>> = Vec::new();
    for day in 0..DAYS {
        fly(&caller, &clock, "DAILY", day).await;
        fly(&caller, &clock, &format!("FLIGHT_{day}"), day).await;
        clock.advance(23 * HOUR);
        retention.round().await.expect("a round");
        let again = caller.activities().update_activity(update_of("DAILY", day)).await;
        assert!(again.expect("the first answer").into_inner().replayed, "within a day");
        clock.advance(HOUR);
        retention.round().await.expect("a round");
        let tables = world.comes_to_rest(&clock).await;
        assert!(
            tables.rows("request_ids").len() <= 8,
            "after a day none is left of the day before"
        );
        sizes.push(tables.0.iter().map(|(name, rows)| (name.clone(), rows.len())).collect());
    }
    for (table, size) in &sizes[DAYS - 1] {
        let of_days = sizes.iter().map(|sizes| sizes[table]).collect::<Vec<_>>();
        let level = of_days[LEVEL - 1..=LEVEL].iter().max().copied().unwrap_or_default();
        // An id keeps its type for ever: that of each flight is another one.
        let new_ids = if table == "activities" { DAYS - 1 - LEVEL } else { 0 };
        // The same outcome is counted in one of eight slots, whichever its first push falls into.
        let slots = if table == "delivery_counts" { 8 } else { 1 };
        assert!(*size <= slots * level + new_ids, "{table} grows: {of_days:?}");
    }
    what_is_left_is_what_is_needed(&world, &caller, &clock).await;
    world.stop().await;
}

async fn what_is_left_is_what_is_needed(world: &World, caller: &Caller, clock: &Clock) {
    let tables = world.comes_to_rest(clock).await;
    assert_eq!(tables.holding("marker-0"), [""; 0], "no content of the first day");
    assert!(
        !tables.holding(&format!("marker-{}", DAYS - 1)).is_empty(),
        "that of the last is kept"
    );
    assert_eq!(tables.holding("FLIGHT_0"), ["activities"], "the id alone");
    assert!(caller.find("FLIGHT_0").await.is_err());
    let other = StartActivityRequest { activity_type: "another".to_owned(), ..start("FLIGHT_0") };
    let refused = refused(caller.activities().start_activity(other).await);
    assert_eq!(refused.reason, "ACTIVITY_TYPE_MISMATCH", "an id keeps its type for ever");
    let again = caller.started("FLIGHT_0").await;
    assert_eq!(again.run, 2);
    assert!(again.revision > 3, "revisions go on: {}", again.revision);
    let long = caller.activity("LONG").await;
    assert_eq!((long.state(), long.revision), (ActivityState::Active, 1), "it is not over");
    assert_eq!(world.subscriptions("LONG", None).await.len(), 1);
    caller.activities().update_activity(update("LONG", "x")).await.expect("accepted");
    let device = tidings::proto::v1::GetDeviceRequest { device_id: "device".to_owned() };
    let device = caller.devices().get_device(device).await.expect("a device").into_inner();
    let device = device.device.expect("a device");
    assert_eq!(device.contact_key, CONTACT);
    let good = device.tokens.iter().filter(|token| token.kind() == TokenKind::PushToStart);
    assert_eq!(
        good.filter(|token| token.invalid_reason.is_empty()).count(),
        1,
        "a good token stays"
    );
}
