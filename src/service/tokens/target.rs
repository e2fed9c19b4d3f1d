//! Which subscription an update token is for: one that the device has, a new one in the current run or in the next, or
//! one of a new activity that the app has started.

use super::{Registration, newest_marked};
use crate::domain::activity::Activity;
use crate::domain::activity_type::ActivityType;
use crate::domain::asked;
use crate::domain::change::Change;
use crate::domain::device::Device;
use crate::domain::event::EventKind;
use crate::domain::expand::{self, TARGETED_MAX};
use crate::domain::expansion::Expansion;
use crate::domain::recipient::Entry;
use crate::domain::register::{self, Belongs, Claim};
use crate::domain::rooms::Rooms;
use crate::domain::shard::Shard;
use crate::domain::start::{self, AppStart};
use crate::domain::subscription::{Cause, Subscription};
use crate::error::{Error, Result};
use crate::store::{self, Tx};

/// The subscription that the token is for: one that the device has, or a new one in the current run, in the next one,
/// or in a new activity.
pub(super) async fn find_subscription(
    tx: &Tx,
    registration: &Registration,
    change: &mut Change,
) -> Result<(Subscription, Shard)> {
    let Registration { asked, device, .. } = registration;
    let existing = resolve_activity(tx, registration).await?;
    let Some(activity) = existing else {
        let activity_type = registration.activity_type(tx, None).await?;
        let activity = registration.app_start(None, &activity_type, change)?;
        crate::service::activities::measure(tx, (&activity, &activity_type), change).await?;
        return add(tx, registration, &activity, true, change).await;
    };
    if !asked.activity_type.is_empty() && asked.activity_type != activity.activity_type {
        return Err(start::type_mismatch(&activity));
    }
    let activity_type = registration.activity_type(tx, Some(&activity)).await?;
    let all = store::subscriptions::of_device_and_activity(tx, activity.key, device.key).await?;
    let mut all = store::subscriptions::with_shards(tx, all).await?;
    all.retain(|(row, _)| row.place.run > activity.deleted_run);
    let (rows, shards): (Vec<Subscription>, Vec<Shard>) = all.into_iter().unzip();
    let expansion = store::expansions::find(&tx.glance(), activity.key, activity.run).await?;
    let entry = match &expansion {
        Some(expansion) => entry(tx, expansion, device).await?,
        None => None,
    };
    let claim = Claim {
        run: asked.run,
        device_activity_id: asked.device_activity_id.as_deref(),
        app_started: registration.is_app_started(),
        in_audience: entry.is_some(),
    };
    match register::belongs(&activity, &activity_type, &rows, claim)? {
        Belongs::To(index) => rows
            .into_iter()
            .zip(shards)
            .nth(index)
            .ok_or_else(|| Error::internal("a subscription that was found is gone")),
        Belongs::Joins => {
            let (mut subscription, shard) = add(tx, registration, &activity, false, change).await?;
            // What a device joined through its contact ends with that contact.
            if entry.is_some_and(|entry| entry.by_contact) {
                subscription.contact_key.clone_from(&device.contact_key);
            }
            Ok((subscription, shard))
        }
        Belongs::StartsNextRun => {
            let activity = registration.app_start(Some(&activity), &activity_type, change)?;
            crate::service::activities::measure(tx, (&activity, &activity_type), change).await?;
            add(tx, registration, &activity, true, change).await
        }
    }
}

/// How the device is in the audience of the run.
async fn entry(tx: &Tx, expansion: &Expansion, device: &Device) -> Result<Option<Entry>> {
    let run = (expansion.activity, expansion.run);
    let devices = std::slice::from_ref(device);
    let roll = store::recipients::roll(tx, run, devices, &expansion.audience.app_ids).await?;
    Ok(roll.entry(device))
}

/// The activity that is named, or the one whose card is; none where the app has started a new one. Only who may start
/// its next run keeps others away: crowds register at the same time.
async fn resolve_activity(tx: &Tx, registration: &Registration) -> Result<Option<Activity>> {
    let Some(seen) = look_for_activity(tx, registration).await? else { return Ok(None) };
    if seen.state.is_over() && registration.is_app_started() {
        store::activities::by_key(tx, seen.key).await
    } else {
        store::activities::by_key(&tx.share(), seen.key).await
    }
}

