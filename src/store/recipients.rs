//! Recipients: whom runs are for, and in which audiences some devices are.

use super::apply::upsert;
use super::entity::recipient::{CONTACT, Column, DEVICE, EVERYONE, Entity, SEGMENT, columns};
use super::entity::{segment, segment_member};
use super::on::{On, Tx};
use super::segment_members::presences;
use crate::domain::device::Device;
use crate::domain::ids::{ActivityKey, AppId, SegmentKey, WorkspaceId};
use crate::domain::recipient::{Recipient, Roll, Way};
use crate::domain::revision::Run;
use crate::domain::segment::{Segment, SegmentKind};
use crate::error::Result;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use std::collections::HashMap;

/// How many ways a statement names at most.
const WAYS_MAX: usize = 1_000;

/// Those of these ways that are recipients of a run already.
pub async fn known(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    ways: &[Way],
) -> Result<Vec<Recipient>> {
    let mut known = Vec::new();
    for chunk in ways.chunks(WAYS_MAX) {
        let query = of_run(activity, run).filter(is_one_of(chunk));
        for model in query.all(&on.handle().db).await? {
            known.push(model.try_into()?);
        }
    }
    Ok(known)
}

/// The segments that are recipients of a run.
pub async fn segments_of_run(
    on: &impl On,
    activity: ActivityKey,
    run: Run,
) -> Result<Vec<Recipient>> {
    let query = of_run(activity, run).filter(Column::Kind.eq(SEGMENT));
    query.all(&on.handle().db).await?.into_iter().map(Recipient::try_from).collect()
}

/// These are recipients of the run no more.
pub async fn remove(tx: &Tx, (activity, run): (ActivityKey, Run), ways: &[Way]) -> Result<u64> {
    let mut removed = 0;
    for chunk in ways.chunks(WAYS_MAX) {
        let query = Entity::delete_many()
            .filter(Column::ActivityKey.eq(activity.0))
            .filter(Column::Run.eq(run))
            .filter(is_one_of(chunk));
        removed += query.exec(&tx.handle().db).await?.rows_affected;
    }
    Ok(removed)
}

/// A run is over: its audience is not live any more, as far as these many recipients go. Says of how many: fewer than
/// the limit where none is left.
pub async fn close_run(tx: &Tx, (activity, run): (ActivityKey, Run), limit: u64) -> Result<u64> {
    let live = of_run(activity, run).filter(Expr::col(Column::Live)).limit(limit);
    let rows = live.all(&tx.handle().db).await?.into_iter().map(Recipient::try_from);
    let ways = rows.map(|row| Ok(row?.way)).collect::<Result<Vec<Way>>>()?;
    for chunk in ways.chunks(WAYS_MAX) {
        Entity::update_many()
            .col_expr(Column::Live, Expr::value(false))
            .filter(Column::ActivityKey.eq(activity.0))
            .filter(Column::Run.eq(run))
            .filter(is_one_of(chunk))
            .exec(&tx.handle().db)
            .await?;
    }
    Ok(u64::try_from(ways.len()).unwrap_or(u64::MAX))
}

/// The recipients of a run as far as they concern these devices, of which there are at most five hundred.
pub async fn roll(
    on: &impl On,
    (activity, run): (ActivityKey, Run),
    devices: &[Device],
    apps: &[String],
) -> Result<Roll> {
    let apps = apps.iter().filter_map(|id| id.parse::<AppId>().ok()).collect();
    let mut roll = Roll { apps, ..Roll::default() };
    let (contacts, ids) = names(devices);
    let concerns = Condition::any()
        .add(Column::Kind.eq(CONTACT).and(Column::Value.is_in(&contacts)))
        .add(Column::Kind.eq(DEVICE).and(Column::Value.is_in(&ids)))
        .add(Column::Kind.is_in([SEGMENT, EVERYONE]));
    let rows = of_run(activity, run).filter(concerns).all(&on.handle().db).await?;
    for model in rows {
        let recipient = Recipient::try_from(model)?;
        let Way::Segment(key) = recipient.way else {
            roll.named.insert(recipient.way.clone(), recipient);
            continue;
        };
        let Some(kind) = kind_of(on, key).await? else { continue };
        let members = match kind {
            SegmentKind::ContactKeys => &contacts,
            SegmentKind::DeviceIds => &ids,
        };
        let members = presences(on, key, members).await?;
        roll.segments.push((recipient, kind, members));
    }
    Ok(roll)
}

