//! Trying a call out: all that it would check, and what it would send, with nothing kept and nothing sent.
//!
//! The decisions are those of the calls themselves, taken from what is committed now.

use super::apply::decide_apply;
use super::{
    ApplyAsked, Decided, EndAsked, StartAsked, UpdateAsked, decide_end, decide_start, decide_update,
};
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::apply::Action;
use crate::domain::expansion::Expansion;
use crate::domain::ids::WorkspaceId;
use crate::domain::revision::{Revision, Run, Scope};
use crate::domain::shard::Route;
use crate::domain::sizes::PushSize;
use crate::error::Result;
use crate::service::Service;
use crate::store::{self, Reader};
use std::collections::BTreeMap;

/// How often devices are counted while more of them join.
const COUNTS_MAX: usize = 4;

/// What a call would do.
#[derive(Debug)]
pub struct DryRun {
    /// As it would be.
    pub activity: Activity,
    /// The run that it would be about.
    pub run: Run,
    /// Only apps have started it so far.
    pub adopted: bool,
    /// The observation is older than the one shown.
    pub ignored: bool,
    /// When the card would leave the screen.
    pub dismiss_at: Option<Time>,
    /// Each push that can come of it.
    pub sizes: Vec<PushSize>,
    /// How many devices there are by route.
    pub devices: Vec<(Route, u64)>,
}

/// Tries a start out.
pub async fn start(service: &Service, workspace: WorkspaceId, asked: StartAsked) -> Result<DryRun> {
    let (reader, now) = (service.store.reader(), service.clock.now());
    tried(reader, decide_start(reader, workspace, asked.living_for(service.lifetime), now).await?)
        .await
}

/// Tries an update out.
pub async fn update(
    service: &Service,
    workspace: WorkspaceId,
    asked: UpdateAsked,
) -> Result<DryRun> {
    let (reader, now) = (service.store.reader(), service.clock.now());
    tried(reader, decide_update(reader, workspace, asked, now).await?).await
}

/// Tries an end out.
pub async fn end(service: &Service, workspace: WorkspaceId, asked: EndAsked) -> Result<DryRun> {
    let (reader, now) = (service.store.reader(), service.clock.now());
    tried(reader, decide_end(reader, workspace, asked, now).await?).await
}

/// Tries out how an activity should be, and says what would be done for it.
pub async fn apply(
    service: &Service,
    workspace: WorkspaceId,
    asked: ApplyAsked,
) -> Result<(DryRun, Action)> {
    let (reader, now) = (service.store.reader(), service.clock.now());
    let asked = asked.living_for(service.lifetime);
    let (decided, action) = decide_apply(reader, workspace, asked, now).await?;
    Ok((tried(reader, decided).await?, action))
}

async fn tried(reader: &Reader, decided: Decided) -> Result<DryRun> {
    Ok(DryRun {
        devices: devices(reader, &decided).await?,
        run: decided.activity.run,
        activity: decided.activity,
        adopted: decided.adopted,
        ignored: decided.ignored,
        dismiss_at: decided.dismiss_at,
        sizes: decided.sizes,
    })
}

/// Those that follow the run and are meant, and those that it is being or would be started on. While devices join, each
/// query finds another state, so the count is taken again; of an audience that joins for longer it lacks a batch at
/// most, or has one twice.
async fn devices(reader: &Reader, decided: &Decided) -> Result<Vec<(Route, u64)>> {
    let Some(revision) = decided.change.revisions.first() else { return Ok(Vec::new()) };
    let (key, run) = (decided.activity.key, decided.activity.run);
    let mut joining = store::expansions::joining(reader, key, run).await?;
    for _ in 1..COUNTS_MAX {
        let devices = count(reader, decided, revision, &joining).await?;
        let now = store::expansions::joining(reader, key, run).await?;
        if now == joining {
            return Ok(devices);
        }
        joining = now;
    }
    count(reader, decided, revision, &joining).await
}

async fn count(
    reader: &Reader,
    decided: &Decided,
    revision: &Revision,
    joining: &[Expansion],
) -> Result<Vec<(Route, u64)>> {
    let target = match &revision.scope {
        Scope::Everyone => None,
        Scope::Target(target) => Some(target),
    };
    let Activity { workspace, key, run, .. } = decided.activity;
    let followers =
        store::expansions::count_followers(reader, (workspace, key, run), target).await?;
    let mut devices: BTreeMap<Route, u64> = followers.into_iter().collect();
    for expansion in joining.iter().chain(&decided.change.expansions) {
        let of_type = &decided.activity.activity_type;
        let comers = store::expansions::count_comers(reader, expansion, of_type, target).await?;
        for (platform, count) in comers {
            *devices.entry(Route::of(platform)).or_default() += count;
        }
    }
    Ok(devices.into_iter().collect())
}
