//! How tables are made alike on both databases.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Makes a table whose texts compare byte by byte, as `SQLite` does by itself: lists page by such texts, and an index
/// in the order of some locale breaks when the operating system's idea of that locale changes.
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    table: TableCreateStatement,
) -> Result<(), DbErr> {
    let texts: Vec<String> = table
        .get_columns()
        .iter()
        .filter(|column| matches!(column.get_column_type(), Some(ColumnType::Text)))
        .map(|column| {
            format!("ALTER COLUMN \"{0}\" TYPE text COLLATE \"C\"", column.get_column_name())
        })
        .collect();
    let name = match table.get_table_name() {
        Some(TableRef::Table(name, _)) => name.1.to_string(),
        _ => return Err(DbErr::Migration("a table without a name".to_owned())),
    };
    manager.create_table(table).await?;
    if manager.get_database_backend() != DbBackend::Postgres || texts.is_empty() {
        return Ok(());
    }
    let alter = format!("ALTER TABLE \"{name}\" {}", texts.join(", "));
    manager.get_connection().execute_unprepared(&alter).await.map(drop)
}
