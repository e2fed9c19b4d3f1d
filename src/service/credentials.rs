//! Credentials of apps: `.p8` keys, sealed before they are written.
//!
//! The invariant: the text of a key is in no answer, no log and no plain column; two at most are active, so that a
//! rotation has no gap.

use super::{Answered, Call, Service, Subject, apps};
use crate::bus::Ring;
use crate::domain::ids::{AppId, CredentialId, WorkspaceId};
use crate::domain::push::Environment;
use crate::domain::tenant::{CREDENTIALS_MAX, SealedCredential};
use crate::error::{Error, Reason, Result};
use crate::secrets::{Context, Sealed};
use crate::store::{On, Tx, credentials};
use secrecy::{ExposeSecret, SecretString};

/// What a caller says of a new credential.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub struct NewCredential {
    pub app: AppId,
    pub key_p8: SecretString,
    pub key_id: String,
    pub team_id: String,
    pub environment: Option<Environment>,
}

/// Says what is wrong with the text of a `.p8` key.
pub fn check_key(service: &Service, key_p8: &str) -> std::result::Result<(), &'static str> {
    (service.check_apns_key)(key_p8)
}

/// Adds a credential to an app.
pub async fn create(
    service: &Service,
    call: &Call,
    new: NewCredential,
) -> Result<Answered<SealedCredential>> {
    let (id, workspace) = (CredentialId::generate(), call.workspace);
    let sealed = seal(service, workspace, id, &new.key_p8)?;
    let done = service
        .mutate(call, move |tx, now| {
            let credential = SealedCredential {
                id,
                workspace,
                app: new.app,
                key_id: new.key_id.clone(),
                team_id: new.team_id.clone(),
                environment: new.environment,
                sealed: sealed.clone(),
                created_at: now,
            };
            Box::pin(async move {
                check_room(tx, &credential).await?;
                credentials::insert(tx, credential).await?;
                Ok(Subject::of(id))
            })
        })
        .await?;
    // Pushes may have waited for a key.
    service.bus.ring(Ring::Work);
    let credential = find(service.store.reader(), workspace, done.answer.id()?).await?;
    Ok(Answered { answer: credential, replayed: done.replayed })
}

/// The credentials of an app, the newest first.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    app: AppId,
) -> Result<Vec<SealedCredential>> {
    let reader = service.store.reader();
    apps::find(reader, workspace, app).await?;
    let mut found = credentials::list(reader, workspace, app).await?;
    found.sort_by_key(|credential| std::cmp::Reverse((credential.created_at, credential.id)));
    Ok(found)
}

/// Deletes a credential.
pub async fn delete(service: &Service, call: &Call, id: CredentialId) -> Result<Answered<()>> {
    let workspace = call.workspace;
    service
        .mutate(call, move |tx, _| {
            Box::pin(async move {
                let app = find(tx, workspace, id).await?.app;
                credentials::delete(tx, workspace, app, id).await?;
                Ok(())
            })
        })
        .await
}

/// The app must be there, have room for another credential, and not have this one.
async fn check_room(tx: &Tx, new: &SealedCredential) -> Result<()> {
    apps::hold(tx, new.workspace, new.app).await?;
    let present = credentials::list(tx, new.workspace, new.app).await?;
    if present.iter().any(|other| other.key_id == new.key_id) {
        return Err(Error::already_exists("credential", new.key_id.clone()));
    }
    if present.len() >= CREDENTIALS_MAX {
        let message = format!("An app has at most {CREDENTIALS_MAX} credentials; delete one.");
        let resource = Some(("app", new.app.to_string()));
        return Err(Error { resource, ..Error::new(Reason::LimitReached, message) });
    }
    Ok(())
}

async fn find(on: &impl On, workspace: WorkspaceId, id: CredentialId) -> Result<SealedCredential> {
    let found = credentials::find(on, workspace, id).await?;
    found.ok_or_else(|| Error::not_found("credential", id.to_string()))
}

/// Seals the key for its row, so that it opens nowhere else.
fn seal(
    service: &Service,
    workspace: WorkspaceId,
    id: CredentialId,
    key_p8: &SecretString,
) -> Result<Sealed> {
    let (workspace, row) = (workspace.to_string(), id.to_string());
    let context =
        Context { table: "credentials", column: "sealed", workspace: &workspace, row: &row };
    let sealed = service.keyring.seal(key_p8.expose_secret().as_bytes(), context);
    sealed.map_err(Error::internal)
}
