//! What the server remembers for itself: request ids, the mark of its clock, the sealed fingerprint key, the provider
//! tokens that all replicas use.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, blob, small_integer, text, text_null, uuid};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        request_ids(manager).await?;
        clock(manager).await?;
        keyring(manager).await?;
        provider_tokens(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("provider_tokens").to_owned()).await?;
        manager.drop_table(Table::drop().table("keyring").to_owned()).await?;
        manager.drop_table(Table::drop().table("clock").to_owned()).await?;
        manager.drop_table(Table::drop().table("request_ids").to_owned()).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn request_ids(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("request_ids")
        .col(uuid("workspace_id"))
        .col(text("method"))
        .col(text("request_id"))
        .col(blob("digest"))
        .col(text_null("answer"))
        .col(big_integer("created_at"))
        .primary_key(Index::create().col("workspace_id").col("method").col("request_id"))
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("request_ids_by_age")
        .table("request_ids")
        .col("created_at")
        .to_owned();
    manager.create_index(index).await
}

async fn clock(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("clock")
        .col(small_integer("id").primary_key())
        .col(big_integer("mark"))
        .to_owned();
    tables::create(manager, table).await
}

async fn keyring(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("keyring")
        .col(small_integer("id").primary_key())
        .col(text("sealed_key_id"))
        .col(blob("sealed"))
        .to_owned();
    tables::create(manager, table).await
}

async fn provider_tokens(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("provider_tokens")
        .col(text("team_id"))
        .col(text("key_id"))
        .col(blob("key_digest"))
        .col(text("sealed_key_id"))
        .col(blob("sealed"))
        .col(big_integer("minted_at"))
        .primary_key(Index::create().col("team_id").col("key_id").col("key_digest"))
        .to_owned();
    tables::create(manager, table).await
}
