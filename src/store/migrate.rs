//! Brings the schema up to date, and refuses one that a newer program made.

use super::connection::Connector;
use super::on::Reader;
use crate::error::{Error, Reason, Result};
use migrations::Migrator;
use sea_orm::{DatabaseConnection, EntityTrait};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use std::collections::HashSet;

/// Where `SeaORM` notes what it applied.
const TABLE: &str = "seaql_migrations";

/// Applies what is pending, each migration in a transaction of its own.
pub(super) async fn up(connector: &Connector) -> Result<Vec<String>> {
    let connection = connector.writer().await?;
    let pending = pending_on(&connection).await?;
    Migrator::up(&connection, None).await?;
    connection.close().await?;
    Ok(pending)
}

/// What is pending.
pub(super) async fn pending(reader: &Reader) -> Result<Vec<String>> {
    pending_on(reader.connection()).await
}

async fn pending_on(connection: &DatabaseConnection) -> Result<Vec<String>> {
    let known: Vec<String> =
        Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied: HashSet<String> = if SchemaManager::new(connection).has_table(TABLE).await? {
        let rows = seaql_migrations::Entity::find().all(connection).await?;
        rows.into_iter().map(|row| row.version).collect()
    } else {
        HashSet::new()
    };
    if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
        return Err(Error::new(
            Reason::Unavailable,
            format!(
                "The database was made by a newer Tidings: this one does not know its migration \"{newer}\". Run the \
                 newer program, or restore a backup."
            ),
        ));
    }
    Ok(known.into_iter().filter(|name| !applied.contains(name)).collect())
}
