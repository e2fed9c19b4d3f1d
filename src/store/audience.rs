//! Who is in an audience: pages of devices for an expansion, and whether one device belongs.
//!
//! Invariant: pages follow keys that do not change, so that an expansion which goes on from a cursor misses nobody who
//! was there at its beginning.

use super::codes::corrupt;
use super::entity::device::{Column, Entity};
use super::entity::subscription;
use super::on::On;
use super::tokens;
use crate::domain::device::Device;
use crate::domain::expansion::{Audience, Expansion, Who};
use crate::domain::ids::{AppId, DeviceKey};
use crate::domain::token::Token;
use crate::error::Result;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::collections::{HashMap, HashSet};

/// How many contacts a page is taken from.
const CONTACTS_MAX: usize = 500;
/// Between the parts of a cursor: the position in the list of contacts, and the key of a device.
const BETWEEN: char = '/';

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
    let cursor = Cursor::parse(&expansion.cursor)?;
    let (devices, next) = match &expansion.audience.who {
        Who::ContactKeys(keys) => of_contacts(on, expansion, &sorted(keys), cursor, limit).await?,
        Who::DeviceIds(ids) => {
            let query = devices(expansion).filter(Column::DeviceId.is_in(ids));
            by_key(on, query, cursor, limit).await?
        }
        Who::AllDevices => by_key(on, devices(expansion), cursor, limit).await?,
    };
    let keys: Vec<DeviceKey> = devices.iter().map(|device| device.key).collect();
    let mut starts = tokens::start_tokens_of(on, &keys, activity_type, None).await?;
    let devices = if expansion.audience.latest_only {
        latest(on, expansion, activity_type, devices).await?
    } else {
        devices
    };
    let is_by_contact = matches!(expansion.audience.who, Who::ContactKeys(_));
    let candidates = devices.into_iter().map(|device| Candidate {
        contact_key: if is_by_contact { device.contact_key.clone() } else { String::new() },
        start_token: starts.remove(&device.key),
        device,
    });
    Ok((candidates.collect(), next.map(Cursor::text)))
}

/// Whether a device belongs to the audience, as far as that is of people, devices and apps: of a person's devices
/// `latest_only` prefers one for starts, but a card that is there already is followed on any.
pub async fn audience_contains(
    on: &impl On,
    expansion: &Expansion,
    device: &Device,
) -> Result<bool> {
    let Audience { who, .. } = &expansion.audience;
    let query = match who {
        Who::ContactKeys(keys) => devices(expansion).filter(Column::ContactKey.is_in(keys)),
        Who::DeviceIds(ids) => devices(expansion).filter(Column::DeviceId.is_in(ids)),
        Who::AllDevices => devices(expansion),
    };
    let found = query.filter(Column::Key.eq(device.key.0)).one(&on.handle().db).await?;
    Ok(found.is_some())
}

/// The devices of the workspace with the apps that the audience allows.
fn devices(expansion: &Expansion) -> Select<Entity> {
    let query = Entity::find()
        .filter(Column::WorkspaceId.eq(expansion.workspace.0))
        .filter(Column::DeletedAt.is_null());
    let apps = &expansion.audience.app_ids;
    if apps.is_empty() {
        return query;
    }
    let apps = apps.iter().filter_map(|id| id.parse::<AppId>().ok());
    query.filter(Column::AppId.is_in(apps.map(|id| id.0)))
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

/// Of these devices those that are the best of their contact in the whole audience. One without a contact stands for
/// itself.
async fn latest(
    on: &impl On,
    expansion: &Expansion,
    activity_type: &str,
    page: Vec<Device>,
) -> Result<Vec<Device>> {
    let contacts: HashSet<&str> = page.iter().map(|device| device.contact_key.as_str()).collect();
    let contacts = contacts.into_iter().filter(|contact| !contact.is_empty());
    let mut query = devices(expansion).filter(Column::ContactKey.is_in(contacts));
    if let Who::DeviceIds(ids) = &expansion.audience.who {
        query = query.filter(Column::DeviceId.is_in(ids));
    }
    let rivals = read(on, query).await?;
    let keys: Vec<DeviceKey> = rivals.iter().map(|device| device.key).collect();
    let starts = tokens::start_tokens_of(on, &keys, activity_type, None).await?;
    let subscribed = subscribed(on, expansion, &keys).await?;
    let rank = |device: &Device| {
        let has_way = starts.contains_key(&device.key) || subscribed.contains(&device.key);
        (device.obstacle().is_none() && has_way, device.last_seen_at, device.key)
    };
    let mut best: HashMap<&str, &Device> = HashMap::new();
    for device in &rivals {
        let held = best.entry(&device.contact_key).or_insert(device);
        if rank(device) > rank(held) {
            *held = device;
        }
    }
    let is_best = |device: &Device| {
        best.get(device.contact_key.as_str()).is_none_or(|best| best.key == device.key)
    };
    Ok(page.into_iter().filter(is_best).collect())
}

async fn subscribed(
    on: &impl On,
    expansion: &Expansion,
    devices: &[DeviceKey],
) -> Result<HashSet<DeviceKey>> {
    let query = subscription::Entity::find()
        .select_only()
        .column(subscription::Column::DeviceKey)
        .filter(subscription::Column::ActivityKey.eq(expansion.activity.0))
        .filter(subscription::Column::Run.eq(expansion.run))
        .filter(subscription::Column::DeviceKey.is_in(devices.iter().map(|key| key.0)));
    let keys: Vec<sea_orm::prelude::Uuid> = query.into_tuple().all(&on.handle().db).await?;
    Ok(keys.into_iter().map(DeviceKey).collect())
}

async fn read(on: &impl On, query: Select<Entity>) -> Result<Vec<Device>> {
    let handle = on.handle();
    handle.hold(query).all(&handle.db).await?.into_iter().map(Device::try_from).collect()
}

fn is_full(devices: &[Device], limit: u64) -> bool {
    u64::try_from(devices.len()).is_ok_and(|read| read >= limit)
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
