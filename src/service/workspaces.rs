//! Workspaces: made, changed and deleted by keys with the scope `admin`.

use super::{Answered, Call, Page, PageRequest, Service, Subject};
use crate::domain::delivery::Labels;
use crate::domain::ids::WorkspaceId;
use crate::domain::tenant::Workspace;
use crate::error::{Error, Reason, Result};
use crate::store::workspaces;

/// What of a workspace changes; an absent field stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of workspace.proto")]
pub struct WorkspaceChange {
    pub name: Option<String>,
    pub delivery_labels: Option<Labels>,
}

/// Makes a workspace.
pub async fn create(
    service: &Service,
    call: &Call,
    (name, delivery_labels): (String, Labels),
) -> Result<Answered<Workspace>> {
    let done = service
        .mutate(call, move |tx, now| {
            let (id, name) = (WorkspaceId::generate(), name.clone());
            Box::pin(async move {
                if workspaces::by_name(tx, &name).await?.is_some() {
                    return Err(Error::already_exists("workspace", name));
                }
                let (created_at, updated_at) = (now, now);
                let workspace = Workspace { id, name, delivery_labels, created_at, updated_at };
                workspaces::insert(tx, workspace).await?;
                Ok(Subject::of(id))
            })
        })
        .await?;
    read(service, &done).await
}

/// One workspace.
pub async fn get(service: &Service, id: WorkspaceId) -> Result<Workspace> {
    let found = workspaces::find(service.store.reader(), id).await?;
    found.ok_or_else(|| Error::not_found("workspace", id.to_string()))
}

/// All workspaces, in the order in which they were made.
pub async fn list(service: &Service, page: &PageRequest) -> Result<Page<Workspace>> {
    let found = workspaces::list(service.store.reader(), page.rows()?).await?;
    Ok(Page::of(found, page, |workspace| workspace.id.to_string()))
}

/// Changes a workspace.
pub async fn update(
    service: &Service,
    call: &Call,
    id: WorkspaceId,
    change: WorkspaceChange,
) -> Result<Answered<Workspace>> {
    let done = service
        .mutate(call, move |tx, now| {
            let change = change.clone();
            Box::pin(async move {
                let found = workspaces::hold(tx, id).await?;
                let mut workspace =
                    found.ok_or_else(|| Error::not_found("workspace", id.to_string()))?;
                if let Some(name) = change.name {
                    let taken = workspaces::by_name(tx, &name).await?;
                    if taken.is_some_and(|other| other.id != id) {
                        return Err(Error::already_exists("workspace", name));
                    }
                    workspace.name = name;
                }
                workspace.delivery_labels =
                    change.delivery_labels.unwrap_or(workspace.delivery_labels);
                workspace.updated_at = now;
                workspaces::update(tx, workspace).await?;
                Ok(Subject::of(id))
            })
        })
        .await?;
    read(service, &done).await
}

/// Deletes a workspace that has no apps. A key does not delete the workspace that it belongs to: nobody could use it
/// afterwards, not even to ask what became of the call.
pub async fn delete(service: &Service, call: &Call, id: WorkspaceId) -> Result<Answered<()>> {
    let own = call.workspace;
    let done = service
        .mutate(call, move |tx, _| {
            Box::pin(async move {
                if workspaces::find(tx, id).await?.is_none() {
                    return Err(Error::not_found("workspace", id.to_string()));
                }
                if id == own {
                    let message = "The workspace is that of the key that deletes it.";
                    return Err(Error::new(Reason::InUse, message));
                }
                let apps = workspaces::count_apps(tx, id).await?;
                if apps > 0 {
                    let message = format!("The workspace has apps, {apps} of them.");
                    return Err(Error::new(Reason::InUse, message));
                }
                workspaces::delete(tx, id).await?;
                Ok(())
            })
        })
        .await?;
    service.keys.forget_workspace(id);
    Ok(done)
}

async fn read(service: &Service, done: &Answered<Subject>) -> Result<Answered<Workspace>> {
    let workspace = get(service, done.answer.id()?).await?;
    Ok(Answered { answer: workspace, replayed: done.replayed })
}
