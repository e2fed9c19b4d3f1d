//! Why a device shows what it shows: loads all that is known and asks `domain::explain`.
//!
//! The invariant: it reads, with bounds, and writes nothing.

use super::devices::{self, DeviceSeen};
use super::subscriptions::{self, Seen};
use super::{Service, activities};
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::decide::{Decision, Tokens, decide};
use crate::domain::delivery::Status;
use crate::domain::device::Device;
use crate::domain::expansion::Expansion;
use crate::domain::explain::{self, Case, Explanation, Finding, Standing};
use crate::domain::ids::{SegmentKey, WorkspaceId};
use crate::domain::plan::{Present, Wanted};
use crate::domain::push::Operation;
use crate::domain::recipient::{Roll, Way};
use crate::domain::revision::Run;
use crate::domain::shard::Shard;
use crate::error::{Error, Result};
use crate::store::deliveries::{DeliveryFilter, LoggedDelivery, Order};
use crate::store::subscriptions::Member;
use crate::store::{self, Reader};
use std::collections::HashMap;

/// How many devices of a contact are explained at once.
const DEVICES_MAX: usize = 20;
/// How many pushes to a device are shown.
const DELIVERIES_SHOWN: u64 = 5;

/// What is to be explained.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct Asked {
    pub activity_id: String,
    pub run: Option<Run>,
    pub whom: Whom,
}

/// For whom.
#[derive(Clone, Debug)]
pub enum Whom {
    /// One device, by the caller's id.
    Device(String),
    /// The devices of a contact.
    Contact(String),
}

/// What happened, and why.
#[derive(Clone, Debug)]
pub struct Explained {
    /// The activity as it is now.
    pub activity: Activity,
    /// The run that is explained.
    pub run: Run,
    /// What holds for all of its devices.
    pub findings: Vec<Finding>,
    /// Each device.
    pub devices: Vec<DeviceExplained>,
    /// The contact has more.
    pub has_more_devices: bool,
    /// When it was so.
    pub now: Time,
}

/// One device, and how the run stands on it.
#[derive(Clone, Debug)]
pub struct DeviceExplained {
    /// The device, with its tokens.
    pub device: DeviceSeen,
    /// What it has of the run.
    pub subscription: Option<Seen>,
    /// What was found.
    pub explanation: Explanation,
    /// The last pushes of the run to it, the newest first.
    pub deliveries: Vec<LoggedDelivery>,
}

/// What all devices of a run have in common.
struct Common {
    activity: Activity,
    run: Run,
    start: Option<Expansion>,
    is_expanding: bool,
    roll: Roll,
    segments: HashMap<SegmentKey, String>,
    now: Time,
}

/// What a device has of the run, with what the dispatcher would do now.
struct Held {
    member: Member,
    shard: Shard,
    wanted: Option<Wanted>,
    decision: Option<Decision>,
}

/// Explains a run on a device, or on the devices of a contact.
pub async fn explain(service: &Service, workspace: WorkspaceId, asked: Asked) -> Result<Explained> {
    let reader = service.store.reader();
    let activity = activities::get(service, workspace, &asked.activity_id).await?;
    let run = asked.run.unwrap_or(activity.run);
    if run <= activity.deleted_run || run > activity.run || run < 1 {
        return Err(Error::not_found("run", format!("{run} of {}", activity.activity_id)));
    }
    let (devices, has_more_devices) = meant(reader, workspace, &asked.whom).await?;
    let common = common(service, activity, run, &devices).await?;
    let mut explained = Vec::with_capacity(devices.len());
    for device in devices {
        explained.push(explain_one(service, &common, device).await?);
    }
    let findings = explain::explain_run(&common.activity, run, common.is_expanding);
    let Common { activity, now, .. } = common;
    Ok(Explained { activity, run, findings, devices: explained, has_more_devices, now })
}

async fn meant(
    reader: &Reader,
    workspace: WorkspaceId,
    whom: &Whom,
) -> Result<(Vec<Device>, bool)> {
    match whom {
        Whom::Device(device_id) => {
            Ok((vec![devices::existing(reader, workspace, device_id).await?], false))
        }
        Whom::Contact(contact_key) => {
            let limit = u64::try_from(DEVICES_MAX + 1).unwrap_or(u64::MAX);
            let found = store::devices::of_contact(reader, workspace, contact_key, limit);
            let mut found = found.await?;
            if found.is_empty() {
                return Err(Error::not_found("contact", format!("{contact_key} with a device")));
            }
            let has_more = found.len() > DEVICES_MAX;
            found.truncate(DEVICES_MAX);
            Ok((found, has_more))
        }
    }
}

