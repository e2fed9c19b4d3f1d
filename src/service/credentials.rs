//! Credentials of apps: `.p8` keys and service accounts, sealed before they are written.
//!
//! The invariant: the text of a key is in no answer, no log and no plain column; two at most are active, so that a
//! rotation has no gap.

use super::{Answered, Call, Service, Subject, apps};
use crate::bus::Ring;
use crate::domain::ids::{AppId, CredentialId, WorkspaceId};
use crate::domain::platform::{Build, Platform};
use crate::domain::push::Environment;
use crate::domain::tenant::{App, CREDENTIALS_MAX, SealedCredential, Signer};
use crate::domain::verification::{Question, Verification};
use crate::error::{Error, Reason, Result};
use crate::secrets::{Context, Sealed};
use crate::store::{On, Tx, credentials};
use secrecy::{ExposeSecret, SecretString};

/// What a caller says of a new credential.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of app.proto")]
pub struct NewCredential {
    pub app: AppId,
    /// The text of the `.p8` file or of the service account's JSON file.
    pub secret: SecretString,
    pub signer: Signer,
    /// The Firebase project of a service account.
    pub project_id: Option<String>,
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
    let sealed = seal(service, workspace, id, &new.secret)?;
    let done = service
        .mutate(call, move |tx, now| {
            let credential = SealedCredential {
                id,
                workspace,
                app: new.app,
                signer: new.signer.clone(),
                sealed: sealed.clone(),
                created_at: now,
                failing: None,
            };
            let project_id = new.project_id.clone();
            Box::pin(async move {
                let app = apps::hold(tx, credential.workspace, credential.app).await?;
                check_fits(&app, &credential.signer, project_id.as_deref())?;
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

/// Asks the provider whether it takes what the credential signs, and in which world Apple was asked: the one that is
/// named, or the only one of the key, or the app's.
pub async fn verify(
    service: &Service,
    workspace: WorkspaceId,
    (id, environment): (CredentialId, Option<Environment>),
) -> Result<(Option<Environment>, Verification)> {
    let reader = service.store.reader();
    let credential = find(reader, workspace, id).await?;
    let app = apps::find(reader, workspace, credential.app).await?;
    let only = match &credential.signer {
        Signer::ApnsKey { environment, .. } => *environment,
        Signer::ServiceAccount { .. } if environment.is_some() => {
            return Err(Error::invalid_field("environment", "is of iOS credentials only"));
        }
        Signer::ServiceAccount { .. } => None,
    };
    let world = environment.or(only).unwrap_or(app.default_environment);
    let is_ios = app.build.platform() == Platform::Ios;
    let verified = (service.verify)(Question { app, credential, environment: world }).await?;
    Ok((is_ios.then_some(world), verified))
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

/// A credential signs for the app's platform, and a service account for the app's own project.
fn check_fits(app: &App, signer: &Signer, project_id: Option<&str>) -> Result<()> {
    let (field, needed) = match app.build.platform() {
        Platform::Ios => ("apns_key_p8", "is missing: the app is for iOS"),
        Platform::Android => ("service_account_json", "is missing: the app is for Android"),
    };
    if signer.platform() != app.build.platform() {
        return Err(Error::invalid_field(field, needed));
    }
    match &app.build {
        Build::Android { fcm_project_id, .. } if project_id != Some(fcm_project_id) => {
            let problem = format!("is of another project than the app's, {fcm_project_id}");
            Err(Error::invalid_field(field, problem))
        }
        _ => Ok(()),
    }
}

/// The app, which must be held, must have room for another credential, and not have this one.
async fn check_room(tx: &Tx, new: &SealedCredential) -> Result<()> {
    let present = credentials::list(tx, new.workspace, new.app).await?;
    let key_id = new.signer.key_id();
    if present.iter().any(|other| other.signer.key_id() == key_id) {
        return Err(Error::already_exists("credential", key_id));
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
    secret: &SecretString,
) -> Result<Sealed> {
    let (workspace, row) = (workspace.to_string(), id.to_string());
    let context =
        Context { table: "credentials", column: "sealed", workspace: &workspace, row: &row };
    let sealed = service.keyring.seal(secret.expose_secret().as_bytes(), context);
    sealed.map_err(Error::internal)
}
