//! Broadcast channels of Apple's, and when Apple's own list of them is to be looked at next.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, integer, pk_uuid, small_integer, small_integer_null, text,
    text_null, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        channels(manager).await?;
        surveys(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["channel_surveys", "channels"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// `apple_id` is empty until Apple has given one.
async fn channels(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("channels")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(uuid("app_id"))
        .col(text("bundle_id"))
        .col(small_integer("environment"))
        .col(small_integer("policy"))
        .col(small_integer("state"))
        .col(text_null("apple_id"))
        .col(text_null("problem"))
        .col(small_integer_null("problem_class"))
        .col(integer("attempts"))
        .col(integer("doubts"))
        .col(big_integer_null("due_at"))
        .col(big_integer("claim"))
        .col(big_integer_null("claimed_until"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .foreign_key(
            ForeignKey::create()
                .name("channels_of_app")
                .from("channels", "workspace_id")
                .from("channels", "app_id")
                .to("apps", "workspace_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("channels_by_workspace")
        .table("channels")
        .col("workspace_id")
        .col("id")
        .to_owned();
    manager.create_index(index).await?;
    // Also keeps two rows from standing for one channel of Apple's.
    let index = Index::create()
        .name("channels_by_apple_id")
        .table("channels")
        .col("app_id")
        .col("environment")
        .col("apple_id")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("channels_by_bundle_id")
        .table("channels")
        .col("bundle_id")
        .col("environment")
        .col("state")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("channels_due")
        .table("channels")
        .col("due_at")
        .and_where(Expr::col("due_at").is_not_null())
        .to_owned();
    manager.create_index(index).await
}

async fn surveys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("channel_surveys")
        .col(uuid("app_id"))
        .col(small_integer("environment"))
        .col(uuid("workspace_id"))
        .col(text("bundle_id"))
        .col(big_integer("due_at"))
        .col(big_integer("claim"))
        .col(big_integer_null("claimed_until"))
        .primary_key(Index::create().col("app_id").col("environment"))
        .foreign_key(
            ForeignKey::create()
                .name("channel_surveys_of_app")
                .from("channel_surveys", "workspace_id")
                .from("channel_surveys", "app_id")
                .to("apps", "workspace_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("channel_surveys_due")
        .table("channel_surveys")
        .col("due_at")
        .to_owned();
    manager.create_index(index).await
}