/// The runs with live audiences that some of these devices, all of one tenant, may be in: by key, after one, at most so
/// many.
pub async fn live_runs_of(
    on: &impl On,
    workspace: WorkspaceId,
    devices: &[Device],
    (after, limit): (Option<ActivityKey>, u64),
) -> Result<Vec<(ActivityKey, Run)>> {
    let (contacts, ids) = names(devices);
    let of_segment = Expr::col((segment_member::Entity, segment_member::Column::SegmentKey))
        .eq(Expr::col((Entity, Column::SegmentKey)));
    let members = Query::select()
        .expr(Expr::val(1))
        .from(segment_member::Entity)
        .and_where(of_segment)
        .and_where(segment_member::Column::Member.is_in(contacts.iter().chain(&ids)))
        .and_where(segment_member::Column::Removed.is_null())
        .to_owned();
    let concerns = Condition::any()
        .add(Column::Kind.eq(CONTACT).and(Column::Value.is_in(&contacts)))
        .add(Column::Kind.eq(DEVICE).and(Column::Value.is_in(&ids)))
        .add(Column::Kind.eq(SEGMENT).and(Expr::exists(members)))
        .add(Column::Kind.eq(EVERYONE));
    let mut query = Entity::find()
        .select_only()
        .distinct()
        .column(Column::ActivityKey)
        .column(Column::Run)
        .filter(Expr::col(Column::Live))
        .filter(Column::WorkspaceId.eq(workspace.0))
        .filter(concerns)
        .order_by_asc(Column::ActivityKey)
        .order_by_asc(Column::Run)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::ActivityKey.gt(after.0));
    }
    let rows: Vec<(sea_orm::prelude::Uuid, i64)> = query.into_tuple().all(&on.handle().db).await?;
    Ok(rows.into_iter().map(|(key, run)| (ActivityKey(key), run)).collect())
}

/// Live segments of runs whose members have changed since they were followed, of all tenants.
pub async fn behind_all_workspaces(on: &impl On, limit: u64) -> Result<Vec<Recipient>> {
    let is_it = Expr::col((segment::Entity, segment::Column::Key))
        .eq(Expr::col((Entity, Column::SegmentKey)));
    let has_changed = Expr::col((segment::Entity, segment::Column::Version))
        .gt(Expr::col((Entity, Column::Followed)));
    let changed = Query::select()
        .expr(Expr::val(1))
        .from(segment::Entity)
        .and_where(is_it)
        .and_where(has_changed)
        .to_owned();
    let query = live_segments().filter(Expr::exists(changed)).limit(limit);
    query.all(&on.handle().db).await?.into_iter().map(Recipient::try_from).collect()
}

pub(super) fn live_segments() -> Select<Entity> {
    Entity::find().filter(Expr::col(Column::Live)).filter(Column::Kind.eq(SEGMENT))
}

/// Adds one, or replaces its row.
pub async fn put(tx: &Tx, row: Recipient) -> Result<()> {
    upsert::<Entity, _>(tx, vec![row]).await
}

/// One as it is now; none where it is no recipient any more.
pub async fn find(on: &impl On, recipient: &Recipient) -> Result<Option<Recipient>> {
    let (kind, value) = columns(&recipient.way);
    let key = (recipient.activity.0, recipient.run, kind, value);
    let model = Entity::find_by_id(key).one(&on.handle().db).await?;
    model.map(Recipient::try_from).transpose()
}

async fn kind_of(on: &impl On, key: SegmentKey) -> Result<Option<SegmentKind>> {
    let segment = segment::Entity::find_by_id(key.0).one(&on.handle().db).await?;
    Ok(segment.map(Segment::try_from).transpose()?.map(|segment| segment.kind))
}

fn of_run(activity: ActivityKey, run: Run) -> Select<Entity> {
    Entity::find().filter(Column::ActivityKey.eq(activity.0)).filter(Column::Run.eq(run))
}

fn is_one_of(ways: &[Way]) -> Condition {
    let mut kinds: HashMap<i16, Vec<String>> = HashMap::new();
    for (kind, value) in ways.iter().map(columns) {
        kinds.entry(kind).or_default().push(value);
    }
    kinds.into_iter().fold(Condition::any(), |any, (kind, values)| {
        any.add(Column::Kind.eq(kind).and(Column::Value.is_in(values)))
    })
}

/// What devices may be named by: their contacts and their own ids.
fn names(devices: &[Device]) -> (Vec<String>, Vec<String>) {
    let contacts = devices.iter().map(|device| device.contact_key.clone());
    let mut contacts: Vec<String> = contacts.filter(|contact| !contact.is_empty()).collect();
    contacts.sort_unstable();
    contacts.dedup();
    (contacts, devices.iter().map(|device| device.device_id.clone()).collect())
}
