//! Tenants and what they own: workspaces, apps, credentials, API keys, activity types.

use crate::tables;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, blob, boolean, pk_uuid, small_integer, small_integer_null, text,
    text_null, text_uniq, uuid,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        workspaces(manager).await?;
        apps(manager).await?;
        credentials(manager).await?;
        api_keys(manager).await?;
        activity_types(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("activity_types").to_owned()).await?;
        manager.drop_table(Table::drop().table("api_keys").to_owned()).await?;
        manager.drop_table(Table::drop().table("credentials").to_owned()).await?;
        manager.drop_table(Table::drop().table("apps").to_owned()).await?;
        manager.drop_table(Table::drop().table("workspaces").to_owned()).await?;
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

async fn workspaces(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("workspaces")
        .col(pk_uuid("id"))
        .col(text_uniq("name"))
        .col(small_integer("delivery_labels"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .to_owned();
    tables::create(manager, table).await
}

async fn apps(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("apps")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(text("name"))
        .col(small_integer("platform"))
        .col(text_null("bundle_id"))
        .col(text_null("package_name"))
        .col(text_null("fcm_project_id"))
        .col(small_integer_null("fcm_data_keys"))
        .col(small_integer("default_environment"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .foreign_key(
            ForeignKey::create()
                .name("apps_of_workspace")
                .from("apps", "workspace_id")
                .to("workspaces", "id")
                .on_delete(ForeignKeyAction::NoAction),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("apps_by_bundle_id")
        .table("apps")
        .col("workspace_id")
        .col("bundle_id")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("apps_by_package_name")
        .table("apps")
        .col("workspace_id")
        .col("package_name")
        .unique()
        .to_owned();
    manager.create_index(index).await?;
    let index = Index::create()
        .name("apps_by_workspace")
        .table("apps")
        .col("workspace_id")
        .col("id")
        .unique()
        .to_owned();
    manager.create_index(index).await
}

async fn credentials(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("credentials")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(uuid("app_id"))
        .col(text_null("apple_key_id"))
        .col(text_null("apple_team_id"))
        .col(small_integer_null("environment"))
        .col(text_null("google_client_email"))
        .col(text_null("google_key_id"))
        .col(text("sealed_key_id"))
        .col(blob("sealed"))
        .col(big_integer("created_at"))
        .col(big_integer_null("failing_since"))
        .col(text_null("failing_reason"))
        .foreign_key(
            ForeignKey::create()
                .name("credentials_of_app")
                .from("credentials", "workspace_id")
                .from("credentials", "app_id")
                .to("apps", "workspace_id")
                .to("apps", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("credentials_by_app")
        .table("credentials")
        .col("workspace_id")
        .col("app_id")
        .to_owned();
    manager.create_index(index).await
}

async fn api_keys(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("api_keys")
        .col(pk_uuid("id"))
        .col(uuid("workspace_id"))
        .col(text("name"))
        .col(text("scopes"))
        .col(blob("digest"))
        .col(big_integer("created_at"))
        .col(big_integer_null("expires_at"))
        .foreign_key(
            ForeignKey::create()
                .name("api_keys_of_workspace")
                .from("api_keys", "workspace_id")
                .to("workspaces", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await?;
    let index = Index::create()
        .name("api_keys_by_workspace")
        .table("api_keys")
        .col("workspace_id")
        .col("id")
        .to_owned();
    manager.create_index(index).await
}

async fn activity_types(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let table = Table::create()
        .table("activity_types")
        .col(uuid("workspace_id"))
        .col(text("name"))
        .col(text("ios_attributes_type"))
        .col(text("id_attribute"))
        .col(text("run_attribute"))
        .col(text("default_alert"))
        .col(small_integer("join_rule"))
        .col(boolean("app_may_start"))
        .col(big_integer("created_at"))
        .col(big_integer("updated_at"))
        .primary_key(Index::create().col("workspace_id").col("name"))
        .foreign_key(
            ForeignKey::create()
                .name("activity_types_of_workspace")
                .from("activity_types", "workspace_id")
                .to("workspaces", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned();
    tables::create(manager, table).await
}
