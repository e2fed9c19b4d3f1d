//! Request ids, and the rows that the server keeps for itself.

use crate::world::{NOW, World, at, reason, transact};
use tidings::clock::Time;
use tidings::domain::ids::WorkspaceId;
use tidings::error::{Error, Reason, Result};
use tidings::secrets::Sealed;
use tidings::store::requests::{self, Claimed, RequestKey};
use tidings::store::retention::{self, Kind};
use tidings::store::{clock, keyring};

const METHOD: &str = "UpdateActivity";
const ANSWER: &str = "{\"revision\":7}";

fn key(workspace: WorkspaceId) -> RequestKey<'static> {
    RequestKey { workspace, method: METHOD, request_id: "once" }
}

impl World {
    /// Makes a call with the key, and keeps its answer where it is new.
    async fn call(&self, key: RequestKey<'static>, digest: u8, now: Time) -> Result<Claimed> {
        transact!(self, |tx| {
            let claimed = requests::claim(tx, key, &[digest; 32], now).await?;
            if claimed == Claimed::New {
                requests::answer(tx, key, ANSWER.to_owned()).await?;
            }
            Ok(claimed)
        })
    }
}

pub(crate) async fn a_request_id_is_new_once_and_then_replays(world: World) {
    let key = key(world.workspace);
    assert_eq!(world.call(key, 1, NOW).await.unwrap(), Claimed::New);
    let replay = Claimed::Replay(ANSWER.to_owned());
    assert_eq!(world.call(key, 1, at(60)).await.unwrap(), replay);
    let elsewhere = [
        RequestKey { workspace: WorkspaceId::generate(), ..key },
        RequestKey { method: "EndActivity", ..key },
        RequestKey { request_id: "twice", ..key },
    ];
    for key in elsewhere {
        assert_eq!(world.call(key, 2, NOW).await.unwrap(), Claimed::New);
    }
    assert_eq!(world.call(key, 1, at(60)).await.unwrap(), replay);
}

pub(crate) async fn a_request_id_of_another_request_is_refused(world: World) {
    let key = key(world.workspace);
    world.call(key, 1, NOW).await.unwrap();
    assert_eq!(reason(world.call(key, 2, NOW).await), Reason::RequestIdReused);
}

pub(crate) async fn a_request_id_is_forgotten_after_a_day(world: World) {
    let key = key(world.workspace);
    world.call(key, 1, NOW).await.unwrap();
    let day = 24 * 3_600;
    assert_ne!(world.call(key, 1, at(day - 1)).await.unwrap(), Claimed::New);
    assert_eq!(world.call(key, 2, at(day)).await.unwrap(), Claimed::New);
    assert_ne!(world.call(key, 2, at(day + 1)).await.unwrap(), Claimed::New);
    let forgotten = transact!(world, |tx| retention::forget(tx, Kind::Requests, at(day), 10).await);
    assert_eq!(forgotten.unwrap(), 0);
    let forgotten =
        transact!(world, |tx| retention::forget(tx, Kind::Requests, at(day + 1), 10).await);
    assert_eq!(forgotten.unwrap(), 1);
}

pub(crate) async fn a_failed_write_leaves_its_request_id_free(world: World) {
    let key = key(world.workspace);
    let refused: Result<()> = transact!(world, |tx| {
        requests::claim(tx, key, &[1; 32], NOW).await?;
        Err(Error::not_found("activity", "FLIGHT_1"))
    });
    assert_eq!(reason(refused), Reason::NotFound);
    assert_eq!(world.call(key, 2, NOW).await.unwrap(), Claimed::New);
}

pub(crate) async fn the_mark_of_the_clock_and_the_fingerprint_key_are_kept(world: World) {
    let reader = world.store.reader();
    assert_eq!(clock::load(reader).await.unwrap(), None);
    assert_eq!(keyring::load(reader).await.unwrap(), None);
    for (seconds, key_id) in [(1, "first"), (2, "second")] {
        let sealed = Sealed { key_id: key_id.to_owned(), bytes: vec![0, 255, 7] };
        let written = sealed.clone();
        transact!(world, |tx, written| {
            clock::save(tx, at(seconds)).await?;
            keyring::save(tx, written).await
        })
        .unwrap();
        assert_eq!(clock::load(reader).await.unwrap(), Some(at(seconds)));
        assert_eq!(keyring::load(reader).await.unwrap(), Some(sealed));
    }
}
