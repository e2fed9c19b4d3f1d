//! Rows for the tests of rules: plain ones, which a test changes where it matters. Only tests import it.

use super::activity::{Activity, Origin, State as ActivityState};
use super::activity_type::ActivityType;
use super::content::Content;
use super::device::{Description, Device, FormFactor, OsVersion};
use super::fallback::Fallback;
use super::ids::{ActivityKey, AppId, DeviceKey, ShardId, SubscriptionId, TokenId, WorkspaceId};
use super::lifetime::{DELIVER_FOR, LIFETIME};
use super::outcome::{Class, Outcome, Rejection};
use super::plan::{Ends, Kind, Next, Plan, Present, Wanted};
use super::platform::Platform;
use super::push::{Alert, Environment, Operation, Priority};
use super::revision::{Number, Revision, RevisionAlert, Scope, Target};
use super::settle::Sent;
use super::shard::{Place, Route, Shard};
use super::subscription::{Card, Cause, Exception, State, Subscription};
use super::targeted::Targeted;
use super::token::{Token, TokenKind};
use crate::clock::Time;
use crate::secrets::Sealed;

/// The present of every test, at the beginning of a second.
pub(crate) const NOW: Time = Time(1_700_000_000_000);
/// The second of the present.
pub(crate) const NOW_S: i64 = 1_700_000_000;

/// So many seconds after the present; before it if negative.
pub(crate) fn at(seconds: i64) -> Time {
    Time(NOW.0 + seconds * 1_000)
}

/// A process that has been running for long.
pub(crate) fn present() -> Present {
    present_at(NOW)
}

/// The same, looked at another time.
pub(crate) fn present_at(now: Time) -> Present {
    Present { now, process_start_s: NOW_S - 10_000 }
}

/// An alert with title and body.
pub(crate) fn alert(title: &str) -> Alert {
    Alert { title: title.into(), body: "Now".into(), ..Alert::default() }
}

/// A type that nobody registered.
pub(crate) fn activity_type() -> ActivityType {
    ActivityType::unregistered(WorkspaceId::generate(), "flight_status", NOW)
}

/// An active one in its first run.
pub(crate) fn activity() -> Activity {
    Activity {
        key: ActivityKey::generate(),
        workspace: WorkspaceId::generate(),
        activity_id: "FLIGHT_1".to_owned(),
        activity_type: "flight_status".to_owned(),
        external_id: String::new(),
        run: 1,
        revision: 1,
        marked_revision: 1,
        dispatched_revision: 0,
        state: ActivityState::Active,
        origin: Origin::Backend,
        attributes: Content::empty(),
        content: Content::empty(),
        start_alert: alert("Start"),
        fallback: None,
        observed_at: None,
        created_at: NOW,
        updated_at: NOW,
        started_at: NOW,
        deliver_for: DELIVER_FOR,
        expires_at: NOW + LIFETIME,
        ended_at: None,
        deleted_run: 0,
        purged_run: 0,
        deleted_at: None,
    }
}

/// A shard of run 1 whose members were delivered revision 1 a while ago.
pub(crate) fn shard() -> Shard {
    Shard {
        id: ShardId::generate(),
        workspace: WorkspaceId::generate(),
        place: Place {
            activity: ActivityKey::generate(),
            run: 1,
            app: AppId::generate(),
            environment: Environment::Production,
            route: Route::ApnsToken,
        },
        members: 1,
        wanted: 1,
        delivered: 1,
        last_stamp: NOW_S - 100,
        due_at: None,
    }
}

/// An active member with a token and a named card, and no exception.
pub(crate) fn active(shard: &Shard) -> Subscription {
    Subscription {
        state: State::Active,
        starts_begun: 1,
        card: card("A"),
        exception: None,
        ..pending_start(shard)
    }
}

/// A member that is to be started.
pub(crate) fn pending_start(shard: &Shard) -> Subscription {
    Subscription {
        id: SubscriptionId::generate(),
        workspace: shard.workspace,
        place: shard.place,
        shard: shard.id,
        device: DeviceKey::generate(),
        contact_key: String::new(),
        state: State::PendingStart,
        reason: None,
        cause: Cause::Caller,
        version: 7,
        asked_at: at(-1_000),
        starts_begun: 0,
        start_doubt_until: None,
        card: Card::default(),
        second: None,
        closed_card: None,
        exception: Some(Exception::default()),
        targeted: Targeted::default(),
        alerted: 0,
        fallback: Fallback::NotAsked,
        closing: false,
        look_at: None,
        report: None,
        created_at: at(-1_000),
        updated_at: at(-1_000),
    }
}

/// The same member on an Android device, whose pushes go by the device's token.
pub(crate) fn android(mut subscription: Subscription) -> Subscription {
    subscription.place.route = Route::Fcm;
    subscription.card = Card::default();
    subscription
}

