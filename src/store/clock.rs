//! The durable mark of the clock, and the time that all replicas share.

use super::apply::upsert;
use super::codes::corrupt;
use super::entity::clock::{Entity, Model};
use super::on::{On, Tx};
use crate::clock::{Clock, Time};
use crate::error::Result;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};

/// Not the time at which the transaction began.
const DATABASE_TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now";

/// The table has one row.
const ROW: i16 = 1;

/// The mark, where one was ever saved.
pub async fn load(on: &impl On) -> Result<Option<Time>> {
    let model = Entity::find_by_id(ROW).one(&on.handle().db).await?;
    Ok(model.map(|model| Time(model.mark)))
}

/// The present, of which there is one for all replicas: the database's own where they share one, and this process's
/// where it is the only one.
pub async fn now(on: &impl On, clock: &Clock) -> Result<Time> {
    let db = on.handle().db;
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(clock.now());
    }
    let query = Statement::from_string(DbBackend::Postgres, DATABASE_TIME);
    let row = db.query_one_raw(query).await?.ok_or_else(|| corrupt("time"))?;
    Ok(Time(row.try_get("", "now")?))
}

/// Replaces the mark.
pub async fn save(tx: &Tx, mark: Time) -> Result<()> {
    upsert::<Entity, _>(tx, vec![Model { id: ROW, mark: mark.0 }]).await
}
