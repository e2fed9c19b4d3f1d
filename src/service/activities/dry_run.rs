//! Trying a call out: all that it would check, and what it would send, with nothing kept and nothing sent.
//!
//! The decisions are those of the calls themselves, taken from what is committed now.

use super::{Decided, EndAsked, StartAsked, UpdateAsked, decide_end, decide_start, decide_update};
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::ids::WorkspaceId;
use crate::domain::platform::Platform;
use crate::domain::revision::{Run, Scope};
use crate::domain::shard::Route;
use crate::domain::sizes::PushSize;
use crate::error::Result;
use crate::service::Service;
use crate::store::{self, Reader};

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
    let decided = decide_start(reader, workspace, asked, now).await?;
    let mut devices = Vec::new();
    for expansion in &decided.change.expansions {
        for (platform, count) in store::expansions::count_devices(reader, expansion).await? {
            devices.push((Route::of(platform), count));
        }
    }
    Ok(DryRun { devices, ..dry_run(decided) })
}

/// Tries an update out.
pub async fn update(
    service: &Service,
    workspace: WorkspaceId,
    asked: UpdateAsked,
) -> Result<DryRun> {
    let (reader, now) = (service.store.reader(), service.clock.now());
    let decided = decide_update(reader, workspace, asked, now).await?;
    let devices = followers(reader, &decided).await?;
    Ok(DryRun { devices, ..dry_run(decided) })
}

/// Tries an end out.
pub async fn end(service: &Service, workspace: WorkspaceId, asked: EndAsked) -> Result<DryRun> {
    let (reader, now) = (service.store.reader(), service.clock.now());
    let decided = decide_end(reader, workspace, asked, now).await?;
    let devices = followers(reader, &decided).await?;
    Ok(DryRun { devices, ..dry_run(decided) })
}

fn dry_run(decided: Decided) -> DryRun {
    DryRun {
        run: decided.activity.run,
        activity: decided.activity,
        adopted: decided.adopted,
        ignored: decided.ignored,
        dismiss_at: decided.dismiss_at,
        sizes: decided.sizes,
        devices: Vec::new(),
    }
}

/// The devices that follow the run and are meant, by route.
async fn followers(reader: &Reader, decided: &Decided) -> Result<Vec<(Route, u64)>> {
    let place = (decided.activity.key, decided.activity.run);
    let Some(revision) = decided.change.revisions.first() else { return Ok(Vec::new()) };
    let target = match &revision.scope {
        Scope::Everyone => None,
        Scope::Target(target) => Some(target),
    };
    let mut devices = Vec::new();
    for platform in [Platform::Ios, Platform::Android] {
        let route = Route::of(platform);
        let count = store::expansions::count_open(reader, place, (route, target)).await?;
        if count > 0 {
            devices.push((route, count));
        }
    }
    Ok(devices)
}
