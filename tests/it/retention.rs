//! Many days of flights, by a clock that is moved: what is old goes, what is needed stays, and no table grows for ever.

use crate::calls::{CONTACT, Caller, refused, start, token, update, update_token};
use crate::harness::{PATIENCE, World, chosen_database};
use crate::tables::{Tables, count};
use crate::time::TestTime;
use std::collections::BTreeMap;
use std::time::Duration;
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
/// What counts the pushes of a flight: a row for the start that was skipped, one for its updates and one for its end.
const OUTCOMES: usize = 3;
/// How many flights ended in the two days before midnight.
const FLIGHTS_KEPT: usize = 2;
const HOUR: Duration = Duration::from_hours(1);
/// Nothing is sent before that of a day has gone by, so what is forgotten does not hang by the time a call takes.
const DAWN: Duration = Duration::from_mins(1);

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

/// What a day goes by.
struct Life {
    world: World,
    time: TestTime,
    caller: Caller,
}

impl Life {
    /// The device, its good token, and an activity that does not end.
    async fn begins(&self) {
        self.time.advance(DAWN).await;
        self.caller.registered(&self.world.app_id, "device").await;
        let good = RegisterTokenRequest {
            kind: TokenKind::PushToStart.into(),
            token: token("fe"),
            activity_type: "another".to_owned(),
            activity_id: String::new(),
            attributes_json: None,
            content_state_json: None,
            ..update_token("device", "")
        };
        self.caller.devices().register_token(good).await.expect("registered");
        self.caller.started("LONG").await;
    }

    /// A flight from its start to its end. The device cannot be started by push; its app brings a token, of which Apple
    /// knows nothing.
    async fn fly(&self, activity_id: &str, day: usize) {
        let request_id = once("start", activity_id, day);
        let request = StartActivityRequest { request_id, ..start(activity_id) };
        self.caller.activities().start_activity(request).await.expect("started");
        self.comes_to_rest().await;
        let byte = format!("{:02x}", 2 * day + usize::from(activity_id == "DAILY"));
        let request = RegisterTokenRequest {
            request_id: once("token", activity_id, day),
            token: token(&byte),
            attributes_json: None,
            content_state_json: None,
            ..update_token("device", activity_id)
        };
        self.caller.devices().register_token(request).await.expect("registered");
        self.comes_to_rest().await;
        let update = update_of(activity_id, day);
        self.caller.activities().update_activity(update).await.expect("updated");
        self.comes_to_rest().await;
        self.caller.ended(activity_id).await;
        self.comes_to_rest().await;
        let request = RevokeTokenRequest {
            device_id: "device".to_owned(),
            token: token(&byte),
            ..RevokeTokenRequest::default()
        };
        self.caller.devices().revoke_token(request).await.expect("revoked");
    }

    /// Waits, with time going on, until the dispatcher has nothing to do and nothing to remove.
    async fn comes_to_rest(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let resting = async {
            loop {
                self.time.advance(Duration::from_secs(2)).await;
                let busy = "SELECT \
                    (SELECT count(*) FROM activities WHERE marked_revision < revision) \
                    + (SELECT count(*) FROM activities WHERE purged_run < deleted_run) \
                    + (SELECT count(*) FROM expansions WHERE NOT done) \
                    + (SELECT count(*) FROM shards, clock WHERE due_at < mark + 1800000)";
                if count(self.world.database(), busy).await == 0 {
                    return;
                }
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, resting).await.expect("it comes to rest");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_levels_off_and_what_is_needed_stays() {
    let database = chosen_database().await;
    let time = TestTime::new(&database).await;
    let midnight = time.now().await;
    let change = |config: &mut Config| {
        config.retention = two_days();
        config.activities.lifetime_s = 30 * 24 * 3_600;
    };
    let world = World::start_with(database, time.clock(), change).await;
    let (store, stop) = (world.server.store().clone(), CancellationToken::new());
    let retention = Retention::new(store, time.clock(), two_days(), stop);
    let caller = world.caller();
    let life = Life { world, time, caller };
    life.begins().await;
    let mut sizes: Vec<BTreeMap<String, usize>> = Vec::new();
    for day in 0..DAYS {
        let next_midnight = midnight + 24 * HOUR * u32::try_from(day + 1).expect("a day");
        life.time.advance(DAWN).await;
        life.fly("DAILY", day).await;
        life.fly(&format!("FLIGHT_{day}"), day).await;
        life.time.advance_to(next_midnight - HOUR).await;
        retention.round().await.expect("a round");
        let again = life.caller.activities().update_activity(update_of("DAILY", day)).await;
        assert!(again.expect("the first answer").into_inner().replayed, "within a day");
        life.time.advance_to(next_midnight).await;
        retention.round().await.expect("a round");
        life.comes_to_rest().await;
        let tables = Tables::read(life.world.database()).await;
        assert!(
            tables.rows("request_ids").len() <= 8,
            "after a day none is left of the day before"
        );
        assert_counts_are_of_what_is_kept(&life.world, day).await;
        sizes.push(tables.0.iter().map(|(name, rows)| (name.clone(), rows.len())).collect());
    }
    for (table, size) in &sizes[DAYS - 1] {
        let of_days = sizes.iter().map(|sizes| sizes[table]).collect::<Vec<_>>();
        let level = of_days[LEVEL - 1..=LEVEL].iter().max().copied().unwrap_or_default();
        let more = match table.as_str() {
            // An id keeps its type for ever: that of each flight is another one.
            "activities" => DAYS - 1 - LEVEL,
            // Its rows hang by chance, and were counted one by one.
            "delivery_counts" => continue,
            _ => 0,
        };
        assert!(*size <= level + more, "{table} grows: {of_days:?}");
    }
    what_is_left_is_what_is_needed(&life).await;
    life.world.stop().await;
}

/// By time: exactly the outcomes of the pushes that the log still has, each in the slot of its subscription. By run:
/// those of the runs that are kept.
async fn assert_counts_are_of_what_is_kept(world: &World, day: usize) {
    let counted = async |sql| count(world.database(), sql).await;
    let logged = "SELECT count(*) FROM deliveries";
    let pushes = "SELECT cast(sum(pushes) AS bigint) FROM delivery_counts \
         WHERE subject IN (SELECT id FROM workspaces)";
    assert_eq!(counted(pushes).await, counted(logged).await, "day {day}: pushes by time");
    // A run of these has one subscription, so its counts have one slot.
    let outcomes = "SELECT count(*) FROM (SELECT DISTINCT \
             d.sent_at / 900000, c.slot, d.operation, d.provider, d.status, d.class, d.reason \
         FROM deliveries d \
             JOIN delivery_counts c ON c.subject = d.activity_key AND c.part = d.run) o";
    let rows = "SELECT count(*) FROM delivery_counts WHERE subject IN (SELECT id FROM workspaces)";
    assert_eq!(counted(rows).await, counted(outcomes).await, "day {day}: rows by time");
    let rows = "SELECT count(*) FROM delivery_counts \
         WHERE subject NOT IN (SELECT id FROM workspaces)";
    // A run of an id that is used again is old when the next one is.
    let runs = (day + 1).min(FLIGHTS_KEPT) + (day + 1).min(FLIGHTS_KEPT + 1);
    let of_long = 1;
    let of_runs = i64::try_from(runs * OUTCOMES + of_long).expect("a count");
    assert_eq!(counted(rows).await, of_runs, "day {day}: rows by run");
}

async fn what_is_left_is_what_is_needed(life: &Life) {
    let Life { world, caller, .. } = life;
    let tables = Tables::read(world.database()).await;
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
