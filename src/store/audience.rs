//! Who is in an audience: pages of devices for an expansion, and whether one device belongs.
//!
//! Invariant: pages follow keys that do not change, so that an expansion which goes on from a cursor misses nobody who
//! was there at its beginning.

use super::codes::corrupt;
use super::entity::device::{Column, Entity};
use super::on::On;
use super::segment_members::{self, Pool};
use super::segment_pages::{self, Position, Source, Through};
use super::tokens;
use crate::clock::Time;
use crate::domain::device::Device;
use crate::domain::expansion::{Expansion, Members, Verb, Who};
use crate::domain::ids::DeviceKey;
use crate::domain::segment::SegmentKind;
use crate::domain::subscription::Subscription;
use crate::domain::token::Token;
use crate::error::Result;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::collections::{HashMap, HashSet};

/// How many contacts a page is taken from.
const CONTACTS_MAX: usize = 500;
/// Between the parts of a cursor: the position in the list of contacts, and the key of a device.
const BETWEEN: char = '/';

/// How many devices of contacts are compared together: all guests may be one contact.
const RIVALS_AT_ONCE: u64 = 500;

/// It has the activity, it can show it, when it was seen, and which one it is: the greatest is the best.
type Rank = (bool, bool, Time, DeviceKey);

/// A device that an activity is to be started on.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The device.
    pub device: Device,
    /// The contact through whom it is in the audience; empty where the device itself was named.
    pub contact_key: String,
    /// The good token that a start goes by.
    pub start_token: Option<Token>,
}

/// A position in an audience.
#[derive(Clone, Copy, Default)]
struct Cursor {
    contact: usize,
    device: Option<DeviceKey>,
}

/// The next devices of an audience, and the cursor of those after them, if there are any. A page may be empty though
/// others follow.
pub async fn audience_page(
    on: &impl On,
    expansion: &Expansion,
    activity_type: &str,
    limit: u64,
) -> Result<(Vec<Candidate>, Option<String>)> {
    let (devices, next) = devices_page(on, expansion, limit).await?;
    let devices = if expansion.audience.latest_only {
        latest(on, expansion, activity_type, devices).await?
    } else {
        devices
    };
    let is_by_contact = expansion.audience.is_by_contact();
    let contact_key =
        |device: &Device| if is_by_contact { device.contact_key.clone() } else { String::new() };
    let candidates = devices.into_iter().map(|device| (contact_key(&device), device)).collect();
    Ok((candidates_of(on, candidates, activity_type).await?, next))
}

/// Devices with the contacts through whom they are in an audience, and with all that a start needs.
pub async fn candidates_of(
    on: &impl On,
    devices: Vec<(String, Device)>,
    activity_type: &str,
) -> Result<Vec<Candidate>> {
    let keys: Vec<DeviceKey> = devices.iter().map(|(_, device)| device.key).collect();
    let mut starts = tokens::start_tokens_of(on, &keys, activity_type, None).await?;
    let candidates = devices.into_iter().map(|(contact_key, device)| Candidate {
        contact_key,
        start_token: starts.remove(&device.key),
        device,
    });
    Ok(candidates.collect())
}

/// The next devices that an expansion goes through, whatever they are able to show, and the cursor of those after them.
pub async fn devices_page(
    on: &impl On,
    expansion: &Expansion,
    limit: u64,
) -> Result<(Vec<Device>, Option<String>)> {
    if let Who::Segment(members) = &expansion.audience.who {
        let position = Position::parse(&expansion.cursor)?;
        let through = through(expansion, members);
        let (mut devices, next) = segment_pages::page(on, through, &position, limit).await?;
        if let Some(apps) = expansion.audience.apps() {
            devices.retain(|device| apps.contains(&device.app));
        }
        return Ok((devices, next.map(|next| next.text())));
    }
    let cursor = Cursor::parse(&expansion.cursor)?;
    let (devices, next) = match &expansion.audience.who {
        Who::ContactKeys(keys) => of_contacts(on, expansion, &sorted(keys), cursor, limit).await?,
        Who::DeviceIds(_) | Who::AllDevices | Who::Segment(_) => {
            by_key(on, all_devices(expansion), cursor, limit).await?
        }
    };
    Ok((devices, next.map(Cursor::text)))
}

