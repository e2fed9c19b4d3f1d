//! The durable mark of the clock.

use super::apply::upsert;
use super::entity::clock::{Entity, Model};
use super::on::{On, Tx};
use crate::clock::Time;
use crate::error::Result;
use sea_orm::EntityTrait;

/// The table has one row.
const ROW: i16 = 1;

/// The mark, where one was ever saved.
pub async fn load(on: &impl On) -> Result<Option<Time>> {
    let model = Entity::find_by_id(ROW).one(&on.handle().db).await?;
    Ok(model.map(|model| Time(model.mark)))
}

/// Replaces the mark.
pub async fn save(tx: &Tx, mark: Time) -> Result<()> {
    upsert::<Entity, _>(tx, vec![Model { id: ROW, mark: mark.0 }]).await
}
