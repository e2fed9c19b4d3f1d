//! Subscriptions: activity runs on devices.

pub use super::members::{Member, member, members, to_look_at};
pub use super::progress::{Progress, RouteProgress, progress};
pub use super::targets::matching;

use super::Page;
use super::codes::Code;
use super::entity::subscription::{Column, Entity};
use super::entity::{device, shard};
use super::members::{exceptional, looked_for};
use super::on::{On, Tx};
use super::targets::devices_where;
use crate::clock::Time;
use crate::domain::ids::{ActivityKey, DeviceKey, ShardId, SubscriptionId, WorkspaceId};
use crate::domain::revision::Run;
use crate::domain::shard::Shard;
use crate::domain::subscription::{State, Subscription};
use crate::error::Result;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;

/// States in which something may still happen to a subscription of an active run.
pub(super) const OPEN: [State; 5] = [
    State::PendingStart,
    State::PendingToken,
    State::Active,
    State::Unreachable,
    State::Invalidated,
];

/// How often a subscription may turn out to have moved to another shard before it is left alone.
const MOVES_MAX: usize = 4;

/// Which subscriptions of a run a list shows; an absent or empty field shows all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Of this activity.
    pub activity: ActivityKey,
    /// In this run.
    pub run: Run,
    /// In one of these states.
    pub states: Vec<State>,
    /// On this device, by the caller's id.
    pub device_id: Option<String>,
}

/// A subscription as a caller sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The row.
    pub subscription: Subscription,
    /// The caller's id of its device.
    pub device_id: String,
    /// Its shard.
    pub shard: Shard,
}

/// That of a device in a run.
pub async fn find(
    on: &impl On,
    activity: ActivityKey,
    run: Run,
    device: DeviceKey,
) -> Result<Option<Subscription>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::DeviceKey.eq(device.0));
    query.one(&on.handle().db).await?.map(Subscription::try_from).transpose()
}

