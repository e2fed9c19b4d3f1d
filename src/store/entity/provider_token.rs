//! The table `provider_tokens`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::provider_token::{SealedToken, SignerId};
use crate::error::Error;
use crate::secrets::Sealed;
use crate::store::codes;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub team_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_digest: Vec<u8>,
    pub sealed_key_id: String,
    pub sealed: Vec<u8>,
    pub minted_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<SealedToken> for Model {
    fn from(row: SealedToken) -> Self {
        Model {
            team_id: row.signer.team_id,
            key_id: row.signer.key_id,
            key_digest: row.signer.key_digest.to_vec(),
            sealed_key_id: row.sealed.key_id,
            sealed: row.sealed.bytes,
            minted_at: row.minted_at.0,
        }
    }
}

impl TryFrom<Model> for SealedToken {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        Ok(SealedToken {
            signer: SignerId {
                team_id: model.team_id,
                key_id: model.key_id,
                key_digest: codes::digest(&model.key_digest)?,
            },
            sealed: Sealed { key_id: model.sealed_key_id, bytes: model.sealed },
            minted_at: Time(model.minted_at),
        })
    }
}
