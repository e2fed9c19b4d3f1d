//! The database schema of Tidings, one source for SQLite and PostgreSQL.
//!
//! One file per group of tables. A migration that was released is never changed: the next one is added. Instants are
//! milliseconds as big integers, because text would not compare in order; enums are small numbers, whose meaning
//! `store/codes.rs` of the server keeps; digests and sealed values are blobs.
//! Every table of a tenant has the workspace in front of a unique key or an index, or hangs below a row that has.

use sea_orm_migration::prelude::*;

mod m0001_tenants;
mod m0002_devices;
mod m0003_activities;
mod m0004_subscriptions;
mod m0005_log;
mod m0006_system;
mod m0007_segments;
mod m0008_channels;
mod tables;

/// Every migration, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_tenants::Migration),
            Box::new(m0002_devices::Migration),
            Box::new(m0003_activities::Migration),
            Box::new(m0004_subscriptions::Migration),
            Box::new(m0005_log::Migration),
            Box::new(m0006_system::Migration),
            Box::new(m0007_segments::Migration),
            Box::new(m0008_channels::Migration),
        ]
    }
}
