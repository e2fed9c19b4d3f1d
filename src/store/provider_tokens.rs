//! The provider tokens that all who share the database use, sealed: one per key.

use super::apply::upsert;
use super::entity::provider_token::{Column, Entity};
use super::on::{On, Tx};
use super::turns::{self, Turn};
use crate::clock::Time;
use crate::domain::provider_token::{SealedToken, SignerId};
use crate::error::Result;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// The token of a key, where it has one. Until the transaction ends nobody else signs for that key.
pub async fn hold(tx: &Tx, signer: &SignerId) -> Result<Option<SealedToken>> {
    turns::take(tx, Turn::ProviderToken(&signer.key_digest)).await?;
    let key = (signer.team_id.clone(), signer.key_id.clone(), signer.key_digest.to_vec());
    let model = Entity::find_by_id(key).one(&tx.handle().db).await?;
    model.map(SealedToken::try_from).transpose()
}

/// Keeps the token of a key, in place of the one before.
pub async fn save(tx: &Tx, token: SealedToken) -> Result<()> {
    upsert::<Entity, _>(tx, vec![token]).await
}

/// Forgets those that were signed before that time, and says how many.
pub async fn forget(tx: &Tx, before: Time) -> Result<u64> {
    let query = Entity::delete_many().filter(Column::MintedAt.lt(before.0));
    Ok(query.exec(&tx.handle().db).await?.rows_affected)
}
