//! How large the pushes of a decision are, on the routes that they can take.
//!
//! Invariant: a provider that none of them can reach refuses nothing. A start that names apps, or a run whose audience
//! does, goes to devices with these apps alone; others are in a run only where their own app has put them there.

use crate::domain::activity::Activity;
use crate::domain::activity_type::ActivityType;
use crate::domain::change::Change;
use crate::domain::ids::AppId;
use crate::domain::revision::{Revision, Scope};
use crate::domain::sizes::{self, PushSize, Routes};
use crate::domain::tenant::App;
use crate::error::Result;
use crate::store::{self, On, Page};
use std::collections::HashSet;

/// The routes of so many apps of a workspace are looked at; a workspace has few.
const APPS_MAX: u64 = 1_000;

/// The sizes of the pushes that a change can make. Refuses what does not fit.
pub(in crate::service) async fn measure(
    on: &impl On,
    (activity, kind): (&Activity, &ActivityType),
    change: &Change,
) -> Result<Vec<PushSize>> {
    let Some(revision) = change.revisions.first() else { return Ok(Vec::new()) };
    let page = Page { size: APPS_MAX, after: None };
    let mut apps = store::apps::list(on, activity.workspace, page).await?;
    if apps.len() > 1
        && let Some(named) = apps_of_run(on, activity, change).await?
    {
        apps.retain(|app| named.contains(&app.id));
    }
    apps.retain(|app| is_meant(revision, app));
    let sizes = sizes::of(activity, revision, kind, Routes::of(&apps));
    sizes::check(&sizes)?;
    Ok(sizes)
}

/// The apps that the run is for, and those that are in it already; none where it is for all.
async fn apps_of_run(
    on: &impl On,
    activity: &Activity,
    change: &Change,
) -> Result<Option<HashSet<AppId>>> {
    let (key, run) = (activity.key, activity.run);
    let begun = match change.expansions.first() {
        Some(expansion) => Some(expansion.clone()),
        None => store::expansions::find(on, key, run).await?,
    };
    let Some(named) = begun.and_then(|expansion| expansion.audience.apps()) else {
        return Ok(None);
    };
    let present = store::shards::apps_of_run(on, key, run).await?;
    Ok(Some(named.into_iter().chain(present).collect()))
}

/// A device with the app can fit what the revision targets.
fn is_meant(revision: &Revision, app: &App) -> bool {
    let Scope::Target(target) = &revision.scope else { return true };
    let app_id = app.id.to_string();
    let platform = app.build.platform().word();
    let named = |words: &[String], word: &str| words.is_empty() || words.iter().any(|w| w == word);
    named(&target.app_ids, &app_id) && named(&target.platforms, platform)
}
