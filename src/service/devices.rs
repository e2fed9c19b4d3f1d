//! What a device says about itself: that it exists, who holds it, and what is on its screen. Its tokens are in
//! `tokens`.

mod delete;
mod sync;

pub use delete::delete;
pub use sync::{CardAsked, Missing, SyncAsked, Synced, SyncedCard, SyncedToken, sync};

use super::{Answered, Call, Page, PageRequest, Service, subscriptions};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::device::{Description, Device, FormFactor, OsVersion};
use crate::domain::ids::{AppId, DeviceKey, SubscriptionId, WorkspaceId};
use crate::domain::platform::Platform;
use crate::domain::push::Environment;
use crate::domain::report;
use crate::domain::revision::Run;
use crate::domain::subscription::{ReportedState, Subscription};
use crate::domain::tenant::App;
use crate::domain::token::Token;
use crate::error::{Error, Reason, Result};
pub use crate::store::devices::DeviceFilter;
use crate::store::{self, On, Tx};
use serde::{Deserialize, Serialize};

/// A registration, checked for form. Absent values keep what is known.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub struct DeviceAsked {
    pub device_id: String,
    pub app: AppId,
    pub contact_key: Option<String>,
    pub platform: Platform,
    pub form_factor: Option<FormFactor>,
    pub os_version: OsVersion,
    pub environment: Option<Environment>,
    pub activities_enabled: Option<bool>,
    pub frequent_pushes_enabled: Option<bool>,
    pub notifications_permission: Option<bool>,
    pub app_version: Option<String>,
    pub sdk_version: Option<String>,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub locale: Option<String>,
}

/// A report, checked for form.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub struct ReportAsked {
    pub device_id: String,
    pub activity_id: String,
    pub run: Option<Run>,
    pub device_activity_id: Option<String>,
    pub state: ReportedState,
}

/// What is kept of an answer for a repeat of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    created: bool,
}

/// Registers a device; says whether it is new.
pub async fn register(
    service: &Service,
    call: &Call,
    asked: DeviceAsked,
) -> Result<Answered<(Device, bool)>> {
    let (workspace, device_id) = (call.workspace, asked.device_id.clone());
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(async move {
            let created = register_within(tx, workspace, asked, now).await?;
            Ok(Kept { created })
        })
    });
    let Answered { answer, replayed } = decided.await?;
    service.bus.ring(Ring::Work);
    let device = existing(service.store.reader(), workspace, &device_id).await?;
    Ok(Answered { answer: (device, answer.created), replayed })
}

/// Takes a report.
pub async fn report(
    service: &Service,
    call: &Call,
    asked: ReportAsked,
) -> Result<Answered<subscriptions::Seen>> {
    let (workspace, device_id) = (call.workspace, asked.device_id.clone());
    let decided = service.mutate(call, move |tx, now| {
        let asked = asked.clone();
        Box::pin(async move {
            let subscription = report_within(tx, workspace, asked, now).await?;
            Ok(subscription.id.0)
        })
    });
    let Answered { answer, replayed } = decided.await?;
    let seen = subscriptions::look(service, SubscriptionId(answer), device_id).await?;
    service.bus.ring(Ring::Work);
    service.bus.ring(Ring::Activity(seen.subscription.place.activity));
    Ok(Answered { answer: seen, replayed })
}

/// A device with its tokens.
#[derive(Clone, Debug)]
pub struct DeviceSeen {
    /// The device.
    pub device: Device,
    /// Its tokens.
    pub tokens: Vec<TokenSeen>,
}

/// A token as a caller sees it.
#[derive(Clone, Debug)]
pub struct TokenSeen {
    /// The row.
    pub token: Token,
    /// The activity, by the caller's id, and the run that it updates.
    pub updates: Option<(String, Run)>,
    /// When it was last known to be good.
    pub confirmed_at: Time,
}

/// The device of that id, with its tokens.
pub async fn get(service: &Service, workspace: WorkspaceId, device_id: &str) -> Result<DeviceSeen> {
    let reader = service.store.reader();
    let device = existing(reader, workspace, device_id).await?;
    with_tokens(reader, device).await
}

