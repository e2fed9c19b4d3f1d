//! The keys of an installation: the master key beside the database, and the fingerprint key sealed in it.

use super::default_key_file;
use crate::error::Result;
use crate::secrets::{self, Context, Fingerprints, Keyring, MasterKey, MasterKeyError, Sealed};
use crate::store::{self, Lane, Store};
use anyhow::{Context as _, bail};
use ring::hmac;
use secrecy::ExposeSecret;
use std::path::Path;
use std::sync::Arc;

/// The key of page tokens is derived from the fingerprint key, which every replica has.
const PAGE_KEY: &[u8] = b"tidings page tokens v1";
/// Where the fingerprint key is sealed.
const FINGERPRINT_KEY: Context<'static> =
    Context { table: "keyring", column: "fingerprint_key", workspace: "", row: "1" };

/// The keys of an installation.
pub(super) struct Keys {
    pub(super) keyring: Arc<Keyring>,
    pub(super) fingerprints: Arc<Fingerprints>,
    pub(super) page_key: Vec<u8>,
}

/// Reads the keys. On an empty embedded database both are made. A database that has secrets and no master key is
/// refused, for a new one could not open them; one that several processes share, for they need the same.
pub(super) async fn load(
    store: &Store,
    config: &secrets::Config,
    embedded: Option<&Path>,
) -> anyhow::Result<Keys> {
    let file = config.master_key_file.clone().or_else(|| embedded.map(default_key_file));
    let file = file.context(
        "security.master_key_file must be given with PostgreSQL; make one with: \
         (umask 077; openssl rand -base64 32 > tidings.key)",
    )?;
    let sealed = store::keyring::load(store.reader()).await?;
    let master = match MasterKey::read(&file) {
        Ok(key) => key,
        Err(MasterKeyError::Missing(_)) if sealed.is_none() && embedded.is_some() => {
            let key = MasterKey::create(&file).context("the master key was not made")?;
            tracing::info!(file = %file.display(), "made a master key; keep a copy of it");
            key
        }
        Err(MasterKeyError::Missing(_)) if sealed.is_some() => bail!(
            "the database has sealed secrets, but their master key is not at {}; \
             put it back, or name it in security.master_key_file",
            file.display()
        ),
        Err(error) => return Err(error).context("the master key cannot be used"),
    };
    let keyring = Arc::new(Keyring::new(&master));
    let sealed = match sealed {
        Some(sealed) => sealed,
        None => make_fingerprint_key(store, &keyring).await?,
    };
    let key = keyring
        .open(&sealed, FINGERPRINT_KEY)
        .with_context(|| format!("{} is not this database's master key", file.display()))?;
    let page_key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
    let page_key = hmac::sign(&page_key, PAGE_KEY).as_ref().to_vec();
    Ok(Keys { keyring, fingerprints: Arc::new(Fingerprints::new(&key)?), page_key })
}

/// Makes the key of a new database, unless another replica is faster.
async fn make_fingerprint_key(store: &Store, keyring: &Keyring) -> anyhow::Result<Sealed> {
    let key = Fingerprints::generate_key()?;
    let sealed: Sealed = keyring.seal(key.expose_secret(), FINGERPRINT_KEY)?;
    let saved: Result<Sealed> = store
        .write(Lane::Accept, move |tx| Box::pin(store::keyring::save_first(tx, sealed.clone())))
        .await;
    Ok(saved?)
}