async fn look_for_activity(tx: &Tx, registration: &Registration) -> Result<Option<Activity>> {
    let on = &tx.glance();
    let Registration { asked, device, known, .. } = registration;
    if !asked.activity_id.is_empty() {
        let found = store::activities::find(on, device.workspace, &asked.activity_id).await?;
        if found.is_none() && asked.activity_type.is_empty() {
            return Err(Error::not_found("activity", &asked.activity_id));
        }
        return Ok(found);
    }
    let by_card = match &asked.device_activity_id {
        Some(card) => store::subscriptions::by_card(tx, device.key, card).await?,
        None => None,
    };
    let key = match (by_card, known.as_ref().and_then(|token| token.subscription)) {
        (Some(subscription), _) => Some(subscription.place.activity),
        (None, Some(id)) => {
            let rows = store::subscriptions::by_ids(tx, &[id]).await?;
            rows.first().filter(|row| row.device == device.key).map(|row| row.place.activity)
        }
        (None, None) => None,
    };
    match key {
        Some(key) => store::activities::by_key(on, key).await,
        None if asked.activity_type.is_empty() => {
            let problem = "is needed, or `activity_type` for an activity that the app has started";
            Err(Error::invalid_field("activity_id", problem))
        }
        None => Ok(None),
    }
}

/// A new subscription in the activity's current run. One that the app started shows the newest content already.
async fn add(
    tx: &Tx,
    registration: &Registration,
    activity: &Activity,
    shows_newest: bool,
    change: &mut Change,
) -> Result<(Subscription, Shard)> {
    let Registration { device, token, now, .. } = registration;
    let wanted = newest_marked(tx, activity.key, activity.run).await?;
    let place = expand::place(activity, device, token.environment);
    let room = store::shards::with_room(tx, &place).await?;
    let mut rooms = Rooms::new(room.into_iter().collect());
    let shard = rooms.take(activity.workspace, place, wanted).clone();
    let mut subscription = expand::new_subscription(activity, device, place, shard.id, *now);
    if shows_newest {
        let exception = subscription.own_exception(&shard);
        exception.delivered = activity.revision;
        exception.last_stamp = now.seconds();
        change.shards.extend(rooms.into_due_shards(*now));
        return Ok((subscription, shard));
    }
    // What was asked of targets before the device joined holds for it too.
    let (place, span) = ((activity.key, activity.run), (wanted, activity.marked_revision));
    let asked = store::revisions::targeted(tx, place, span, TARGETED_MAX).await?;
    subscription.targeted = expand::targeted(&asked, device);
    change.shards.extend(rooms.into_due_shards(*now));
    Ok((subscription, shard))
}

impl Registration {
    fn is_app_started(&self) -> bool {
        self.asked.attributes.is_some() || self.asked.content.is_some()
    }

    async fn activity_type(&self, tx: &Tx, of: Option<&Activity>) -> Result<ActivityType> {
        let name = of.map_or(&self.asked.activity_type, |activity| &activity.activity_type);
        crate::service::activities::activity_type(tx, self.device.workspace, name, self.now).await
    }

    /// The app has started an activity by itself.
    fn app_start(
        &self,
        existing: Option<&Activity>,
        activity_type: &ActivityType,
        change: &mut Change,
    ) -> Result<Activity> {
        if !activity_type.app_may_start {
            return Err(register::app_may_not_start(activity_type));
        }
        let start = AppStart {
            workspace: self.device.workspace,
            activity_id: self.asked.activity_id.clone(),
            activity_type,
            external_id: self.asked.external_id.clone(),
            attributes: self.asked.attributes.clone(),
            content: self.asked.content.clone(),
            lifetime: self.lifetime,
        };
        let (activity, revision) = start::app_start(existing, start, self.now)?;
        let kind = EventKind::ActivityStarted;
        change.events.push(asked::event(&activity, kind, Cause::Device, self.now));
        change.activities.push(activity.clone());
        change.revisions.push(revision);
        Ok(activity)
    }
}
