//! The table `segment_members`: who is in a segment, since which of its versions, and who was until which.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "segment_members")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_key: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub member: String,
    pub added: i64,
    pub changed: i64,
    pub removed: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
