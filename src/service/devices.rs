//! What a device says about itself: that it exists, who holds it, and what is on its screen. Its tokens are in `tokens`.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::device::{Description, Device, FormFactor, OsVersion};
use crate::domain::ids::{AppId, DeviceKey, WorkspaceId};
use crate::domain::push::Environment;
use crate::domain::report;
use crate::domain::revision::Run;
use crate::domain::subscription::{ReportedState, Subscription};
use crate::error::{Error, Reason, Result};
use crate::store::{self, On, Tx};

/// A registration, checked for form. Absent values keep what is known.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of device_service.proto")]
pub struct DeviceAsked {
    pub device_id: String,
    pub app: AppId,
    pub contact_key: Option<String>,
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

/// Registers a device, within `tx`; says whether it is new.
pub async fn register(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: DeviceAsked,
    now: Time,
) -> Result<(Device, bool)> {
    let app = store::apps::find(tx, workspace, asked.app).await?;
    let app = app.ok_or_else(|| Error::not_found("app", asked.app.to_string()))?;
    let known = store::devices::find(tx, workspace, &asked.device_id).await?;
    if known.as_ref().is_some_and(|device| device.app != asked.app) {
        let problem = "is another app than the device was registered with; \
                       each install of an app needs a device_id of its own";
        return Err(Error::invalid_field("app_id", problem));
    }
    let created = known.is_none();
    let before = known.unwrap_or_else(|| Device {
        key: DeviceKey::generate(),
        workspace,
        device_id: asked.device_id.clone(),
        app: app.id,
        contact_key: String::new(),
        form_factor: FormFactor::Unspecified,
        os_version: asked.os_version,
        environment: app.default_environment,
        activities_enabled: true,
        frequent_pushes_enabled: false,
        notifications_permission: false,
        description: Description::default(),
        created_at: now,
        last_seen_at: now,
    });
    let device = merge(&before, asked, now);
    let mut change = Change::default();
    if device.contact_key != before.contact_key && !before.contact_key.is_empty() {
        end_for_old_contact(tx, &before, &mut change, now).await?;
    }
    change.devices.push(device.clone());
    store::apply(tx, change).await?;
    Ok((device, created))
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
        if subscription.contact_key == before.contact_key {
            change.events.extend(report::change_contact(&mut subscription, &shard, now));
            change.due.push((shard.id, now));
            change.subscriptions.push(subscription);
        }
    }
    Ok(())
}

/// Takes a report, within `tx`.
pub async fn report(
    tx: &Tx,
    workspace: WorkspaceId,
    asked: ReportAsked,
    now: Time,
) -> Result<Subscription> {
    let mut device = existing(tx, workspace, &asked.device_id).await?;
    let activity = super::activities::existing(tx, workspace, &asked.activity_id).await?;
    let all = store::subscriptions::of_device_and_activity(tx, activity.key, device.key).await?;
    let all = store::subscriptions::with_shards(tx, all).await?;
    let id = asked.device_activity_id.as_deref();
    let (mut subscription, shard) = choose(all, asked.run, id)?;
    let run = subscription.place.run;
    let newest = store::revisions::newest_for_everyone(tx, activity.key, run, activity.revision);
    let run_ended = newest.await?.is_some_and(|revision| revision.is_end());
    let target = store::revisions::get(tx, activity.key, subscription.targeted).await?;
    let ended = run_ended || target.is_some_and(|revision| revision.is_end());
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
pub async fn existing(on: &impl On, workspace: WorkspaceId, device_id: &str) -> Result<Device> {
    let found = store::devices::find(on, workspace, device_id).await?;
    found.ok_or_else(|| Error::not_found("device", device_id))
}
