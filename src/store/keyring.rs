//! The sealed key that tokens are fingerprinted with.

use super::apply::upsert;
use super::entity::keyring::{Entity, Model};
use super::on::{On, Tx};
use super::turns::Turn;
use crate::error::Result;
use crate::secrets::Sealed;
use sea_orm::EntityTrait;

/// The table has one row.
const ROW: i16 = 1;

/// The key, where one was ever saved.
pub async fn load(on: &impl On) -> Result<Option<Sealed>> {
    let model = Entity::find_by_id(ROW).one(&on.handle().db).await?;
    Ok(model.map(|model| Sealed { key_id: model.sealed_key_id, bytes: model.sealed }))
}

/// Saves the key of a new database and returns the one that counts: that of another replica which was faster.
pub async fn save_first(tx: &Tx, sealed: Sealed) -> Result<Sealed> {
    super::turns::take(tx, Turn::FirstStart).await?;
    if let Some(saved) = load(tx).await? {
        return Ok(saved);
    }
    save(tx, sealed.clone()).await?;
    Ok(sealed)
}

/// Replaces the key.
pub async fn save(tx: &Tx, sealed: Sealed) -> Result<()> {
    let row = Model { id: ROW, sealed_key_id: sealed.key_id, sealed: sealed.bytes };
    upsert::<Entity, _>(tx, vec![row]).await
}
