//! Segments, who the recipients of a run are, and devices whose audiences are to be looked for.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, pk_uuid, small_integer, text, uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        segments(manager).await?;
        members(manager).await?;
        recipients(manager).await?;
        arrivals(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["arrivals", "recipients", "segment_members", "segments"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn segments(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("segments")
        .col(pk_uuid("key"))
        .col(uuid("workspace_id"))
        .col(text("segment_id"))
        .col(small_integer("kind"))
        .col(big_integer("members"))
        .col(big_integer("version"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .col(big_integer_null("deleted_at"))
        .foreign_key(
            ForeignKey::create()
                .name("segments_of_workspace")
                .from("segments", "workspace_id")
                .to("workspaces", "id")
                .on_delete(ForeignKeyAction::NoAction),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("segments_by_segment_id")
        .table("segments")
        .col("workspace_id")
        .col("segment_id")
        .unique()
        .and_where(Expr::col("deleted_at").is_null())
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("segments_deleted")
        .table("segments")
        .col("key")
        .and_where(Expr::col("deleted_at").is_not_null())
        .to_owned();
    manager.create_index(index).await
}

/// A member that was removed stays until nobody wants to know any more that it was one.
async fn members(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("segment_members")
        .col(uuid("segment_key"))
        .col(text("member"))
        .col(big_integer("added"))
        .col(big_integer("changed"))
        .col(big_integer_null("removed"))
        .primary_key(Index::create().col("segment_key").col("member"))
        .foreign_key(
            ForeignKey::create()
                .name("segment_members_of_segment")
                .from("segment_members", "segment_key")
                .to("segments", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("segment_members_changed")
        .table("segment_members")
        .col("segment_key")
        .col("changed")
        .col("member")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("segment_members_removed")
        .table("segment_members")
        .col("segment_key")
        .col("member")
        .and_where(Expr::col("removed").is_not_null())
        .to_owned();
    manager.create_index(index).await
}

async fn recipients(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("recipients")
        .col(uuid("activity_key"))
        .col(big_integer("run"))
        .col(small_integer("kind"))
        .col(text("value"))
        .col(uuid("workspace_id"))
        .col(uuid_null("segment_key"))
        .col(boolean("live"))
        .col(big_integer("since"))
        .col(big_integer("as_of"))
        .col(big_integer("followed"))
        .col(text("cursor"))
        .primary_key(Index::create().col("activity_key").col("run").col("kind").col("value"))
        .foreign_key(
            ForeignKey::create()
                .name("recipients_of_activity")
                .from("recipients", "activity_key")
                .to("activities", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("recipients_live")
        .table("recipients")
        .col("kind")
        .col("workspace_id")
        .col("value")
        .col("activity_key")
        .and_where(Expr::col("live"))
        .to_owned();
    manager.create_index(index).await
}

async fn arrivals(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("arrivals")
        .col(pk_uuid("device_key"))
        .col(uuid("stamp"))
        .col(uuid("workspace_id"))
        .foreign_key(
            ForeignKey::create()
                .name("arrivals_of_device")
                .from("arrivals", "device_key")
                .to("devices", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create().name("arrivals_by_stamp").table("arrivals").col("stamp").to_owned();
    manager.create_index(index).await
}
