//! Devices and their tokens.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, boolean, integer, pk_uuid, small_integer, text, text_null,
    uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        devices(manager).await?;
        tokens(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("tokens").to_owned()).await?;
        manager.drop_table(Table::drop().table("devices").to_owned()).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn devices(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("devices")
        .col(pk_uuid("key"))
        .col(uuid("workspace_id"))
        .col(text("device_id"))
        .col(uuid("app_id"))
        .col(text("contact_key"))
        .col(small_integer("platform"))
        .col(small_integer("form_factor"))
        .col(integer("os_major"))
        .col(integer("os_minor"))
        .col(small_integer("environment"))
        .col(boolean("activities_enabled"))
        .col(boolean("frequent_pushes_enabled"))
        .col(boolean("notifications_permission"))
        .col(text("app_version"))
        .col(text("sdk_version"))
        .col(text("manufacturer"))
        .col(text("model"))
        .col(text("locale"))
        .col(big_integer("created_at"))
        .col(big_integer("last_seen_at"))
        .col(big_integer_null("deleted_at"))
        .foreign_key(
            ForeignKey::create()
                .name("devices_of_app")
                .from("devices", "workspace_id")
                .from("devices", "app_id")
                .to("apps", "workspace_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::NoAction),
        )
        .to_owned();
    tables::create(manager, table).await?;
    device_indexes(manager).await
}

async fn device_indexes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let index = Index::create()
        .name("devices_by_device_id")
        .table("devices")
        .col("workspace_id")
        .col("device_id")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("devices_by_contact")
        .table("devices")
        .col("workspace_id")
        .col("contact_key")
        .col("key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("devices_by_app")
        .table("devices")
        .col("workspace_id")
        .col("app_id")
        .col("key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("devices_by_workspace")
        .table("devices")
        .col("workspace_id")
        .col("key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("devices_to_purge")
        .table("devices")
        .col("deleted_at")
        .and_where(Expr::col("deleted_at").is_not_null())
        .to_owned();
    manager.create_index(index).await
}

async fn tokens(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("tokens")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(uuid("device_key"))
        .col(uuid("app_id"))
        .col(small_integer("kind"))
        .col(small_integer("environment"))
        .col(blob("fingerprint"))
        .col(text("sealed_key_id"))
        .col(blob("sealed"))
        .col(text("activity_type"))
        .col(uuid_null("subscription_id"))
        .col(big_integer("token_time"))
        .col(big_integer("registered_at"))
        .col(big_integer_null("doubted_at"))
        .col(big_integer_null("invalid_at"))
        .col(text_null("invalid_reason"))
        .foreign_key(
            ForeignKey::create()
                .name("tokens_of_device")
                .from("tokens", "device_key")
                .to("devices", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("tokens_by_fingerprint")
        .table("tokens")
        .col("workspace_id")
        .col("app_id")
        .col("fingerprint")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("tokens_by_device")
        .table("tokens")
        .col("device_key")
        .col("kind")
        .col("activity_type")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("tokens_dead")
        .table("tokens")
        .col("invalid_at")
        .and_where(Expr::col("invalid_at").is_not_null())
        .to_owned();
    manager.create_index(index).await
}
