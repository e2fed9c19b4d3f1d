//! Apps of a workspace.

use super::{Answered, Call, Page, PageRequest, Service, Subject};
use crate::domain::ids::{AppId, WorkspaceId};
use crate::domain::platform::{Build, DataKeys, Platform};
use crate::domain::push::Environment;
use crate::domain::tenant::App;
use crate::error::{Error, Reason, Result};
use crate::store::{On, Tx, apps, channels};

/// What a caller says of a new app.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub struct NewApp {
    pub name: String,
    pub build: Build,
    pub default_environment: Environment,
}

/// What changes of an app; absent stays.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub struct AppChange {
    pub name: Option<String>,
    pub default_environment: Option<Environment>,
    pub fcm_data_keys: Option<DataKeys>,
}

/// Makes an app. A bundle id has one app in a workspace, and so has a package name.
pub async fn create(service: &Service, call: &Call, new: NewApp) -> Result<Answered<App>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            let NewApp { name, build, default_environment } = new.clone();
            Box::pin(async move {
                if apps::by_build(tx, workspace, &build).await?.is_some() {
                    return Err(Error::already_exists("app", build.id()));
                }
                let id = AppId::generate();
                let (created_at, updated_at) = (now, now);
                let app =
                    App { id, workspace, name, build, default_environment, created_at, updated_at };
                apps::insert(tx, app).await?;
                Ok(Subject::of(id))
            })
        })
        .await?;
    read(service, workspace, &done).await
}

/// One app.
pub async fn get(service: &Service, workspace: WorkspaceId, id: AppId) -> Result<App> {
    find(service.store.reader(), workspace, id).await
}

/// The apps of a workspace, in the order in which they were made.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    page: &PageRequest,
) -> Result<Page<App>> {
    let found = apps::list(service.store.reader(), workspace, page.rows()?).await?;
    Ok(Page::of(found, page, |app| app.id.to_string()))
}

/// Changes an app.
pub async fn update(
    service: &Service,
    call: &Call,
    id: AppId,
    change: AppChange,
) -> Result<Answered<App>> {
    let workspace = call.workspace;
    let done = service
        .mutate(call, move |tx, now| {
            let AppChange { name, default_environment, fcm_data_keys } = change.clone();
            Box::pin(async move {
                let app = hold(tx, workspace, id).await?;
                check_fits(&app, default_environment, fcm_data_keys)?;
                let build = app.build.clone();
                let changed = App {
                    name: name.unwrap_or_else(|| app.name.clone()),
                    default_environment: default_environment.unwrap_or(app.default_environment),
                    build: match fcm_data_keys {
                        Some(keys) => build.with_data_keys(keys),
                        None => build,
                    },
                    updated_at: now,
                    ..app
                };
                apps::update(tx, changed).await?;
                Ok(Subject::of(id))
            })
        })
        .await?;
    read(service, workspace, &done).await
}

/// Deletes an app that has no devices and no channels, with its credentials.
pub async fn delete(service: &Service, call: &Call, id: AppId) -> Result<Answered<()>> {
    let workspace = call.workspace;
    service
        .mutate(call, move |tx, _| {
            Box::pin(async move {
                hold(tx, workspace, id).await?;
                let devices = apps::count_devices(tx, workspace, id).await?;
                if devices > 0 {
                    let message = format!("The app has devices, {devices} of them.");
                    return Err(Error::new(Reason::InUse, message));
                }
                let channels = channels::count_own(tx, id).await?;
                if channels > 0 {
                    let message = format!("The app has channels, {channels} of them.");
                    return Err(Error::new(Reason::InUse, message));
                }
                apps::delete(tx, workspace, id).await?;
                Ok(())
            })
        })
        .await
}

/// What only the other platform has is refused, not ignored.
fn check_fits(
    app: &App,
    environment: Option<Environment>,
    data_keys: Option<DataKeys>,
) -> Result<()> {
    match app.build.platform() {
        Platform::Android if environment.is_some() => {
            Err(Error::invalid_field("app.default_environment", "is of iOS apps only"))
        }
        Platform::Ios if data_keys.is_some() => {
            Err(Error::invalid_field("app.fcm_data_keys", "is of Android apps only"))
        }
        _ => Ok(()),
    }
}

/// An app of this workspace; that of another one is not found.
pub(super) async fn find(on: &impl On, workspace: WorkspaceId, id: AppId) -> Result<App> {
    let found = apps::find(on, workspace, id).await?;
    found.ok_or_else(|| Error::not_found("app", id.to_string()))
}

/// The same for a change of it, or a decision about what belongs to it.
pub(super) async fn hold(tx: &Tx, workspace: WorkspaceId, id: AppId) -> Result<App> {
    let found = apps::hold(tx, workspace, id).await?;
    found.ok_or_else(|| Error::not_found("app", id.to_string()))
}

async fn read(
    service: &Service,
    workspace: WorkspaceId,
    done: &Answered<Subject>,
) -> Result<Answered<App>> {
    let app = get(service, workspace, done.answer.id()?).await?;
    Ok(Answered { answer: app, replayed: done.replayed })
}
