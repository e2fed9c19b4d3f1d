//! Turning an audience into subscriptions, one batch of devices at a time.

use super::activity::{Activity, State as ActivityState};
use super::change::Change;
use super::delivery::{Delivery, Status};
use super::device::{Device, Obstacle};
use super::event::{Event, EventKind};
use super::fallback::Fallback;
use super::ids::{DeliveryId, ShardId, SubscriptionId, TokenId};
use super::membership::{Again, Comer, Welcome, come_again};
use super::outcome::Class;
use super::push::{Environment, Operation};
use super::revision::{Number, Revision};
use super::rooms::Rooms;
use super::shard::{Place, Route, Shard};
use super::subscription::{Card, Cause, Exception, Reason, State, Subscription};
use super::targeted::Targeted;
use crate::clock::Time;

/// A device of the audience.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The device.
    pub device: Device,
    /// The contact that it came by; empty where it was named itself.
    pub contact_key: String,
    /// A good token that a start goes by, and its world.
    pub start_token: Option<(TokenId, Environment)>,
    /// The subscription that it has in this run already, with its shard.
    pub existing: Option<(Subscription, Shard)>,
    /// When it was named: ends for targets up to this revision do not concern it.
    pub since: Number,
}

/// Where the run stands.
#[derive(Clone, Copy, Debug)]
pub struct Marked<'a> {
    /// The newest marked revision for everyone; 0 where none is marked yet.
    pub newest: Number,
    /// The marked revisions for targets that still count, in order: they also reach devices that are found after them.
    pub targeted: &'a [Revision],
    /// Whom it is started on, of those who had it before.
    pub welcome: Welcome,
    /// The present.
    pub now: Time,
}

/// Makes subscriptions for a batch. Devices that show the activity already keep theirs: they are updated, not started.
pub fn expand(
    activity: &Activity,
    candidates: Vec<Candidate>,
    mut rooms: Rooms,
    marked: Marked<'_>,
) -> Change {
    let mut change = Change::default();
    if activity.state != ActivityState::Active {
        return change;
    }
    for candidate in candidates {
        match candidate.existing {
            Some(_) => again(activity, candidate, &mut rooms, marked, &mut change),
            None => add(activity, &candidate, &mut rooms, marked, &mut change),
        }
    }
    change.shards = rooms.into_due_shards(marked.now);
    change
}

/// It has the run already, or had it.
fn again(
    activity: &Activity,
    candidate: Candidate,
    rooms: &mut Rooms,
    marked: Marked<'_>,
    change: &mut Change,
) {
    let Candidate { device, contact_key, start_token, existing, since } = candidate;
    let Some((mut row, shard)) = existing else { return };
    let comer = Comer { contact_key: &contact_key, since, welcome: marked.welcome };
    match come_again(&mut row, &shard, comer, marked.now) {
        Again::Nothing if row.contact_key.is_empty() && !contact_key.is_empty() => {
            // A push that is under way is as good as before: it is the same card of the same person.
            row.contact_key = contact_key;
            row.updated_at = marked.now;
        }
        Again::Nothing => return,
        Again::Stays => {}
        Again::Restarts => {
            let environment = start_token.map_or(row.place.environment, |(_, world)| world);
            let place = place(activity, &device, environment);
            if place != row.place {
                row.place = place;
                row.shard = rooms.take(row.workspace, place, marked.newest).id;
            }
            refuse(&device, start_token, &mut row, marked.now, change);
        }
    }
    change.due.push((row.shard, marked.now));
    change.subscriptions.push(row);
}

fn add(
    activity: &Activity,
    candidate: &Candidate,
    rooms: &mut Rooms,
    marked: Marked<'_>,
    change: &mut Change,
) {
    let device = &candidate.device;
    let environment = candidate.start_token.map_or(device.environment, |(_, world)| world);
    let place = place(activity, device, environment);
    let shard = rooms.take(activity.workspace, place, marked.newest).id;
    let mut subscription = new_subscription(activity, device, place, shard, marked.now);
    subscription.contact_key.clone_from(&candidate.contact_key);
    let later = |r: &&Revision| !r.is_end() || r.number > candidate.since;
    subscription.targeted = targeted(marked.targeted.iter().filter(later), device);
    refuse(device, candidate.start_token, &mut subscription, marked.now, change);
    if let Some(Reason::Obstacle(obstacle)) = subscription.reason {
        change.deliveries.push(skipped(activity, &subscription, obstacle, marked.now));
    }
    change.subscriptions.push(subscription);
}

/// Where there is no way to start it, the reason is noted.
fn refuse(
    device: &Device,
    start_token: Option<(TokenId, Environment)>,
    subscription: &mut Subscription,
    now: Time,
    change: &mut Change,
) {
    let no_token = start_token.is_none().then(|| device.obstacle_without_token());
    if let Some(obstacle) = device.obstacle().or(no_token) {
        subscription.turn(State::Unreachable, Some(Reason::Obstacle(obstacle)), Cause::Sweeper);
        change.events.push(Event::of(subscription, EventKind::SubscriptionUnreachable, now));
    }
}

/// How many revisions for targets are looked at for a device that comes later: the newest.
pub const TARGETED_MAX: u64 = 256;

/// What these revisions, in order, ask of the device.
pub fn targeted<'a>(
    revisions: impl IntoIterator<Item = &'a Revision>,
    device: &Device,
) -> Targeted {
    let mut targeted = Targeted::default();
    for revision in revisions.into_iter().filter(|revision| revision.targets(device)) {
        targeted.note(revision);
    }
    targeted
}

/// Where pushes of the activity's current run to this device go.
pub fn place(activity: &Activity, device: &Device, environment: Environment) -> Place {
    Place {
        activity: activity.key,
        run: activity.run,
        app: device.app,
        environment,
        route: Route::of(device.platform),
    }
}

/// A subscription that is to be started and was delivered nothing.
pub fn new_subscription(
    activity: &Activity,
    device: &Device,
    place: Place,
    shard: ShardId,
    now: Time,
) -> Subscription {
    Subscription {
        id: SubscriptionId::generate(),
        workspace: activity.workspace,
        place,
        shard,
        device: device.key,
        contact_key: String::new(),
        state: State::PendingStart,
        reason: None,
        cause: Cause::Caller,
        version: 0,
        asked_at: now,
        starts_begun: 0,
        start_doubt_until: None,
        card: Card::default(),
        second: None,
        closed_card: None,
        exception: Some(Exception::default()),
        look_at: Some(now),
        targeted: Targeted::default(),
        alerted: 0,
        fallback: if activity.fallback.is_some() { Fallback::Asked } else { Fallback::NotAsked },
        closing: false,
        report: None,
        created_at: now,
        updated_at: now,
    }
}

fn skipped(
    activity: &Activity,
    subscription: &Subscription,
    obstacle: Obstacle,
    now: Time,
) -> Delivery {
    Delivery {
        id: DeliveryId::at(now),
        workspace: activity.workspace,
        activity: activity.key,
        run: activity.run,
        subscription: subscription.id,
        device: subscription.device,
        contact_key: subscription.contact_key.clone(),
        app: subscription.place.app,
        provider: subscription.place.route.provider(),
        environment: subscription.place.environment,
        operation: Operation::Start,
        first_revision: activity.revision,
        revision: activity.revision,
        alert_revision: 0,
        status: Status::Skipped,
        reason: obstacle.word().to_owned(),
        class: Some(Class::Device),
        http_status: 0,
        attempt: 0,
        apns_id: None,
        provider_message_id: None,
        sent_at: now,
        answered_at: None,
    }
}

#[cfg(test)]
mod tests;
