//! Activities, what was asked of them, and whom they are for.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, boolean, double_null, pk_uuid, small_integer, text, text_null,
    uuid, uuid_null,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        activities(manager).await?;
        revisions(manager).await?;
        expansions(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("expansions").to_owned()).await?;
        manager.drop_table(Table::drop().table("revisions").to_owned()).await?;
        manager.drop_table(Table::drop().table("activities").to_owned()).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn activities(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("activities")
        .col(pk_uuid("key"))
        .col(uuid("workspace_id"))
        .col(text("activity_id"))
        .col(text("activity_type"))
        .col(text("external_id"))
        .col(big_integer("run"))
        .col(big_integer("revision"))
        .col(big_integer("marked_revision"))
        .col(big_integer("dispatched_revision"))
        .col(small_integer("state"))
        .col(small_integer("origin"))
        .col(text("attributes"))
        .col(text("content"))
        .col(text("start_alert"))
        .col(text_null("fallback"))
        .col(big_integer_null("observed_at"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .col(big_integer("started_at"))
        .col(big_integer("deliver_for"))
        .col(big_integer("expires_at"))
        .col(big_integer_null("turns_at"))
        .col(big_integer_null("ended_at"))
        .col(big_integer("deleted_run"))
        .col(big_integer("purged_run"))
        .col(big_integer_null("deleted_at"))
        .foreign_key(
            ForeignKey::create()
                .name("activities_of_workspace")
                .from("activities", "workspace_id")
                .to("workspaces", "id")
                .on_delete(ForeignKeyAction::NoAction),
        )
        .to_owned();
    tables::create(manager, table).await?;
    activity_indexes(manager).await
}

async fn activity_indexes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let index = Index::create()
        .name("activities_by_activity_id")
        .table("activities")
        .col("workspace_id")
        .col("activity_id")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_by_workspace")
        .table("activities")
        .col("workspace_id")
        .col("key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_by_external_id")
        .table("activities")
        .col("workspace_id")
        .col("external_id")
        .col("key")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_unmarked")
        .table("activities")
        .col("key")
        .and_where(Expr::col("marked_revision").lt(Expr::col("revision")))
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_to_turn")
        .table("activities")
        .col("turns_at")
        .and_where(Expr::col("turns_at").is_not_null())
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_ended")
        .table("activities")
        .col("ended_at")
        .and_where(Expr::col("deleted_run").lt(Expr::col("run")))
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_with_earlier_runs")
        .table("activities")
        .col("key")
        .and_where(Expr::col("run").gt(Expr::col("deleted_run").add(1)))
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("activities_to_purge")
        .table("activities")
        .col("deleted_at")
        .and_where(Expr::col("purged_run").lt(Expr::col("deleted_run")))
        .to_owned();
    manager.create_index(index).await
}

async fn revisions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("revisions")
        .col(uuid("activity_key"))
        .col(big_integer("number"))
        .col(big_integer("run"))
        .col(small_integer("operation"))
        .col(text_null("target"))
        .col(text("content"))
        .col(text_null("alert"))
        .col(big_integer_null("alert_expires_at"))
        .col(small_integer("priority"))
        .col(big_integer_null("stale_at"))
        .col(double_null("relevance_score"))
        .col(big_integer_null("dismiss_at"))
        .col(big_integer_null("observed_at"))
        .col(big_integer("created_at"))
        .col(uuid_null("marked_to"))
        .primary_key(Index::create().col("activity_key").col("number"))
        .foreign_key(
            ForeignKey::create()
                .name("revisions_of_activity")
                .from("revisions", "activity_key")
                .to("activities", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("revisions_by_run")
        .table("revisions")
        .col("activity_key")
        .col("run")
        .col("number")
        .to_owned();
    manager.create_index(index).await
}

async fn expansions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("expansions")
        .col(pk_uuid("id"))
        .col(uuid("activity_key"))
        .col(big_integer("run"))
        .col(uuid("workspace_id"))
        .col(small_integer("verb"))
        .col(text("audience"))
        .col(uuid_null("segment_key"))
        .col(text("cursor"))
        .col(boolean("done"))
        .col(big_integer("created_at"))
        .col(uuid_null("lease_owner"))
        .col(big_integer("lease_epoch").default(0))
        .col(big_integer_null("lease_until"))
        .foreign_key(
            ForeignKey::create()
                .name("expansions_of_activity")
                .from("expansions", "activity_key")
                .to("activities", "key")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("expansions_by_run")
        .table("expansions")
        .col("activity_key")
        .col("run")
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("expansions_pending")
        .table("expansions")
        .col("created_at")
        .col("activity_key")
        .and_where(Expr::col("done").not())
        .to_owned();
    manager.create_index(index).await
}
