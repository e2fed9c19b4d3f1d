//! The schema and its migrations.

use crate::world::World;
use tidings::store::{Config, Store};

pub(crate) async fn migrations_are_applied_once_and_by_name(world: World) {
    assert_eq!(world.store.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!(world.store.pending_migrations().await.unwrap(), Vec::<String>::new());
}

pub(crate) async fn a_fresh_database_says_what_is_pending(world: World) {
    let database = world.another().await;
    let config = Config { url: database.url().into(), ..Config::default() };
    let store = Store::open(&config).await.unwrap();
    let pending = store.pending_migrations().await.unwrap();
    assert_eq!(pending.first().unwrap(), "m0001_tenants");
    assert_eq!(store.migrate().await.unwrap(), pending);
    assert_eq!(store.pending_migrations().await.unwrap(), Vec::<String>::new());
}
