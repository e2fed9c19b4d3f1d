//! Broadcast channels: what is wanted is written down, the dispatcher asks Apple, and the call waits a little for the
//! answer. Where none has come by then, it says so.

use super::{Answered, Call, Page, PageRequest, Service, Subject, apps};
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::channel::{CHANNELS_MAX, Channel, StoragePolicy};
use crate::domain::channel_survey::Survey;
use crate::domain::ids::{AppId, ChannelId, WorkspaceId};
use crate::domain::platform::Build;
use crate::domain::push::Environment;
use crate::error::{Error, Reason, Result};
use crate::store::{On, Tx, channel_surveys, channels};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

pub use crate::store::channels::Filter;

/// How long a call waits for Apple's answer.
pub const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// How often it looks by itself: another replica's answer rings no bell here.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What a caller says of a new channel.
#[derive(Clone, Copy, Debug)]
pub struct NewChannel {
    /// An iOS app.
    pub app: AppId,
    /// The world; that of the app where it is not given.
    pub environment: Option<Environment>,
    /// What Apple keeps.
    pub policy: StoragePolicy,
}

/// Has Apple create a channel.
pub async fn create(service: &Service, call: &Call, new: NewChannel) -> Result<Answered<Channel>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| Box::pin(create_within(tx, workspace, new, now)))
        .await?;
    let id = done.answer.id()?;
    let channel = answered(service, workspace, id).await?;
    let channel = channel.ok_or_else(|| not_found(id))?;
    Ok(Answered { answer: channel, replayed: done.replayed })
}

/// One channel.
pub async fn get(service: &Service, workspace: WorkspaceId, id: ChannelId) -> Result<Channel> {
    find(service.store.reader(), workspace, id).await
}

/// A page of channels, in the order in which they were made or found.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    filter: Filter,
    page: &PageRequest,
) -> Result<Page<Channel>> {
    let found = channels::list(service.store.reader(), workspace, filter, page.rows()?).await?;
    Ok(Page::of(found, page, |channel| channel.id.to_string()))
}

/// Has Apple delete a channel; none once it is gone.
pub async fn delete(
    service: &Service,
    call: &Call,
    id: ChannelId,
) -> Result<Answered<Option<Channel>>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            Box::pin(async move {
                let channel = channels::hold(tx, workspace, id).await?;
                let channel = channel.ok_or_else(|| not_found(id))?;
                match channel.unwanted(now) {
                    Some(channel) => channels::put(tx, channel).await?,
                    None => channels::delete(tx, id).await?,
                }
                Ok(Subject::of(id))
            })
        })
        .await?;
    let channel = answered(service, workspace, done.answer.id()?).await?;
    Ok(Answered { answer: channel, replayed: done.replayed })
}

async fn create_within(
    tx: &Tx,
    workspace: WorkspaceId,
    new: NewChannel,
    now: Time,
) -> Result<Subject> {
    let app = apps::hold(tx, workspace, new.app).await?;
    let Build::Ios { bundle_id } = app.build else {
        return Err(Error::invalid_field("app_id", "is an Android app; channels are Apple's"));
    };
    let environment = new.environment.unwrap_or(app.default_environment);
    if channels::count_places(tx, app.id, environment).await? >= CHANNELS_MAX {
        let message = format!(
            "Apple allows an app {CHANNELS_MAX} channels in an environment; delete those that are \
             over, also those in the state FOUND."
        );
        let resource = Some(("app", app.id.to_string()));
        return Err(Error { resource, ..Error::new(Reason::LimitReached, message) });
    }
    let place = Survey {
        workspace,
        app: app.id,
        bundle_id,
        environment,
        due_at: now,
        claim: 0,
        claimed_until: None,
    };
    let channel = Channel::new(place, new.policy, None, now);
    let id = channel.id;
    channel_surveys::ensure(tx, Survey::of(&channel, now)).await?;
    channels::put(tx, channel).await?;
    Ok(Subject::of(id))
}

/// Waits a little until Apple has answered, and returns the channel as it is then; none where it is gone.
async fn answered(
    service: &Service,
    workspace: WorkspaceId,
    id: ChannelId,
) -> Result<Option<Channel>> {
    let deadline = Instant::now() + ANSWER_WAIT;
    let mut bell = service.bus.subscribe_channels();
    // Something is wanted of Apple.
    service.bus.ring(Ring::Channels);
    loop {
        let channel = channels::find(service.store.reader(), workspace, id).await?;
        let waits = channel.as_ref().is_some_and(|it| it.is_pending() && it.problem.is_none());
        if !waits || Instant::now() >= deadline {
            return Ok(channel);
        }
        let look_at = deadline.min(Instant::now() + LOOK_INTERVAL);
        // Whether it rang or not, the table says what is so.
        let _ = timeout_at(look_at, bell.rung()).await;
    }
}

async fn find(on: &impl On, workspace: WorkspaceId, id: ChannelId) -> Result<Channel> {
    channels::find(on, workspace, id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: ChannelId) -> Error {
    Error::not_found("channel", id.to_string())
}
