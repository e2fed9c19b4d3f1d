//! Brings the schema up to date, and refuses one that a newer program made.

use crate::error::{Error, Reason, Result};
use migrations::Migrator;
use sea_orm::{DatabaseConnection, EntityTrait};
use sea_orm_migration::{MigratorTrait, SchemaManager, seaql_migrations};
use std::collections::HashSet;

/// Where `SeaORM` notes what it applied.
const TABLE: &str = "seaql_migrations";

/// Applies what is pending, each migration in a transaction of its own.
pub(super) async fn up(connection: &DatabaseConnection) -> Result<Vec<String>> {
    let names = pending(connection).await?;
    Migrator::up(connection, None).await?;
    Ok(names)
}

/// What is pending.
pub(super) async fn pending(connection: &DatabaseConnection) -> Result<Vec<String>> {
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
                "The database was made by a newer Tidings: this one does not know its migration \
                 \"{newer}\". Run the newer program, or restore a backup."
            ),
        ));
    }
    Ok(known.into_iter().filter(|name| !applied.contains(name)).collect())
}

#[cfg(test)]
mod tests {
    use crate::error::Reason;
    use crate::store::{Config, Lane, On, Store};
    use futures::future::FutureExt;
    use sea_orm::ConnectionTrait;

    #[tokio::test]
    async fn a_schema_newer_than_the_program_is_refused() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("tidings.db");
        let config =
            Config { url: format!("sqlite://{}", path.display()).into(), ..Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
        let write = store.write(Lane::Accept, move |tx| {
            async move { Ok(tx.handle().db.execute_unprepared(newer).await?.rows_affected()) }
                .boxed()
        });
        assert_eq!(write.await.unwrap(), 1);
        for refused in [store.migrate().await, store.pending_migrations().await] {
            let refused = refused.unwrap_err();
            assert_eq!(refused.reason, Reason::Unavailable);
            assert!(refused.message.contains("m9999_future"), "{}", refused.message);
        }
    }
}