/// Members of a shard that is held, by their ids, in order, to be changed: one that has moved to another shard
/// meanwhile comes with that held too.
pub async fn of_held_shard(
    tx: &Tx,
    shard: ShardId,
    ids: &[SubscriptionId],
) -> Result<Vec<Subscription>> {
    let (here, moved): (Vec<_>, Vec<_>) =
        by_ids(tx, ids).await?.into_iter().partition(|row| row.shard == shard);
    let mut rows = here;
    rows.extend(with_shards(tx, moved).await?.into_iter().map(|(row, _)| row));
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// Several by their ids, in order. At most a thousand at once.
pub async fn by_ids(on: &impl On, ids: &[SubscriptionId]) -> Result<Vec<Subscription>> {
    let query =
        Entity::find().filter(Column::Id.is_in(ids.iter().map(|id| id.0))).order_by_asc(Column::Id);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// Those of a device to an activity, one per run, oldest first.
pub async fn of_device_and_activity(
    on: &impl On,
    activity: ActivityKey,
    device: DeviceKey,
) -> Result<Vec<Subscription>> {
    let query = Entity::find()
        .filter(Column::DeviceKey.eq(device.0))
        .filter(Column::ActivityKey.eq(activity.0))
        .order_by_asc(Column::Run);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// Something may still happen to it while its run is active.
pub fn is_open(subscription: &Subscription) -> bool {
    OPEN.contains(&subscription.state)
}

/// Those of a device that are not over, oldest first.
pub async fn open_of_device(on: &impl On, device: DeviceKey) -> Result<Vec<Subscription>> {
    let query = Entity::find()
        .filter(Column::DeviceKey.eq(device.0))
        .filter(Column::State.is_in(OPEN.map(Code::code)))
        .order_by_asc(Column::Id);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// Those of a device that ended since then, oldest first.
pub async fn ended_of_device(
    on: &impl On,
    device: DeviceKey,
    since: Time,
) -> Result<Vec<Subscription>> {
    let query = Entity::find()
        .filter(Column::DeviceKey.eq(device.0))
        .filter(Column::State.eq(State::Ended.code()))
        .filter(Column::UpdatedAt.gte(since.0))
        .order_by_asc(Column::Id);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// Those of these devices in a run that are not over. At most a thousand at once.
pub async fn open_of_devices_in_run(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    devices: &[DeviceKey],
) -> Result<Vec<Subscription>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::DeviceKey.is_in(devices.iter().map(|device| device.0)))
        .filter(Column::State.is_in(OPEN.map(Code::code)));
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// The newest of a device that follows this card of `ActivityKit`, as its first or its second.
pub async fn by_card(
    on: &impl On,
    device: DeviceKey,
    device_activity_id: &str,
) -> Result<Option<Subscription>> {
    let is_card = Condition::any()
        .add(Column::CardId.eq(device_activity_id))
        .add(Column::SecondCardId.eq(device_activity_id))
        .add(Column::ClosedCardId.eq(device_activity_id));
    let query = Entity::find()
        .filter(Column::DeviceKey.eq(device.0))
        .filter(is_card)
        .order_by_desc(Column::Id);
    query.one(&on.handle().db).await?.map(Subscription::try_from).transpose()
}

/// The members of a shard that have an exception.
pub async fn rows_with_exception(on: &impl On, shard: ShardId) -> Result<Vec<Subscription>> {
    let query = exceptional(shard).filter(Column::OwnDelivered.is_not_null());
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// The rows of a shard that are to be looked at on their own account.
pub async fn rows_to_look_at(
    on: &impl On,
    shard: ShardId,
    now: Time,
    limit: u64,
) -> Result<Vec<Subscription>> {
    let query = looked_for(shard, now).limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// When the first member of a shard is to be looked at on its own account.
pub async fn first_look(on: &impl On, shard: ShardId) -> Result<Option<Time>> {
    let query = Entity::find()
        .select_only()
        .column(Column::LookAt)
        .filter(Column::ShardId.eq(shard.0))
        .filter(Column::LookAt.is_not_null())
        .order_by_asc(Column::LookAt)
        .limit(1);
    let first: Option<Option<i64>> = query.into_tuple().one(&on.handle().db).await?;
    Ok(first.flatten().map(Time))
}

/// Those of a run that fit, oldest first, with what a caller wants to know beside them.
pub async fn list(
    on: &impl On,
    workspace: WorkspaceId,
    filter: &SubscriptionFilter,
    page: Page<SubscriptionId>,
) -> Result<Vec<Listed>> {
    let mut query = Entity::find()
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(Column::ActivityKey.eq(filter.activity.0))
        .filter(Column::Run.eq(filter.run))
        .order_by_asc(Column::Id)
        .limit(page.size);
    if let Some(after) = page.after {
        query = query.filter(Column::Id.gt(after.0));
    }
    if !filter.states.is_empty() {
        query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.code())));
    }
    if let Some(device_id) = &filter.device_id {
        let named = device::Column::DeviceId.eq(device_id);
        query = query.filter(Column::DeviceKey.in_subquery(devices_where(workspace, named)));
    }
    let models = query.all(&on.handle().db).await?;
    let rows = models.into_iter().map(Subscription::try_from).collect::<Result<Vec<_>>>()?;
    listed(on, rows).await
}

async fn listed(on: &impl On, rows: Vec<Subscription>) -> Result<Vec<Listed>> {
    let devices = device::Entity::find()
        .filter(device::Column::Key.is_in(rows.iter().map(|row| row.device.0)))
        .all(&on.handle().db)
        .await?;
    let device_ids: HashMap<DeviceKey, String> =
        devices.into_iter().map(|row| (DeviceKey(row.key), name_of(row))).collect();
    let shards = shard::Entity::find()
        .filter(shard::Column::Id.is_in(rows.iter().map(|row| row.shard.0)))
        .all(&on.handle().db)
        .await?;
    let shards = shards
        .into_iter()
        .map(|row| Ok((ShardId(row.id), Shard::try_from(row)?)))
        .collect::<Result<HashMap<_, _>>>()?;
    // A row whose device or shard was deleted between the queries is gone itself.
    let listed = rows.into_iter().filter_map(|subscription| {
        let device_id = device_ids.get(&subscription.device)?.clone();
        let shard = shards.get(&subscription.shard)?.clone();
        Some(Listed { subscription, device_id, shard })
    });
    Ok(listed.collect())
}

/// The caller's id; a deleted device has none.
fn name_of(row: device::Model) -> String {
    if row.deleted_at.is_some() { String::new() } else { row.device_id }
}

/// All that a device has, of whatever run.
pub async fn of_device(on: &impl On, device: DeviceKey) -> Result<Vec<Subscription>> {
    let query = Entity::find().filter(Column::DeviceKey.eq(device.0)).order_by_asc(Column::Id);
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}

/// Each subscription with its shard. In a transaction both can be changed then, and the subscriptions are as they are
/// once their shards are held, which may be otherwise than they were given.
pub async fn with_shards(
    on: &impl On,
    mut subscriptions: Vec<Subscription>,
) -> Result<Vec<(Subscription, Shard)>> {
    let mut shards: Vec<Shard> = Vec::new();
    for _ in 0..MOVES_MAX {
        let mut missing: Vec<ShardId> = subscriptions.iter().map(|row| row.shard).collect();
        missing.retain(|id| shards.iter().all(|shard| shard.id != *id));
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            break;
        }
        shards.extend(super::shards::by_ids(on, &missing).await?);
        if on.handle().holds() {
            let ids: Vec<_> = subscriptions.iter().map(|row| row.id).collect();
            let mut now: HashMap<_, _> =
                by_ids(on, &ids).await?.into_iter().map(|row| (row.id, row)).collect();
            subscriptions = ids.iter().filter_map(|id| now.remove(id)).collect();
        }
    }
    let pair = |subscription: Subscription| {
        let shard = shards.iter().find(|shard| shard.id == subscription.shard)?.clone();
        Some((subscription, shard))
    };
    Ok(subscriptions.into_iter().filter_map(pair).collect())
}

/// What these devices have in one run.
pub async fn of_devices_in_run(
    on: &impl On,
    activity: ActivityKey,
    run: Run,
    devices: &[DeviceKey],
) -> Result<Vec<Subscription>> {
    let query = Entity::find()
        .filter(Column::ActivityKey.eq(activity.0))
        .filter(Column::Run.eq(run))
        .filter(Column::DeviceKey.is_in(devices.iter().map(|device| device.0)));
    query.all(&on.handle().db).await?.into_iter().map(Subscription::try_from).collect()
}
