//! Shards and their members.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, integer, integer_null, pk_uuid, small_integer,
    small_integer_null, text, text_null, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        shards(manager).await?;
        subscriptions(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("subscriptions").to_owned()).await?;
        manager.drop_table(Table::drop().table("shards").to_owned()).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn shards(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("shards")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(uuid("activity_key"))
        .col(big_integer("run"))
        .col(uuid("app_id"))
        .col(small_integer("environment"))
        .col(small_integer("route"))
        .col(big_integer("members"))
        .col(big_integer("wanted"))
        .col(big_integer("delivered"))
        .col(big_integer("last_stamp"))
        .col(big_integer_null("due_at"))
        .col(uuid_null("lease_owner"))
        .col(big_integer("lease_epoch").default(0))
        .col(big_integer_null("lease_until"))
        .foreign_key(
            ForeignKey::create()
                .name("shards_of_activity")
                .from("shards", "activity_key")
                .to("activities", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("shards_by_place")
        .table("shards")
        .col("activity_key")
        .col("run")
        .col("app_id")
        .col("environment")
        .col("route")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("shards_due")
        .table("shards")
        .col("due_at")
        .and_where(Expr::col("due_at").is_not_null())
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("shards_behind")
        .table("shards")
        .col("id")
        .and_where(Expr::col("delivered").lt(Expr::col("wanted")))
        .to_owned();
    manager.create_index(index).await
}

async fn subscriptions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create()
        .table("subscriptions")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(uuid("activity_key"))
        .col(big_integer("run"))
        .col(uuid("app_id"))
        .col(small_integer("environment"))
        .col(small_integer("route"))
        .col(uuid("shard_id"))
        .col(uuid("device_key"))
        .col(text("contact_key"))
        .col(small_integer("state"))
        .col(text("reason"))
        .col(small_integer("cause"))
        .col(big_integer("version"))
        .col(big_integer("asked_at"))
        .col(integer("starts_begun"))
        .col(big_integer_null("start_doubt_until"))
        .col(uuid_null("card_token_id"))
        .col(text_null("card_id"))
        .col(big_integer_null("card_shown_since"))
        .col(boolean("has_second"))
        .col(uuid_null("second_token_id"))
        .col(text_null("second_card_id"))
        .col(text_null("closed_card_id"))
        .col(boolean("is_exceptional"))
        .col(big_integer_null("look_at"))
        .col(big_integer("alerted"))
        .col(small_integer("fallback"))
        .col(boolean("closing"))
        .col(small_integer_null("reported_state"))
        .col(big_integer_null("reported_at"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .foreign_key(
            ForeignKey::create()
                .name("subscriptions_of_shard")
                .from("subscriptions", "shard_id")
                .to("shards", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .foreign_key(
            ForeignKey::create()
                .name("subscriptions_of_device")
                .from("subscriptions", "device_key")
                .to("devices", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    own_columns(&mut table);
    tables::create(manager, table).await?;
    subscription_indexes(manager).await
}

/// What a subscription has of its own where it differs from its shard.
fn own_columns(table: &mut TableCreateStatement) {
    table
        .col(big_integer("targeted_end"))
        .col(big_integer("targeted_update"))
        .col(big_integer("targeted_alert"))
        .col(big_integer_null("own_delivered"))
        .col(big_integer_null("own_last_stamp"))
        .col(big_integer_null("in_flight_revision"))
        .col(big_integer_null("in_flight_until"))
        .col(big_integer_null("failed_revision"))
        .col(integer_null("attempts"))
        .col(big_integer_null("retry_at"))
        .col(big_integer_null("not_before"));
}

async fn subscription_indexes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let index = Index::create()
        .name("subscriptions_by_run")
        .table("subscriptions")
        .col("activity_key")
        .col("run")
        .col("device_key")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("subscriptions_by_shard")
        .table("subscriptions")
        .col("shard_id")
        .col("id")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("subscriptions_by_device")
        .table("subscriptions")
        .col("device_key")
        .col("activity_key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("subscriptions_by_contact")
        .table("subscriptions")
        .col("workspace_id")
        .col("contact_key")
        .col("activity_key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("subscriptions_exceptional")
        .table("subscriptions")
        .col("shard_id")
        .col("id")
        .and_where(Expr::col("is_exceptional"))
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("subscriptions_to_look_at")
        .table("subscriptions")
        .col("shard_id")
        .col("look_at")
        .col("id")
        .and_where(Expr::col("look_at").is_not_null())
        .to_owned();
    manager.create_index(index).await
}
