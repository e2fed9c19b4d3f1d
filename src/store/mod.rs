//! The database: a stand-in with the signatures alone, until the real one is merged.
#![expect(missing_docs, clippy::unused_async, reason = "a stand-in")]

use crate::error::{Error, Result};
use futures::future::BoxFuture;

#[derive(Clone, Debug)]
pub struct Store;
#[derive(Debug)]
pub struct Tx;
#[derive(Debug)]
pub struct Reader;
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    Accept,
}
#[derive(Clone, Copy, Debug)]
pub struct Page<C> {
    pub size: u64,
    pub after: Option<C>,
}
pub trait On {}
impl On for Tx {}
impl On for Reader {}

fn missing<T>() -> Result<T> {
    Err(Error::unavailable("There is no database yet."))
}

impl Store {
    pub async fn write<T, F>(&self, _lane: Lane, write: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<T>> + Send + Sync + 'static,
    {
        write(&Tx).await
    }
    pub fn reader(&self) -> &Reader {
        &Reader
    }
}

pub mod requests {
    use super::{Result, Tx, missing};
    use crate::clock::Time;
    use crate::domain::ids::WorkspaceId;
    #[derive(Debug)]
    pub enum Claimed {
        New,
        Replay(String),
    }
    pub async fn claim(
        _tx: &Tx,
        _workspace: WorkspaceId,
        _method: &str,
        _request_id: &str,
        _digest: &[u8; 32],
        _now: Time,
    ) -> Result<Claimed> {
        missing()
    }
    pub async fn answer(
        _tx: &Tx,
        _workspace: WorkspaceId,
        _method: &str,
        _request_id: &str,
        _json: &str,
    ) -> Result<()> {
        missing()
    }
}

pub mod workspaces {
    use super::{On, Page, Result, Tx, missing};
    use crate::domain::ids::WorkspaceId;
    use crate::domain::tenant::Workspace;
    pub async fn insert(_tx: &Tx, _row: &Workspace) -> Result<()> {
        missing()
    }
    pub async fn find(_on: &impl On, _id: WorkspaceId) -> Result<Option<Workspace>> {
        missing()
    }
    pub async fn by_name(_on: &impl On, _name: &str) -> Result<Option<Workspace>> {
        missing()
    }
    pub async fn list(_on: &impl On, _page: Page<WorkspaceId>) -> Result<Vec<Workspace>> {
        missing()
    }
    pub async fn update(_tx: &Tx, _row: &Workspace) -> Result<()> {
        missing()
    }
    pub async fn delete(_tx: &Tx, _id: WorkspaceId) -> Result<bool> {
        missing()
    }
    pub async fn count_apps(_on: &impl On, _id: WorkspaceId) -> Result<u64> {
        missing()
    }
}

pub mod apps {
    use super::{On, Page, Result, Tx, missing};
    use crate::domain::ids::{AppId, WorkspaceId};
    use crate::domain::tenant::App;
    pub async fn insert(_tx: &Tx, _row: &App) -> Result<()> {
        missing()
    }
    pub async fn find(_on: &impl On, _ws: WorkspaceId, _id: AppId) -> Result<Option<App>> {
        missing()
    }
    pub async fn by_bundle_id(
        _on: &impl On,
        _ws: WorkspaceId,
        _bundle_id: &str,
    ) -> Result<Option<App>> {
        missing()
    }
    pub async fn list(_on: &impl On, _ws: WorkspaceId, _page: Page<AppId>) -> Result<Vec<App>> {
        missing()
    }
    pub async fn update(_tx: &Tx, _row: &App) -> Result<()> {
        missing()
    }
    pub async fn delete(_tx: &Tx, _ws: WorkspaceId, _id: AppId) -> Result<bool> {
        missing()
    }
    pub async fn count_devices(_on: &impl On, _ws: WorkspaceId, _id: AppId) -> Result<u64> {
        missing()
    }
}

pub mod credentials {
    use super::{On, Result, Tx, missing};
    use crate::domain::ids::{AppId, CredentialId, WorkspaceId};
    use crate::domain::tenant::SealedCredential;
    pub async fn insert(_tx: &Tx, _row: &SealedCredential) -> Result<()> {
        missing()
    }
    pub async fn find(
        _on: &impl On,
        _ws: WorkspaceId,
        _id: CredentialId,
    ) -> Result<Option<SealedCredential>> {
        missing()
    }
    pub async fn list(
        _on: &impl On,
        _ws: WorkspaceId,
        _app: AppId,
    ) -> Result<Vec<SealedCredential>> {
        missing()
    }
    pub async fn delete(_tx: &Tx, _ws: WorkspaceId, _id: CredentialId) -> Result<bool> {
        missing()
    }
}

pub mod api_keys {
    use super::{On, Page, Result, Tx, missing};
    use crate::domain::ids::{ApiKeyId, WorkspaceId};
    use crate::domain::tenant::ApiKey;
    pub async fn insert(_tx: &Tx, _row: &ApiKey) -> Result<()> {
        missing()
    }
    pub async fn find_all_workspaces(_on: &impl On, _id: ApiKeyId) -> Result<Option<ApiKey>> {
        missing()
    }
    pub async fn list(
        _on: &impl On,
        _ws: WorkspaceId,
        _page: Page<ApiKeyId>,
    ) -> Result<Vec<ApiKey>> {
        missing()
    }
    pub async fn delete(_tx: &Tx, _ws: WorkspaceId, _id: ApiKeyId) -> Result<bool> {
        missing()
    }
    pub async fn any(_on: &impl On) -> Result<bool> {
        missing()
    }
}

pub mod activity_types {
    use super::{On, Page, Result, Tx, missing};
    use crate::domain::activity_type::ActivityType;
    use crate::domain::ids::WorkspaceId;
    pub async fn find(
        _on: &impl On,
        _ws: WorkspaceId,
        _name: &str,
    ) -> Result<Option<ActivityType>> {
        missing()
    }
    pub async fn list(
        _on: &impl On,
        _ws: WorkspaceId,
        _page: Page<String>,
    ) -> Result<Vec<ActivityType>> {
        missing()
    }
    pub async fn put(_tx: &Tx, _row: &ActivityType) -> Result<()> {
        missing()
    }
    pub async fn delete(_tx: &Tx, _ws: WorkspaceId, _name: &str) -> Result<bool> {
        missing()
    }
}
