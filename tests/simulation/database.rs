//! A database with one workspace, app and type, used for one seed after another: each has an activity, devices and
//! tokens of its own.

use crate::databases::TestDatabase;
use std::sync::Arc;
use tidings::bus::Bus;
use tidings::clock::{Clock, MARK_LEAD, Time};
use tidings::domain::delivery::Labels;
use tidings::domain::ids::{AppId, WorkspaceId};
use tidings::domain::platform::Build;
use tidings::domain::push::Environment;
use tidings::domain::tenant::{App, Workspace};
use tidings::error::Error;
use tidings::secrets::{Fingerprints, Keyring, MasterKey};
use tidings::service::{self, Parts, Service};
use tidings::store::{self, Config, Lane, Store};

/// When every world begins.
pub(crate) const BEGIN: Time = Time(1_800_000_000_000);

/// A database that worlds share, one at a time.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) workspace: WorkspaceId,
    pub(crate) app: AppId,
    keyring: Arc<Keyring>,
    fingerprints: Arc<Fingerprints>,
    _home: TestDatabase,
}

impl Database {
    /// An empty one.
    pub(crate) async fn open(home: TestDatabase) -> anyhow::Result<Self> {
        let url = home.url().into();
        let config = Config { url, read_connections: 1, group_time_ms: 1, ..Config::default() };
        let store = Store::open(&config).await?;
        store.migrate().await?;
        let workspace = Workspace {
            id: WorkspaceId::generate(),
            name: "default".to_owned(),
            delivery_labels: Labels::default(),
            created_at: BEGIN,
            updated_at: BEGIN,
        };
        let app = App {
            id: AppId::generate(),
            workspace: workspace.id,
            name: "Flights".to_owned(),
            build: Build::Ios { bundle_id: "com.example.flights".to_owned() },
            default_environment: Environment::Production,
            created_at: BEGIN,
            updated_at: BEGIN,
        };
        let (id, app_id) = (workspace.id, app.id);
        store
            .write(Lane::Accept, move |tx| {
                let (workspace, app) = (workspace.clone(), app.clone());
                Box::pin(async move {
                    store::workspaces::insert(tx, workspace).await?;
                    store::apps::insert(tx, app).await
                })
            })
            .await?;
        let fingerprint_key = Fingerprints::generate_key()?;
        Ok(Database {
            store,
            workspace: id,
            app: app_id,
            keyring: Arc::new(Keyring::new(&MasterKey::generate()?)),
            fingerprints: Arc::new(Fingerprints::new(&fingerprint_key)?),
            _home: home,
        })
    }

    /// The use cases of one process.
    pub(crate) fn service(&self, clock: Clock) -> Service {
        Service::new(Parts {
            store: self.store.clone(),
            keyring: Arc::clone(&self.keyring),
            fingerprints: Arc::clone(&self.fingerprints),
            clock,
            bus: Bus::new(),
            check_apns_key: |_| Ok(()),
            config: service::Config::default(),
            verify: Arc::new(|_| Box::pin(async { Err(Error::unavailable("There is no Apple.")) })),
        })
    }

    /// Sets the clock's durable mark to what a world begins with; returns it.
    pub(crate) async fn reset_mark(&self) -> anyhow::Result<Time> {
        let mark = BEGIN + MARK_LEAD;
        self.store.write(Lane::Settle, move |tx| Box::pin(store::clock::save(tx, mark))).await?;
        Ok(mark)
    }
}
