//! API keys: shown once when they are made, kept as a digest.

use super::{Answered, Call, Page, PageRequest, Service, Subject, workspaces};
use crate::clock::Time;
use crate::domain::delivery::Labels;
use crate::domain::ids::{ApiKeyId, WorkspaceId};
use crate::domain::tenant::{ApiKey, Scope, Workspace};
use crate::error::{Error, Result};
use crate::secrets::{self, KeyKind, KeyMode};
use crate::store::turns::{self, Turn};
use crate::store::{self, Lane, On, Tx, api_keys};
use secrecy::{ExposeSecret, SecretString};

/// The workspace and the key of an empty database.
const FIRST_NAME: &str = "default";

/// What a caller says of a new key.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the words of api_key.proto")]
pub struct NewApiKey {
    pub workspace: WorkspaceId,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub expires_at: Option<Time>,
}

/// A key that was made.
#[derive(Debug)]
pub struct Created {
    /// Without its text.
    pub key: ApiKey,
    /// Its text, shown once: absent in a repeat.
    pub text: Option<SecretString>,
}

/// Makes a key.
pub async fn create(service: &Service, call: &Call, new: NewApiKey) -> Result<Answered<Created>> {
    let id = ApiKeyId::generate();
    let secret = generate(id)?;
    let digest = secret.hash();
    let done = service
        .mutate(call, move |tx, now| {
            let NewApiKey { workspace, name, scopes, expires_at } = new.clone();
            let key = ApiKey { id, workspace, name, scopes, digest, created_at: now, expires_at };
            Box::pin(async move {
                if store::workspaces::find(tx, workspace).await?.is_none() {
                    return Err(Error::not_found("workspace", workspace.to_string()));
                }
                if !key.is_valid(now) {
                    return Err(Error::invalid_field("expire_time", "must be in the future"));
                }
                api_keys::insert(tx, key).await?;
                Ok(Subject::of(id))
            })
        })
        .await?;
    let key = find(service.store.reader(), done.answer.id()?).await?;
    let text = (!done.replayed).then(|| secret.text());
    Ok(Answered { answer: Created { key, text }, replayed: done.replayed })
}

/// The keys of a workspace, in the order in which they were made.
pub async fn list(
    service: &Service,
    workspace: WorkspaceId,
    page: &PageRequest,
) -> Result<Page<ApiKey>> {
    workspaces::get(service, workspace).await?;
    let found = api_keys::list(service.store.reader(), workspace, page.rows()?).await?;
    Ok(Page::of(found, page, |key| key.id.to_string()))
}

/// Deletes a key of any workspace.
pub async fn delete(service: &Service, call: &Call, id: ApiKeyId) -> Result<Answered<()>> {
    let done = service
        .mutate(call, move |tx, _| {
            Box::pin(async move {
                let key = find(tx, id).await?;
                api_keys::delete(tx, key.workspace, id).await?;
                Ok(())
            })
        })
        .await?;
    service.keys.forget(id);
    Ok(done)
}

/// Makes the first workspace and a key for it, in an empty database. The key is the one given; where none is, it is
/// generated and returned, to be shown once.
pub async fn bootstrap(
    service: &Service,
    given: Option<&SecretString>,
) -> Result<Option<SecretString>> {
    let secret = match given {
        Some(text) => parse_given(text)?,
        None => generate(ApiKeyId::generate())?,
    };
    let (id, digest, clock) = (ApiKeyId(secret.id), secret.hash(), service.clock.clone());
    let made = service
        .store
        .write(Lane::Accept, move |tx| {
            let now = clock.now();
            Box::pin(async move {
                turns::take(tx, Turn::FirstStart).await?;
                let empty = is_empty(tx).await?;
                if empty {
                    insert_first(tx, id, digest, now).await?;
                }
                Ok(empty)
            })
        })
        .await?;
    Ok((made && given.is_none()).then(|| secret.text()))
}

fn parse_given(text: &SecretString) -> Result<secrets::ApiKey> {
    let parsed = secrets::ApiKey::parse(text.expose_secret()).ok();
    parsed.filter(|key| key.kind == KeyKind::Secret).ok_or_else(|| {
        let description = "must be a secret key, tdg_<live|test>_secret_<id>_<random>";
        Error::invalid_field("security.bootstrap_key", description)
    })
}

async fn is_empty(tx: &Tx) -> Result<bool> {
    let first = store::Page { size: 1, after: None };
    let workspaces = store::workspaces::list(tx, first).await?;
    Ok(workspaces.is_empty() && !api_keys::any(tx).await?)
}

async fn insert_first(tx: &Tx, id: ApiKeyId, digest: [u8; 32], now: Time) -> Result<()> {
    let (workspace, name) = (WorkspaceId::generate(), FIRST_NAME.to_owned());
    let row = Workspace {
        id: workspace,
        name: name.clone(),
        delivery_labels: Labels::default(),
        created_at: now,
        updated_at: now,
    };
    store::workspaces::insert(tx, row).await?;
    let scopes = vec![Scope::Admin];
    let key = ApiKey { id, workspace, name, scopes, digest, created_at: now, expires_at: None };
    api_keys::insert(tx, key).await
}

fn generate(id: ApiKeyId) -> Result<secrets::ApiKey> {
    let key = secrets::ApiKey::generate(KeyMode::Live, KeyKind::Secret, id.0);
    key.map_err(Error::internal)
}

async fn find(on: &impl On, id: ApiKeyId) -> Result<ApiKey> {
    let found = api_keys::find_all_workspaces(on, id).await?;
    found.ok_or_else(|| Error::not_found("API key", id.to_string()))
}