/// The device with its tokens.
pub(super) async fn with_tokens(reader: &impl On, device: Device) -> Result<DeviceSeen> {
    let all = store::tokens::of_device(reader, device.key).await?;
    let pushes = store::confirmations::of_device(reader, device.key).await?;
    let mut tokens = Vec::with_capacity(all.len());
    for token in &all {
        let updates = match token.subscription {
            Some(id) => updates(reader, id).await?,
            None => None,
        };
        let confirmed_at = token.confirmed_at(&all, &pushes);
        tokens.push(TokenSeen { token: token.clone(), updates, confirmed_at });
    }
    Ok(DeviceSeen { device, tokens })
}

async fn updates(on: &impl On, id: SubscriptionId) -> Result<Option<(String, Run)>> {
    let rows = store::subscriptions::by_ids(on, &[id]).await?;
    let Some(place) = rows.first().map(|row| row.place) else { return Ok(None) };
    let activity = store::activities::by_key(on, place.activity).await?;
    Ok(activity.map(|activity| (activity.activity_id, place.run)))
}

/// A page of devices, in the order in which they were registered first.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    filter: &DeviceFilter,
    page: &PageRequest,
) -> Result<Page<Device>> {
    let rows =
        store::devices::list(service.store.reader(), workspace, filter, page.rows()?).await?;
    Ok(Page::of(rows, page, |device| device.key.to_string()))
}

async fn register_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: DeviceAsked,
    now: Time,
) -> Result<bool> {
    let app = store::apps::find(tx, workspace, asked.app).await?;
    let app = app.ok_or_else(|| Error::not_found("app", asked.app.to_string()))?;
    let known = store::devices::find(tx, workspace, &asked.device_id).await?;
    if known.as_ref().is_some_and(|device| device.app != asked.app) {
        let problem = "is another app than the device was registered with; \
                       each install of an app needs a device_id of its own";
        return Err(Error::invalid_field("app_id", problem));
    }
    check_platform(&app, &asked)?;
    let created = known.is_none();
    let before = known.unwrap_or_else(|| Device {
        key: DeviceKey::generate(),
        workspace,
        device_id: asked.device_id.clone(),
        app: app.id,
        contact_key: String::new(),
        platform: asked.platform,
        form_factor: FormFactor::Unspecified,
        os_version: asked.os_version,
        environment: app.default_environment,
        activities_enabled: true,
        frequent_pushes_enabled: false,
        notifications_permission: asked.platform == Platform::Android,
        description: Description::default(),
        created_at: now,
        last_seen_at: now,
        deleted_at: None,
    });
    let device = merge(&before, asked, now);
    let mut change = Change::default();
    if device.contact_key != before.contact_key && !before.contact_key.is_empty() {
        end_for_old_contact(tx, &before, &mut change, now).await?;
    }
    super::tokens::permitted(tx, &before, &device, &mut change, now).await?;
    let opened = before.obstacle().is_some() && device.obstacle().is_none();
    change.devices.push(device.clone());
    store::apply(tx, change).await?;
    if created || device.contact_key != before.contact_key {
        store::arrivals::note(tx, workspace, device.key).await?;
    }
    if opened {
        let mut change = Change::default();
        super::tokens::rearm(tx, &device, &mut change, now).await?;
        store::apply(tx, change).await?;
    }
    Ok(created)
}

fn check_platform(app: &App, asked: &DeviceAsked) -> Result<()> {
    let platform = app.build.platform();
    if platform != asked.platform {
        let problem = format!("is not the app's: it is for {}", platform.word());
        return Err(Error::invalid_field("platform", problem));
    }
    if platform == Platform::Android && asked.environment.is_some() {
        return Err(Error::invalid_field("environment", "is of iOS devices only"));
    }
    Ok(())
}

