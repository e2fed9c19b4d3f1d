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
        delivery_counts(manager).await?;
        events(manager).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("events").to_owned()).await?;
        manager.drop_table(Table::drop().table("delivery_counts").to_owned()).await?;
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
        .col(small_integer("provider"))
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
        .col(text_null("provider_message_id"))
        .col(big_integer("sent_at"))
        .col(big_integer_null("answered_at"))
        .to_owned();
    tables::create(manager, table).await?;
    delivery_indexes(manager).await
}

/// Each ends with the id, so that a page is read in order. Some are partial: most pushes are accepted, so that the two
/// for those that were not cost little; and what is true of every row is the condition of the two that lead to the most
/// rows, so that no database takes them for a search that does not ask for them.
async fn delivery_indexes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let all = || Expr::col("run").gte(0);
    let not_accepted = || Expr::col("status").ne(1);
    let indexes: [(&str, &[&str], Option<Expr>); 7] = [
        ("deliveries_by_workspace", &["workspace_id", "id"], Some(all())),
        ("deliveries_by_activity", &["activity_key", "id"], Some(all())),
        ("deliveries_by_revision", &["activity_key", "revision", "id"], None),
        ("deliveries_by_device", &["device_key", "id"], None),
        ("deliveries_by_contact", &["workspace_id", "contact_key", "id"], None),
        ("deliveries_not_accepted", &["workspace_id", "id"], Some(not_accepted())),
        ("deliveries_not_accepted_by_activity", &["activity_key", "id"], Some(not_accepted())),
    ];
    for (name, columns, condition) in indexes {
        let mut index = Index::create();
        index.name(name).table("deliveries");
        for column in columns {
            index.col(*column);
        }
        if let Some(condition) = condition {
            index.and_where(condition);
        }
        manager.create_index(index).await?;
    }
    Ok(())
}

/// How many deliveries had which outcome: of an activity by run, of a workspace by quarter of an hour. The slots keep
/// transactions that count at the same time out of each other's way.
async fn delivery_counts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let key = ["subject", "part", "slot", "operation", "provider", "status", "class", "reason"];
    let mut primary = Index::create();
    for column in key {
        primary.col(column);
    }
    let table = Table::create()
        .table("delivery_counts")
        .col(uuid("subject"))
        .col(big_integer("part"))
        .col(small_integer("slot"))
        .col(small_integer("operation"))
        .col(small_integer("provider"))
        .col(small_integer("status"))
        .col(small_integer("class"))
        .col(text("reason"))
        .col(big_integer("pushes"))
        .primary_key(&mut primary)
        .to_owned();
    tables::create(manager, table).await
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
        .col(uuid_null("credential_id"))
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