/// A second card.
pub(crate) fn second() -> Card {
    card("B")
}

/// A card with a token and a name.
fn card(name: &str) -> Card {
    let device_activity_id = Some(name.to_owned());
    Card { token: Some(TokenId::generate()), device_activity_id, shown_since: None }
}

/// An exception of what the shard has.
pub(crate) fn exception(shard: &Shard) -> Exception {
    Exception { delivered: shard.delivered, last_stamp: shard.last_stamp, ..Exception::default() }
}

/// A silent update for everyone.
pub(crate) fn update(number: Number) -> Revision {
    Revision {
        activity: ActivityKey::generate(),
        number,
        run: 1,
        operation: Operation::Update,
        scope: Scope::Everyone,
        content: Content::empty(),
        alert: None,
        priority: Priority::Normal,
        stale_at: None,
        relevance_score: None,
        dismiss_at: None,
        observed_at: None,
        created_at: NOW,
    }
}

/// An update for everyone with an alert for the next ten minutes.
pub(crate) fn alerting(number: Number) -> Revision {
    let alert = RevisionAlert { alert: alert("Boarding"), expires_at: at(600) };
    Revision { alert: Some(alert), ..update(number) }
}

/// The end for everyone.
pub(crate) fn end(number: Number) -> Revision {
    Revision { operation: Operation::End, ..update(number) }
}

/// The same for targets.
pub(crate) fn targeted(revision: Revision) -> Revision {
    Revision { scope: Scope::Target(Target::default()), ..revision }
}

/// What a run wants.
pub(crate) fn wanted(newest: Revision, others: Vec<Revision>) -> Wanted {
    Wanted { run: 1, newest, others, deliver_for: DELIVER_FOR, has_expired: false }
}

/// The push of a decision to send.
pub(crate) fn push(next: Next) -> Plan {
    match next {
        Next::Send(plan) => plan,
        other => panic!("{other:?} is no push"),
    }
}

/// An update of a member as it is now, sent in the present.
pub(crate) fn sent(subscription: &Subscription, shard: &Shard, revision: Number) -> Sent {
    sent_as(Kind::Update, subscription, shard, revision)
}

/// Another kind of push.
pub(crate) fn sent_as(
    kind: Kind,
    subscription: &Subscription,
    shard: &Shard,
    revision: Number,
) -> Sent {
    let plan = Plan {
        subscription: subscription.id,
        kind,
        revision,
        alert: 0,
        token: subscription.card.token,
        version: subscription.version,
        delivered: subscription.delivered(shard),
        last_stamp: subscription.last_stamp(shard),
        attempt: 1,
        ends: Ends::Asked,
    };
    Sent { stamp: plan.stamp(NOW), plan, spread: 500, sent_at: NOW }
}

/// The provider took it.
pub(crate) fn accepted() -> Outcome {
    Outcome::Accepted { unique_id: None }
}

/// The provider's servers are busy.
pub(crate) fn unavailable() -> Outcome {
    let reason = "ServiceUnavailable".to_owned();
    let class = Class::Retry;
    Outcome::Rejected(Rejection { status: 503, reason, class, dead_since: None, retry_after: None })
}

/// The token is dead since then.
pub(crate) fn gone(dead_since: Option<Time>) -> Outcome {
    let reason = "Unregistered".to_owned();
    let class = Class::Token;
    Outcome::Rejected(Rejection { status: 410, reason, class, dead_since, retry_after: None })
}

/// A device on iOS 18.2.
pub(crate) fn device(contact_key: &str) -> Device {
    Device {
        key: DeviceKey::generate(),
        workspace: WorkspaceId::generate(),
        device_id: "phone".to_owned(),
        app: AppId::generate(),
        contact_key: contact_key.to_owned(),
        platform: Platform::Ios,
        form_factor: FormFactor::Phone,
        os_version: OsVersion { major: 18, minor: 2 },
        environment: Environment::Production,
        activities_enabled: true,
        frequent_pushes_enabled: true,
        notifications_permission: true,
        description: Description::default(),
        created_at: NOW,
        last_seen_at: NOW,
        deleted_at: None,
    }
}

/// A good update token, registered some time ago.
pub(crate) fn token(id: TokenId) -> Token {
    Token {
        id,
        workspace: WorkspaceId::generate(),
        device: DeviceKey::generate(),
        app: AppId::generate(),
        kind: TokenKind::Update,
        environment: Environment::Production,
        fingerprint: [1; 32],
        sealed: Sealed { key_id: "first".to_owned(), bytes: vec![1] },
        activity_type: String::new(),
        subscription: None,
        token_time: at(-500),
        registered_at: at(-400),
        doubted_at: None,
        invalid: None,
    }
}
