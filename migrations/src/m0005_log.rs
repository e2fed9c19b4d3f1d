//! What is only ever added: deliveries and events. They outlive what they are about, so nothing ties them to it.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, integer, pk_uuid, small_integer,
    small_integer_null, text, text_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        deliveries(manager).await?;
        events(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("events").to_owned()).await?;
        manager.drop_table(Table::drop().table("deliveries").to_owned()).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn deliveries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("deliveries")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(uuid("activity_key"))
        .col(big_integer("run"))
        .col(uuid("subscription_id"))
        .col(uuid("device_key"))
        .col(text("contact_key"))
        .col(uuid("app_id"))
        .col(small_integer("environment"))
        .col(small_integer("operation"))
        .col(big_integer("first_revision"))
        .col(big_integer("revision"))
        .col(big_integer("alert_revision"))
        .col(small_integer("status"))
        .col(text("reason"))
        .col(small_integer_null("class"))
        .col(integer("http_status"))
        .col(integer("attempt"))
        .col(uuid_null("apns_id"))
        .col(text_null("apns_unique_id"))
        .col(big_integer("sent_at"))
        .col(big_integer_null("answered_at"))
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("deliveries_by_workspace")
        .table("deliveries")
        .col("workspace_id")
        .col("id")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("deliveries_by_activity")
        .table("deliveries")
        .col("activity_key")
        .col("id")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("deliveries_by_device")
        .table("deliveries")
        .col("device_key")
        .col("id")
        .to_owned();
    manager.create_index(index).await
}

async fn events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("events")
        .col(big_pk_auto("position"))
        .col(uuid("workspace_id"))
        .col(big_integer_null("seq"))
        .col(small_integer("kind"))
        .col(uuid_null("activity_key"))
        .col(big_integer_null("run"))
        .col(big_integer_null("revision"))
        .col(uuid_null("device_key"))
        .col(uuid_null("token_id"))
        .col(text("reason"))
        .col(small_integer("cause"))
        .col(big_integer("at"))
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("events_by_workspace")
        .table("events")
        .col("workspace_id")
        .col("position")
        .to_owned();
    manager.create_index(index).await
}
