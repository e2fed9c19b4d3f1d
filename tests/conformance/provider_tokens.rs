//! Provider tokens: one for all who share the database.

use crate::world::{NOW, World, at, transact};
use secrecy::SecretString;
use std::sync::Arc;
use tidings::clock::Time;
use tidings::dispatch::steps::{self, WantedToken};
use tidings::domain::ids::CredentialId;
use tidings::domain::provider_token::{MINT_EVERY, REPLACE_AFTER, SealedToken, SignerId};
use tidings::provider::Credential;
use tidings::provider::apns::{ProviderToken, Signer, signer_id};
use tidings::secrets::{Keyring, MasterKey, Sealed};
use tidings::store::{Lane, Store, provider_tokens};

/// So many ask at the same time.
const CROWD: i64 = 8;

fn credential() -> Credential {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    Credential {
        id: CredentialId::generate(),
        key_id: "ABC123DEFG".to_owned(),
        team_id: "DEF123GHIJ".to_owned(),
        key_p8: SecretString::from(key.serialize_pem()),
    }
}

fn keyring() -> Arc<Keyring> {
    Arc::new(Keyring::new(&MasterKey::generate().unwrap()))
}

/// Asks as a replica does.
async fn ask(
    store: &Store,
    keyring: &Arc<Keyring>,
    credential: &Credential,
    (refused, now): (Option<Time>, Time),
) -> ProviderToken {
    let (id, signer) = (signer_id(credential), Signer::read(credential).unwrap());
    let (wanted, keyring) = (Arc::new(WantedToken { id, signer, refused }), Arc::clone(keyring));
    let asked = store.write(Lane::Settle, move |tx| {
        let (wanted, keyring) = (Arc::clone(&wanted), Arc::clone(&keyring));
        Box::pin(async move { steps::provider_token(tx, &keyring, &wanted, now).await })
    });
    asked.await.unwrap()
}

/// All stores are of one database.
pub(crate) async fn all_get_the_same(stores: &[Store]) {
    let (keyring, credential) = (keyring(), credential());
    // Whoever signs does it at a moment of its own.
    let all = stores
        .iter()
        .cycle()
        .zip(0..CROWD)
        .map(|(store, second)| ask(store, &keyring, &credential, (None, at(second))));
    let all = futures::future::join_all(all).await;
    assert!(all.iter().all(|token| token.minted_at() == all[0].minted_at()), "{all:?}");
}

pub(crate) async fn every_field_of_a_provider_token_comes_back(world: World) {
    let signer = |team_id: &str, digest: u8| SignerId {
        team_id: team_id.to_owned(),
        key_id: "KEY".to_owned(),
        key_digest: [digest; 32],
    };
    let kept = |signer: SignerId, seconds: i64| SealedToken {
        signer,
        sealed: Sealed { key_id: "master".to_owned(), bytes: vec![0, 255, 7] },
        minted_at: at(seconds),
    };
    let all = [kept(signer("ONE", 1), 0), kept(signer("TWO", 1), 1), kept(signer("ONE", 2), 2)];
    let later = kept(signer("ONE", 1), 9);
    for token in [&all[0], &all[1], &all[2], &later] {
        let token = token.clone();
        transact!(world, |tx, token| provider_tokens::save(tx, token).await).unwrap();
    }
    for token in [&later, &all[1], &all[2]] {
        let id = token.signer.clone();
        let read = transact!(world, |tx, id| provider_tokens::hold(tx, &id).await).unwrap();
        assert_eq!(read.as_ref(), Some(token));
    }
    assert_eq!(transact!(world, |tx| provider_tokens::forget(tx, at(2)).await).unwrap(), 1);
    let id = all[1].signer.clone();
    assert_eq!(transact!(world, |tx, id| provider_tokens::hold(tx, &id).await).unwrap(), None);
}

pub(crate) async fn those_who_ask_at_once_get_the_same_provider_token(world: World) {
    all_get_the_same(&[world.store]).await;
}

pub(crate) async fn a_provider_token_outlives_who_signed_it_and_is_replaced_when_it_is_due(
    world: World,
) {
    let (keyring, credential) = (keyring(), credential());
    let minted = async |refused: Option<Time>, now: Time| {
        let token = ask(&world.store, &keyring, &credential, (refused, now)).await;
        token.minted_at()
    };
    assert_eq!(minted(None, NOW).await, NOW);
    let soon = Time(NOW.0 + 1_000);
    assert_eq!(minted(None, soon).await, NOW);
    assert_eq!(minted(Some(NOW), soon).await, NOW, "never so soon, whatever Apple says");
    let second = NOW + MINT_EVERY;
    assert_eq!(minted(None, second).await, NOW);
    assert_eq!(minted(Some(NOW), second).await, second);
    assert_eq!(minted(Some(NOW), second).await, second, "another has replaced it");
    let third = second + REPLACE_AFTER;
    assert_eq!(minted(None, third).await, third);
}

pub(crate) async fn another_key_has_a_provider_token_of_its_own(world: World) {
    let keyring = keyring();
    let (one, other) = (credential(), credential());
    assert_eq!(ask(&world.store, &keyring, &one, (None, NOW)).await.minted_at(), NOW);
    assert_eq!(ask(&world.store, &keyring, &other, (None, at(1))).await.minted_at(), at(1));
    assert_eq!(ask(&world.store, &keyring, &one, (None, at(2))).await.minted_at(), NOW);
}