fn merge(before: &Device, asked: DeviceAsked, now: Time) -> Device {
    let old = before.description.clone();
    Device {
        contact_key: asked.contact_key.unwrap_or_else(|| before.contact_key.clone()),
        form_factor: asked.form_factor.unwrap_or(before.form_factor),
        os_version: asked.os_version,
        environment: asked.environment.unwrap_or(before.environment),
        activities_enabled: asked.activities_enabled.unwrap_or(before.activities_enabled),
        frequent_pushes_enabled: asked
            .frequent_pushes_enabled
            .unwrap_or(before.frequent_pushes_enabled),
        notifications_permission: asked
            .notifications_permission
            .unwrap_or(before.notifications_permission),
        description: Description {
            app_version: asked.app_version.unwrap_or(old.app_version),
            sdk_version: asked.sdk_version.unwrap_or(old.sdk_version),
            manufacturer: asked.manufacturer.unwrap_or(old.manufacturer),
            model: asked.model.unwrap_or(old.model),
            locale: asked.locale.unwrap_or(old.locale),
        },
        last_seen_at: now,
        ..before.clone()
    }
}

/// Another person holds the device: what it shows of the old one's is ended at once.
async fn end_for_old_contact(
    tx: &Tx,
    before: &Device,
    change: &mut Change,
    now: Time,
) -> Result<()> {
    let open = store::subscriptions::open_of_device(tx, before.key).await?;
    for (mut subscription, shard) in store::subscriptions::with_shards(tx, open).await? {
        if subscription.contact_key == before.contact_key
            && store::subscriptions::is_open(&subscription)
        {
            change.events.extend(report::change_contact(&mut subscription, &shard, now));
            change.due.push((shard.id, now));
            change.subscriptions.push(subscription);
        }
    }
    Ok(())
}

async fn report_within(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: ReportAsked,
    now: Time,
) -> Result<Subscription> {
    let mut device = existing(tx, workspace, &asked.device_id).await?;
    // What is asked of the activity meanwhile waits for the shard, and comes after this report.
    let glance = tx.glance();
    let activity = super::activities::existing(&glance, workspace, &asked.activity_id).await?;
    let all = store::subscriptions::of_device_and_activity(tx, activity.key, device.key).await?;
    let mut all = store::subscriptions::with_shards(tx, all).await?;
    all.retain(|(row, _)| row.place.run > activity.deleted_run);
    let id = asked.device_activity_id.as_deref();
    let (mut subscription, shard) = choose(all, asked.run, id)?;
    let run = subscription.place.run;
    let newest = store::revisions::newest_for_everyone(tx, activity.key, run, activity.revision);
    let run_ended = newest.await?.is_some_and(|revision| revision.is_end());
    let ended = run_ended || subscription.targeted.end > 0;
    let report = (asked.state, id);
    let events = report::report(&mut subscription, &shard, report, ended, now);
    device.last_seen_at = now;
    let change = Change {
        subscriptions: vec![subscription.clone()],
        devices: vec![device],
        due: vec![(shard.id, now)],
        events,
        ..Change::default()
    };
    store::apply(tx, change).await?;
    Ok(subscription)
}

type Row = (Subscription, crate::domain::shard::Shard);

/// The subscription that a report is about: of the run named, of the card named, or the only one that is open.
fn choose(mut all: Vec<Row>, run: Option<Run>, card: Option<&str>) -> Result<Row> {
    let position = match (run, card) {
        (Some(run), _) => all.iter().position(|(row, _)| row.place.run == run),
        (None, Some(card)) => all.iter().position(|(row, _)| row.knows_card(card)),
        (None, None) => None,
    };
    if let Some(index) = position {
        return Ok(all.swap_remove(index));
    }
    if run.is_none() {
        let open = all.iter().filter(|(row, _)| row.awaits_or_shows()).count();
        if open > 1 {
            let message = "This device has cards of two runs; name the run of this one.";
            return Err(Error::new(Reason::RunRequired, message));
        }
        let only = all.iter().position(|(row, _)| open == 0 || row.awaits_or_shows());
        if let Some(index) = only {
            return Ok(all.swap_remove(index));
        }
    }
    Err(Error::not_found("subscription", "of this device to this activity and run"))
}

/// The device of that id.
pub(super) async fn existing(
    on: &impl On,
    workspace: WorkspaceId,
    device_id: &str,
) -> Result<Device> {
    let found = store::devices::find(on, workspace, device_id).await?;
    found.ok_or_else(|| Error::not_found("device", device_id))
}