async fn common(
    service: &Service,
    activity: Activity,
    run: Run,
    devices: &[Device],
) -> Result<Common> {
    let (reader, key) = (service.store.reader(), activity.key);
    let start = store::expansions::find(reader, key, run).await?;
    let is_expanding = store::expansions::is_any_pending(reader, key, run).await?;
    let apps = start.as_ref().map(|start| start.audience.app_ids.as_slice()).unwrap_or_default();
    let roll = store::recipients::roll(reader, (key, run), devices, apps).await?;
    let keys = roll.segments.iter().filter_map(|(recipient, ..)| match recipient.way {
        Way::Segment(key) => Some(key),
        _ => None,
    });
    let keys: Vec<SegmentKey> = keys.collect();
    let segments = store::segments::names(reader, &keys).await?;
    let now = service.clock.now();
    Ok(Common { activity, run, start, is_expanding, roll, segments, now })
}

async fn explain_one(
    service: &Service,
    common: &Common,
    device: Device,
) -> Result<DeviceExplained> {
    let reader = service.store.reader();
    let held = held(reader, common, &device).await?;
    let deliveries = pushes(reader, common, (&device, None), DELIVERIES_SHOWN).await?;
    let starts = pushes(reader, common, (&device, Some(Operation::Start)), 1).await?;
    let started_at = starts.first().map(|start| start.delivery.sent_at);
    let world = held.as_ref().map_or(device.environment, |held| held.shard.place.environment);
    let credential = store::credentials::newest_for(reader, device.app, world).await?;
    let device = devices::with_tokens(reader, device).await?;
    let tokens: Vec<_> = device.tokens.iter().map(|seen| seen.token.clone()).collect();
    let standing = held.as_ref().map(|held| Standing {
        subscription: &held.member.subscription,
        shard: &held.shard,
        wanted: held.wanted.as_ref(),
        decision: held.decision.as_ref(),
    });
    let explanation = explain::explain(&Case {
        activity: &common.activity,
        device: &device.device,
        tokens: &tokens,
        roll: &common.roll,
        segments: &common.segments,
        start: common.start.as_ref(),
        is_expanding: common.is_expanding,
        standing,
        last_push: deliveries.first().map(|logged| &logged.delivery),
        started_at,
        has_credential: credential.is_some(),
        now: common.now,
    });
    let seen = held.map(|held| {
        let newest = held.wanted.map(|wanted| wanted.newest.number);
        let row = (held.member.subscription, held.shard);
        subscriptions::seen(&common.activity, newest, row, device.device.device_id.clone())
    });
    let mut seen = Vec::from_iter(seen);
    subscriptions::look_up_tokens(service, &mut seen).await?;
    let subscription = seen.pop();
    Ok(DeviceExplained { device, subscription, explanation, deliveries })
}

/// What the device has of the run, and the dispatcher's decision about it: the same rows, the same rules.
async fn held(reader: &Reader, common: &Common, device: &Device) -> Result<Option<Held>> {
    let (activity, run) = (&common.activity, common.run);
    let row = store::subscriptions::find(reader, activity.key, run, device.key).await?;
    let Some(row) = row else { return Ok(None) };
    let shard = store::shards::find(reader, row.shard).await?;
    let Some(shard) = shard else { return Ok(None) };
    let member = store::subscriptions::member(reader, &shard, row.id).await?;
    let Some(member) = member else { return Ok(None) };
    let about = ([&member.subscription], common.now);
    let about = (about.0.as_slice(), about.1);
    let wanted = store::wanted::of_members(reader, &shard, activity, about).await?;
    // In which second a process of the server has started is its own affair, and over in a moment.
    let present = Present { now: common.now, process_start_s: 0 };
    let tokens = Tokens {
        card: member.token.clone(),
        second: member.second_token.clone(),
        start: member.start_token.clone(),
        notification: member.notification_token.clone(),
    };
    let whom = (&member.subscription, &member.device);
    let decision = wanted.as_ref().map(|wanted| decide(whom, &shard, wanted, tokens, present));
    Ok(Some(Held { member, shard, wanted, decision }))
}

/// The newest pushes of the run to the device: all, or the accepted ones of one kind.
async fn pushes(
    reader: &Reader,
    common: &Common,
    (device, accepted): (&Device, Option<Operation>),
    limit: u64,
) -> Result<Vec<LoggedDelivery>> {
    let filter = DeliveryFilter {
        activity_id: Some(common.activity.activity_id.clone()),
        run: Some(common.run),
        device_id: Some(device.device_id.clone()),
        operation: accepted,
        status: accepted.map(|_| Status::Accepted),
        ..DeliveryFilter::default()
    };
    let page = store::Page { size: limit, after: None };
    let order = (Order::NewestFirst, page);
    Ok(store::deliveries::list(reader, device.workspace, &filter, order).await?.rows)
}
