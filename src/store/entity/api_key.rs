//! The table `api_keys`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{ApiKeyId, WorkspaceId};
use crate::domain::tenant::{ApiKey, Scope};
use crate::error::Error;
use crate::store::codes;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub scopes: String,
    pub digest: Vec<u8>,
    pub created_at: i64,
    pub expires_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Scopes are stored as their words with a space between.
const BETWEEN: &str = " ";

impl From<ApiKey> for Model {
    fn from(row: ApiKey) -> Self {
        let words: Vec<&str> = row.scopes.iter().map(|scope| scope.word()).collect();
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            name: row.name,
            scopes: words.join(BETWEEN),
            digest: row.digest.to_vec(),
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
        }
    }
}

impl TryFrom<Model> for ApiKey {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let words = model.scopes.split(BETWEEN).filter(|word| !word.is_empty());
        let scopes =
            words.map(|word| Scope::from_word(word).ok_or_else(|| codes::corrupt("scope")));
        Ok(ApiKey {
            id: ApiKeyId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            name: model.name,
            scopes: scopes.collect::<Result<_, Error>>()?,
            digest: codes::digest(&model.digest)?,
            created_at: Time(model.created_at),
            expires_at: model.expires_at.map(Time),
        })
    }
}