/// Every device that an expansion goes through, in no order, for a count of them.
pub(super) fn all_devices(expansion: &Expansion) -> Select<Entity> {
    let query = devices(expansion);
    match &expansion.audience.who {
        Who::ContactKeys(keys) => query.filter(Column::ContactKey.is_in(keys)),
        Who::DeviceIds(ids) => query.filter(Column::DeviceId.is_in(ids)),
        Who::AllDevices => query,
        Who::Segment(members) => {
            let column = match members.kind {
                SegmentKind::ContactKeys => Column::ContactKey,
                SegmentKind::DeviceIds => Column::DeviceId,
            };
            let members = segment_members::in_pool(members.key, pool(expansion, members));
            query.filter(column.in_subquery(members))
        }
    }
}

/// A fixed audience has who was a member when it was named, a live one who is now. Who leaves may be anyone that was.
fn pool(expansion: &Expansion, members: &Members) -> Pool {
    match expansion.verb {
        Verb::Leave => Pool::Ever,
        _ if expansion.audience.live => Pool::Present,
        _ => Pool::AsOf(members.as_of),
    }
}

fn through(expansion: &Expansion, members: &Members) -> Through {
    Through {
        workspace: expansion.workspace,
        segment: members.key,
        kind: members.kind,
        source: Source::Pool(pool(expansion, members)),
    }
}

/// The devices of the workspace with the apps that the audience allows.
fn devices(expansion: &Expansion) -> Select<Entity> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(expansion.workspace.0))
        .filter(Column::DeletedAt.is_null());
    match expansion.audience.apps() {
        None => query,
        Some(apps) => query.filter(Column::AppId.is_in(apps.into_iter().map(|id| id.0))),
    }
}

async fn by_key(
    on: &impl On,
    query: Select<Entity>,
    cursor: Cursor,
    limit: u64,
) -> Result<(Vec<Device>, Option<Cursor>)> {
    let mut query = query.order_by_asc(Column::Key).limit(limit);
    if let Some(after) = cursor.device {
        query = query.filter(Column::Key.gt(after.0));
    }
    let devices = read(on, query).await?;
    let last = devices.last().filter(|_| is_full(&devices, limit));
    let next = last.map(|last| Cursor { contact: 0, device: Some(last.key) });
    Ok((devices, next))
}

/// A page of the devices of some of the contacts, which are in order.
async fn of_contacts(
    on: &impl On,
    expansion: &Expansion,
    contacts: &[&str],
    cursor: Cursor,
    limit: u64,
) -> Result<(Vec<Device>, Option<Cursor>)> {
    let rest = contacts.get(cursor.contact..).unwrap_or_default();
    let Some((first, chunk)) = rest.first().zip(rest.get(..rest.len().min(CONTACTS_MAX))) else {
        return Ok((Vec::new(), None));
    };
    let mut query = devices(expansion)
        .filter(Column::ContactKey.is_in(chunk.iter().copied()))
        .order_by_asc(Column::ContactKey)
        .order_by_asc(Column::Key)
        .limit(limit);
    if let Some(after) = cursor.device {
        let is_after =
            Condition::any().add(Column::ContactKey.ne(*first)).add(Column::Key.gt(after.0));
        query = query.filter(is_after);
    }
    let devices = read(on, query).await?;
    let next = match devices.last().filter(|_| is_full(&devices, limit)) {
        Some(last) => {
            let at = contacts.partition_point(|contact| *contact < last.contact_key.as_str());
            Some(Cursor { contact: at, device: Some(last.key) })
        }
        None => Some(Cursor { contact: cursor.contact + chunk.len(), device: None })
            .filter(|next| next.contact < contacts.len()),
    };
    Ok((devices, next))
}

