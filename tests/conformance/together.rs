//! What PostgreSQL must keep although many write at once. On `SQLite` one writer keeps it, and its own tests say so.

use crate::databases::TestDatabase;
use crate::world::{NOW, World, app, reason};
use futures::FutureExt;
use futures::future::{BoxFuture, join, join_all};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tidings::domain::change::Change;
use tidings::domain::device::Device;
use tidings::error::{Error, Reason, Result};
use tidings::secrets::Sealed;
use tidings::store::requests::{Claimed, RequestKey};
use tidings::store::{self, Config, Lane, Store, Tx, apps, devices, requests};
use tokio::sync::{Barrier, Semaphore};

/// So many run into one another at the same time.
const CROWD: usize = 8;

impl World {
    /// The same database, with a configuration of its own.
    async fn with(&self, change: impl FnOnce(&mut Config)) -> Store {
        let mut config = self.config.clone();
        change(&mut config);
        Store::open(&config).await.unwrap()
    }

    async fn two_devices(&self) -> [Device; 2] {
        let both = [self.device("one", "ada"), self.device("two", "ada")];
        let rows = both.to_vec();
        self.apply(move || Change { devices: rows.clone(), ..Change::default() }).await.unwrap();
        both
    }
}

/// Waits until the gate is opened.
fn waits(gate: &Arc<Semaphore>) -> impl for<'a> Fn(&'a Tx) -> BoxFuture<'a, Result<()>> + use<> {
    let gate = Arc::clone(gate);
    move |_| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_write_that_fails_or_panics_fails_alone() {
    let world = World::postgres().await;
    let insert = |name: &'static str, then: fn() -> Result<()>| {
        let row = app(world.workspace, name);
        world.store.write(Lane::Accept, move |tx| {
            let row = row.clone();
            Box::pin(async move {
                apps::insert(tx, row).await?;
                then()
            })
        })
    };
    let fails = insert("com.example.one", || Err(Error::not_found("thing", "1")));
    let panics = insert("com.example.two", || panic!("on purpose"));
    let (fails, panics) = join(fails, panics).await;
    assert_eq!((reason(fails), reason(panics)), (Reason::NotFound, Reason::Internal));
    insert("com.example.three", || Ok(())).await.unwrap();
    let page = store::Page { size: 10, after: None };
    let left = apps::list(world.store.reader(), world.workspace, page).await.unwrap();
    assert_eq!(left.len(), 2, "the world's own app and the third");
}

#[tokio::test]
async fn an_error_that_a_closure_keeps_to_itself_is_no_success() {
    let world = World::postgres().await;
    let device = world.device("one", "ada");
    let again = app(world.workspace, "com.example.flights");
    let written = world.store.write(Lane::Accept, move |tx| {
        let (device, again) = (device.clone(), again.clone());
        Box::pin(async move {
            store::apply(tx, Change { devices: vec![device], ..Change::default() }).await?;
            drop(apps::insert(tx, again).await);
            Ok(())
        })
    });
    written.await.unwrap_err();
    let found = devices::find(world.store.reader(), world.workspace, "one").await.unwrap();
    assert!(found.is_none());
}

#[tokio::test]
async fn writes_that_wait_for_one_another_both_succeed() {
    let world = World::postgres().await;
    let [one, two] = world.two_devices().await;
    let (barrier, attempts) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
    let hold = |first: &Device, then: &Device| {
        let (first, then) = (first.key, then.key);
        let (barrier, attempts) = (Arc::clone(&barrier), Arc::clone(&attempts));
        world.store.write(Lane::Settle, move |tx| {
            let (barrier, attempts) = (Arc::clone(&barrier), Arc::clone(&attempts));
            Box::pin(async move {
                devices::by_key(tx, first).await?;
                if attempts.fetch_add(1, Ordering::Relaxed) < 2 {
                    barrier.wait().await;
                }
                devices::by_key(tx, then).await.map(|_| ())
            })
        })
    };
    let (there, back) = join(hold(&one, &two), hold(&two, &one)).await;
    there.unwrap();
    back.unwrap();
    assert!(attempts.load(Ordering::Relaxed) > 2, "one of them ran again");
}

