//! The table `delivery_counts`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "delivery_counts")]
pub struct Model {
    /// An activity or a workspace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: Uuid,
    /// The run of an activity, the quarter of an hour of a workspace.
    #[sea_orm(primary_key, auto_increment = false)]
    pub part: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: i16,
    /// 0 where there is none, for a part of a key is never NULL.
    #[sea_orm(primary_key, auto_increment = false)]
    pub class: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub reason: String,
    pub pushes: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