/// Of these devices those that are the best of their contact in the whole audience: the one that has the activity
/// already, or else the one seen most recently among those that can show it. One without a contact stands for itself.
pub async fn latest(
    on: &impl On,
    expansion: &Expansion,
    activity_type: &str,
    page: Vec<Device>,
) -> Result<Vec<Device>> {
    let contacts: HashSet<&str> = page.iter().map(|device| device.contact_key.as_str()).collect();
    let contacts = contacts.into_iter().filter(|contact| !contact.is_empty());
    let mut of_contacts = devices(expansion).filter(Column::ContactKey.is_in(contacts));
    if let Who::DeviceIds(ids) = &expansion.audience.who {
        of_contacts = of_contacts.filter(Column::DeviceId.is_in(ids));
    }
    let mut best: HashMap<String, Rank> = HashMap::new();
    let mut cursor = Some(Cursor::default());
    while let Some(at) = cursor {
        let (rivals, next) = by_key(on, of_contacts.clone(), at, RIVALS_AT_ONCE).await?;
        for (contact, rank) in ranked(on, expansion, activity_type, rivals).await? {
            let best = best.entry(contact).or_insert(rank);
            *best = rank.max(*best);
        }
        cursor = next;
    }
    let is_best = |device: &Device| {
        best.get(&device.contact_key).is_none_or(|(.., best)| *best == device.key)
    };
    Ok(page.into_iter().filter(is_best).collect())
}

/// The contacts of these devices, and how good each device is for its contact.
async fn ranked(
    on: &impl On,
    expansion: &Expansion,
    activity_type: &str,
    devices: Vec<Device>,
) -> Result<Vec<(String, Rank)>> {
    let keys: Vec<DeviceKey> = devices.iter().map(|device| device.key).collect();
    let starts = tokens::start_tokens_of(on, &keys, activity_type, None).await?;
    let holders = holders(on, expansion, &keys).await?;
    let rank = |device: Device| {
        let can_show = device.obstacle().is_none() && starts.contains_key(&device.key);
        let rank = (holders.contains(&device.key), can_show, device.last_seen_at, device.key);
        (device.contact_key, rank)
    };
    Ok(devices.into_iter().map(rank).collect())
}

/// Those of these devices that have the run already, or had it until the person closed it.
async fn holders(
    on: &impl On,
    expansion: &Expansion,
    devices: &[DeviceKey],
) -> Result<HashSet<DeviceKey>> {
    let (activity, run) = (expansion.activity, expansion.run);
    let rows = super::subscriptions::of_devices_in_run(on, activity, run, devices).await?;
    let holders = rows.into_iter().filter(Subscription::holds_its_run).map(|row| row.device);
    Ok(holders.collect())
}

pub(super) async fn read(on: &impl On, query: Select<Entity>) -> Result<Vec<Device>> {
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Device::try_from).collect()
}

pub(super) fn is_full<T>(rows: &[T], limit: u64) -> bool {
    u64::try_from(rows.len()).is_ok_and(|read| read >= limit)
}

fn sorted(keys: &[String]) -> Vec<&str> {
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl Cursor {
    fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Cursor::default());
        }
        let (contact, device) =
            text.split_once(BETWEEN).ok_or_else(|| corrupt("audience cursor"))?;
        let device = match device {
            "" => None,
            key => Some(key.parse().map_err(|_| corrupt("audience cursor"))?),
        };
        let contact = contact.parse().map_err(|_| corrupt("audience cursor"))?;
        Ok(Cursor { contact, device })
    }

    fn text(self) -> String {
        let device = self.device.map_or(String::new(), |key| key.to_string());
        format!("{}{BETWEEN}{device}", self.contact)
    }
}