#[tokio::test]
async fn what_two_add_at_once_is_there_once() {
    let world = World::postgres().await;
    let (barrier, attempts) = (Arc::new(Barrier::new(CROWD)), Arc::new(AtomicUsize::new(0)));
    let writes = (0..CROWD).map(|_| {
        let (workspace, new) = (world.workspace, world.device("same", "ada"));
        let (barrier, attempts) = (Arc::clone(&barrier), Arc::clone(&attempts));
        world.store.write(Lane::Accept, move |tx| {
            let (new, barrier) = (new.clone(), Arc::clone(&barrier));
            let is_first = attempts.fetch_add(1, Ordering::Relaxed) < CROWD;
            Box::pin(async move {
                let known = devices::find(tx, workspace, "same").await?;
                if is_first {
                    barrier.wait().await;
                }
                let device = known.unwrap_or(new);
                let devices = vec![device.clone()];
                store::apply(tx, Change { devices, ..Change::default() }).await?;
                Ok(device.key)
            })
        })
    });
    let keys: Vec<_> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn neither_lane_waits_for_the_other_nor_longer_than_it_may() {
    let world = World::postgres().await;
    let store =
        world.with(|config| (config.write_connections, config.write_timeout_ms) = (2, 2_000));
    let (store, gate) = (store.await, Arc::new(Semaphore::new(0)));
    let held = tokio::spawn({
        let (store, waits) = (store.clone(), waits(&gate));
        async move { store.write(Lane::Settle, waits).await }
    });
    let quick = |lane| store.write(lane, |_| async { Ok(()) }.boxed());
    quick(Lane::Accept).await.unwrap();
    gate.add_permits(1);
    held.await.unwrap().unwrap();
    let began = Instant::now();
    // The second one has what is left of its own time, if anything, and not another two seconds.
    let endless = || store.write(Lane::Accept, waits(&gate));
    let (held, waiting) = join(endless(), endless()).await;
    assert_eq!((reason(held), reason(waiting)), (Reason::Unavailable, Reason::Unavailable));
    assert!(began.elapsed().as_millis() < 3_500, "{:?}", began.elapsed());
    quick(Lane::Settle).await.unwrap();
    quick(Lane::Accept).await.unwrap();
}

#[tokio::test]
async fn a_second_try_waits_for_the_first_and_then_is_told_to_come_again() {
    let world = World::postgres().await;
    let store = world.with(|config| config.write_timeout_ms = 2_000).await;
    let gate = Arc::new(Semaphore::new(0));
    let attempt = |lane, gate: &Arc<Semaphore>| {
        let (workspace, store, gate) = (world.workspace, store.clone(), Arc::clone(gate));
        tokio::spawn(async move {
            let claim = store.write(lane, move |tx| {
                let gate = Arc::clone(&gate);
                Box::pin(async move {
                    let key = RequestKey { workspace, method: "StartActivity", request_id: "once" };
                    let claimed = requests::claim(tx, key, &[1; 32], NOW).await?;
                    if claimed == Claimed::New {
                        gate.acquire().await.unwrap().forget();
                        requests::answer(tx, key, "{}".to_owned()).await?;
                    }
                    Ok(claimed)
                })
            });
            claim.await
        })
    };
    let first = attempt(Lane::Settle, &gate);
    // Both wait: one for the gate, the other for the first.
    while store.commits() == 0 {
        store.write(Lane::Accept, |_| async { Ok(()) }.boxed()).await.unwrap();
    }
    let second = attempt(Lane::Settle, &gate);
    let hasty = attempt(Lane::Accept, &gate).await.unwrap();
    assert_eq!(reason(hasty), Reason::RequestInProgress);
    gate.add_permits(1);
    let mut claims = [first.await.unwrap().unwrap(), second.await.unwrap().unwrap()];
    claims.sort_by_key(|claimed| *claimed != Claimed::New);
    assert_eq!(claims, [Claimed::New, Claimed::Replay("{}".to_owned())]);
}

#[tokio::test]
async fn replicas_that_start_at_once_make_one_schema_and_one_key() {
    let database = TestDatabase::postgres().await;
    let config = Config { url: database.url().into(), ..Config::default() };
    let stores = join_all((0..4).map(|_| Store::open(&config))).await;
    let stores: Vec<Store> = stores.into_iter().map(Result::unwrap).collect();
    let applied = join_all(stores.iter().map(Store::migrate)).await;
    let applied: Vec<usize> = applied.into_iter().map(|names| names.unwrap().len()).collect();
    assert_eq!(applied.iter().filter(|count| **count > 0).count(), 1, "{applied:?}");
    let keys = stores.iter().enumerate().map(|(number, store)| {
        let sealed = Sealed { key_id: format!("key-{number}"), bytes: vec![1] };
        store
            .write(Lane::Accept, move |tx| Box::pin(store::keyring::save_first(tx, sealed.clone())))
    });
    let keys: Vec<Sealed> = join_all(keys).await.into_iter().map(Result::unwrap).collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    for store in stores {
        store.close().await;
    }
}

#[tokio::test]
async fn replicas_that_ask_at_once_get_the_same_provider_token() {
    let world = World::postgres().await;
    let other = world.with(|_| {}).await;
    crate::provider_tokens::all_get_the_same(&[world.store.clone(), other]).await;
}
