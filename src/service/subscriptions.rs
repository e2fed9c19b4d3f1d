//! Who has an activity, how far it has come, and the stream of both.

use super::{Page, PageRequest, Service, activities};
use crate::bus::ActivityListener;
use crate::clock::Time;
use crate::domain::activity::Activity;
use crate::domain::ids::{ActivityKey, SubscriptionId, WorkspaceId};
use crate::domain::revision::{Number, Run};
use crate::domain::shard::Shard;
use crate::domain::subscription::{State, Subscription};
use crate::error::{Error, Result};
use crate::store;
pub use crate::store::subscriptions::Progress;
use crate::store::subscriptions::{Listed, SubscriptionFilter};

/// A subscription as a caller sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The row.
    pub subscription: Subscription,
    /// The caller's id of the activity.
    pub activity_id: String,
    /// The caller's id of the device.
    pub device_id: String,
    /// What this device should show; 0 where nothing is to be shown.
    pub wanted: Number,
    /// What the provider accepted for it.
    pub delivered: Number,
    /// The token that its updates go by, where that was looked up.
    pub token: Option<TokenTimes>,
}

/// How fresh a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenTimes {
    /// When the app registered it last.
    pub registered_at: Time,
    /// When it was last known to be good.
    pub confirmed_at: Time,
}

/// Which subscriptions a list shows.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of live_activity_service.proto")]
pub struct Filter {
    pub activity_id: String,
    pub run: Option<Run>,
    pub states: Vec<State>,
    pub device_id: Option<String>,
}

/// How an activity stands, all told.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The activity.
    pub activity: Activity,
    /// How far its newest revision has come.
    pub progress: Progress,
}

/// A page of subscriptions, in the order in which they were made.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    filter: Filter,
    page: &PageRequest,
) -> Result<Page<Seen>> {
    let reader = service.store.reader();
    let activity = activities::get(service, workspace, &filter.activity_id).await?;
    if filter.run.is_some_and(|run| run <= activity.deleted_run) {
        return Ok(Page { items: Vec::new(), next: None });
    }
    let filter = SubscriptionFilter {
        activity: activity.key,
        run: filter.run.unwrap_or(activity.run),
        states: filter.states,
        device_id: filter.device_id,
    };
    let rows = store::subscriptions::list(reader, workspace, &filter, page.rows()?).await?;
    let rows = Page::of(rows, page, |row: &Listed| row.subscription.id.to_string());
    let mut items = Vec::with_capacity(rows.items.len());
    let newest = newest_marked(service, &activity, filter.run).await?;
    for Listed { subscription, device_id, shard } in rows.items {
        items.push(seen(&activity, newest, (subscription, shard), device_id));
    }
    look_up_tokens(service, &mut items).await?;
    Ok(Page { items, next: rows.next })
}

/// Says of each how fresh the token is that its updates go by.
pub(super) async fn look_up_tokens(service: &Service, all: &mut [Seen]) -> Result<()> {
    let reader = service.store.reader();
    let rows: Vec<&Subscription> = all.iter().map(|seen| &seen.subscription).collect();
    let tokens = store::tokens::of_subscriptions(reader, &rows).await?;
    let accepted = store::confirmations::of_subscriptions(reader, &rows).await?;
    for seen in all {
        let id = seen.subscription.id;
        seen.token = tokens.get(&id).map(|token| {
            let by_it = accepted.get(&id).copied().filter(|at| *at >= token.token_time);
            let registered_at = token.registered_at;
            let confirmed_at = by_it.map_or(registered_at, |at| at.max(registered_at));
            TokenTimes { registered_at, confirmed_at }
        });
    }
    Ok(())
}

/// One subscription as its device sees it.
pub(super) async fn look(service: &Service, id: SubscriptionId, device_id: String) -> Result<Seen> {
    let reader = service.store.reader();
    let gone = || Error::not_found("subscription", id.to_string());
    let rows = store::subscriptions::by_ids(reader, &[id]).await?;
    let mut rows = store::subscriptions::with_shards(reader, rows).await?;
    let row = rows.pop().ok_or_else(gone)?;
    let activity = store::activities::by_key(reader, row.0.place.activity).await?;
    let activity = activity.ok_or_else(gone)?;
    let newest = newest_marked(service, &activity, row.0.place.run).await?;
    Ok(seen(&activity, newest, row, device_id))
}

/// The newest revision for everyone, as far as it is marked.
pub(super) async fn newest_marked(
    service: &Service,
    activity: &Activity,
    run: Run,
) -> Result<Option<Number>> {
    let (reader, key, up_to) = (service.store.reader(), activity.key, activity.marked_revision);
    let newest = store::revisions::newest_for_everyone(reader, key, run, up_to).await?;
    Ok(newest.map(|revision| revision.number))
}

pub(super) fn seen(
    activity: &Activity,
    newest: Option<Number>,
    (subscription, shard): (Subscription, Shard),
    device_id: String,
) -> Seen {
    let shows_nothing = matches!(subscription.state, State::Dismissed | State::Unreachable);
    let newest = newest.filter(|_| !shows_nothing);
    Seen {
        activity_id: activity.activity_id.clone(),
        device_id,
        wanted: newest.map_or(0, |newest| subscription.targeted.wanted(newest)),
        delivered: subscription.delivered(&shard),
        token: None,
        subscription,
    }
}

/// Listens to an activity: what changes from now on rings.
pub fn listen(service: &Service, key: ActivityKey) -> Result<ActivityListener> {
    service.bus.subscribe_activity(key)
}

/// How the activity stands now.
pub async fn standing(
    service: &Service,
    workspace: WorkspaceId,
    activity_id: &str,
) -> Result<Standing> {
    let activity = activities::get(service, workspace, activity_id).await?;
    let (key, run) = (activity.key, activity.run);
    let reader = service.store.reader();
    let newest = store::revisions::newest_for_everyone(reader, key, run, activity.revision).await?;
    let wanted = newest.map_or(activity.revision, |revision| revision.number);
    let mut progress = store::subscriptions::progress(reader, key, run, wanted).await?;
    // Whom a revision is for shows when it is marked.
    let (after, up_to) = (activity.marked_revision, activity.revision);
    if after < up_to && store::revisions::any_targeted(reader, key, after, up_to).await? {
        progress.expanding = true;
    }
    Ok(Standing { activity, progress })
}

impl Standing {
    /// The run has ended and its ends have settled: nothing more will happen but what late devices bring.
    pub fn is_over(&self) -> bool {
        self.activity.state.is_over()
            && self.activity.marked_revision == self.activity.revision
            && !self.progress.expanding
            && self.progress.routes.iter().all(|route| route.pending == 0)
    }
}
