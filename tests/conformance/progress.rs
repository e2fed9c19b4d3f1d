//! How far a revision is, counted.

use crate::world::{World, at, shard, subscription};
use tidings::domain::change::Change;
use tidings::domain::device::Obstacle;
use tidings::domain::expansion::Who;
use tidings::domain::shard::{Route, Shard};
use tidings::domain::subscription::{Cause, Exception, Reason, State, Subscription};
use tidings::store::subscriptions::{Progress, RouteProgress, progress};

const WANTED: i64 = 5;

fn own(delivered: i64) -> Exception {
    Exception { delivered, ..Exception::default() }
}

type Make = fn(&mut Subscription);

/// Everyone is in a shard that was delivered 4, unless an exception says otherwise.
const PENDING: [Make; 7] = [
    |_| {},
    |row| row.exception = Some(own(0)),
    |row| row.state = State::PendingStart,
    |row| row.exception = Some(Exception { failed: 4, ..own(3) }),
    |row| row.exception = Some(Exception { failed: 5, retry_at: Some(at(5)), ..own(4) }),
    |row| row.exception = Some(Exception { failed: 5, in_flight: Some((5, at(5))), ..own(4) }),
    |row| {
        row.targeted.update = 6;
        row.exception = Some(Exception { failed: 5, ..own(5) });
    },
];
const ACCEPTED: [Make; 6] = [
    |row| row.exception = Some(own(5)),
    |row| row.exception = Some(Exception { failed: 9, ..own(6) }),
    |row| {
        row.targeted.update = 4;
        row.exception = Some(own(5));
    },
    |row| {
        row.targeted.end = 3;
        row.state = State::Ended;
        row.exception = Some(own(3));
    },
    |row| {
        row.state = State::Ended;
        row.exception = Some(own(5));
    },
    // Its own end was accepted; what came later for the others is not wanted of it.
    |row| {
        row.state = State::Ended;
        row.cause = Cause::Caller;
    },
];
const PENDING_TOKEN: [Make; 1] = [|row| row.state = State::PendingToken];
const FAILED: [Make; 5] = [
    |row| row.exception = Some(Exception { failed: 5, ..own(4) }),
    |row| {
        row.state = State::PendingStart;
        row.exception = Some(Exception { failed: 6, ..own(0) });
    },
    |row| {
        row.state = State::PendingStart;
        row.reason = Some(Reason::StartUnknown);
    },
    |row| row.state = State::Invalidated,
    |row| {
        row.targeted.end = 3;
        row.exception = Some(Exception { failed: 3, ..own(2) });
    },
];
const DISMISSED: [Make; 2] =
    [|row| row.state = State::Dismissed, |row| row.state = State::Dismissed];
const UNREACHABLE: [Make; 1] = [|row| {
    row.state = State::Unreachable;
    row.reason = Some(Reason::Obstacle(Obstacle::ActivitiesDisabled));
}];
/// Over without the wanted revision: nothing of that is due to it.
const ENDED: [Make; 3] = [
    |row| {
        row.state = State::Ended;
        row.reason = Some(Reason::NotStarted);
    },
    |row| {
        row.state = State::Ended;
        row.reason = Some(Reason::ContactChanged);
    },
    |row| {
        row.state = State::Ended;
        row.cause = Cause::Device;
    },
];

pub(crate) async fn every_subscription_is_counted_once_for_what_it_is(world: World) {
    let activity = world.activity("FLIGHT_1");
    let key = activity.key;
    let place = Shard { delivered: 4, wanted: WANTED, ..shard(&activity, world.app) };
    let makes = PENDING.iter().chain(&ACCEPTED).chain(&PENDING_TOKEN).chain(&FAILED);
    let makes = makes.chain(&DISMISSED).chain(&UNREACHABLE).chain(&ENDED);
    let (mut devices, mut rows) = (Vec::new(), Vec::new());
    for (number, make) in makes.enumerate() {
        let device = world.device(&format!("d{number}"), "ada");
        let mut row = subscription(&place, &device);
        make(&mut row);
        devices.push(device);
        rows.push(row);
    }
    let all = rows.len();
    let expansion = world.expansion(&activity, Who::AllDevices);
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            expansions: vec![expansion.clone()],
            shards: vec![place.clone()],
            devices: devices.clone(),
            subscriptions: rows.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
    let expected = RouteProgress {
        route: Route::ApnsToken,
        pending: 7,
        accepted: 6,
        pending_token: 1,
        failed: 5,
        dismissed: 2,
        unreachable: 1,
        ended: 3,
    };
    let counted = progress(world.store.reader(), key, 1, WANTED).await.unwrap();
    assert_eq!(counted, Progress { expanding: true, routes: vec![expected] });
    let RouteProgress { pending, accepted, pending_token, failed, .. } = expected;
    let RouteProgress { dismissed, unreachable, ended, .. } = expected;
    let sum = pending + accepted + pending_token + failed + dismissed + unreachable + ended;
    assert_eq!(usize::try_from(sum).unwrap(), all, "each is in exactly one count");
}

pub(crate) async fn a_run_without_subscriptions_has_no_routes(world: World) {
    let activity = world.activity("FLIGHT_1");
    let counted = progress(world.store.reader(), activity.key, 1, WANTED).await.unwrap();
    assert_eq!(counted, Progress { expanding: false, routes: Vec::new() });
}
