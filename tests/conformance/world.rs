//! A world for one fact: an empty store with one workspace and one app, and makers of rows.

use crate::databases::TestDatabase;
use std::time::Duration;
use tidings::clock::Time;
use tidings::domain::activity::{Activity, Origin, State};
use tidings::domain::change::Change;
use tidings::domain::content::Content;
use tidings::domain::delivery::{Delivery, Labels, Provider, Status};
use tidings::domain::device::{Description, Device, FormFactor, OsVersion};
use tidings::domain::event::{Event, EventKind};
use tidings::domain::expansion::{Audience, Expansion, Verb, Who};
use tidings::domain::fallback::Fallback;
use tidings::domain::ids::{
    ActivityKey, AppId, DeliveryId, DeviceKey, ExpansionId, ShardId, SubscriptionId, TokenId,
    WorkspaceId,
};
use tidings::domain::lifetime::{DELIVER_FOR, LIFETIME};
use tidings::domain::platform::{Build, Platform};
use tidings::domain::push::{Alert, Environment, Operation, Priority};
use tidings::domain::revision::{Revision, Scope};
use tidings::domain::shard::{Place, Route, Shard};
use tidings::domain::subscription::{Card, Cause, State as Following, Subscription};
use tidings::domain::targeted::Targeted;
use tidings::domain::tenant::{App, Workspace};
use tidings::domain::token::{Token, TokenKind};
use tidings::error::{Error, Result};
use tidings::secrets::Sealed;
use tidings::store::{self, Config, Lane, Page, Store, Tx};

/// An empty store with one workspace and one app.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) workspace: WorkspaceId,
    pub(crate) app: AppId,
    #[cfg(feature = "postgres-tests")]
    pub(crate) config: Config,
    _database: TestDatabase,
}

/// Runs a block in a transaction of the world's store; what it consumes is named, for it may run again.
macro_rules! transact {
    ($world:expr, |$tx:ident $(, $captured:ident)*| $body:expr) => {
        $world
            .store
            .write(tidings::store::Lane::Accept, move |$tx| {
                $(let $captured = $captured.clone();)*
                Box::pin(async move { $body })
            })
            .await
    };
}
pub(crate) use transact;

/// The present of every world.
pub(crate) const NOW: Time = Time(1_700_000_000_000);

/// So many seconds after the present; before it if negative.
pub(crate) fn at(seconds: i64) -> Time {
    Time(NOW.0 + seconds * 1_000)
}

/// A first page.
pub(crate) fn first<C>(size: u64) -> Page<C> {
    Page { size, after: None }
}

/// The page after a row.
pub(crate) fn after<C>(size: u64, row: C) -> Page<C> {
    Page { size, after: Some(row) }
}

impl World {
    /// On `SQLite`.
    pub(crate) async fn sqlite() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    /// On PostgreSQL.
    #[cfg(feature = "postgres-tests")]
    pub(crate) async fn postgres() -> Self {
        Self::on(TestDatabase::postgres().await).await
    }

    async fn on(database: TestDatabase) -> Self {
        let config = Config { url: database.url().into(), ..Config::default() };
        let store = Store::open(&config).await.unwrap();
        store.migrate().await.unwrap();
        let workspace = workspace("default");
        let app = app(workspace.id, "com.example.flights");
        let world = World {
            store,
            workspace: workspace.id,
            app: app.id,
            #[cfg(feature = "postgres-tests")]
            config,
            _database: database,
        };
        world.add(workspace, app).await.unwrap();
        world
    }

    /// An empty database of the same kind.
    #[cfg(feature = "postgres-tests")]
    pub(crate) async fn another(&self) -> TestDatabase {
        match self.config.path() {
            Some(_) => TestDatabase::sqlite(),
            None => TestDatabase::postgres().await,
        }
    }

    /// An empty database.
    #[cfg(not(feature = "postgres-tests"))]
    #[expect(clippy::unused_self, reason = "there is only one kind")]
    pub(crate) fn another(&self) -> std::future::Ready<TestDatabase> {
        std::future::ready(TestDatabase::sqlite())
    }

    /// Adds another tenant with an app.
    pub(crate) async fn add(&self, workspace: Workspace, app: App) -> Result<()> {
        transact!(self, |tx, workspace, app| add_tenant(tx, workspace, app).await)
    }

    /// Writes a change that `make` makes.
    pub(crate) async fn apply<F>(&self, make: F) -> Result<()>
    where
        F: Fn() -> Change + Send + Sync + 'static,
    {
        self.store.write(Lane::Settle, move |tx| Box::pin(store::apply(tx, make()))).await
    }

    /// A device of a contact.
    pub(crate) fn device(&self, device_id: &str, contact_key: &str) -> Device {
        Device {
            key: DeviceKey::generate(),
            workspace: self.workspace,
            device_id: device_id.to_owned(),
            app: self.app,
            contact_key: contact_key.to_owned(),
            platform: Platform::Ios,
            form_factor: FormFactor::Phone,
            os_version: OsVersion { major: 18, minor: 2 },
            environment: Environment::Production,
            activities_enabled: true,
            frequent_pushes_enabled: true,
            notifications_permission: true,
            description: Description::default(),
            created_at: NOW,
            last_seen_at: NOW,
            deleted_at: None,
        }
    }

    /// An activity in its first run.
    pub(crate) fn activity(&self, activity_id: &str) -> Activity {
        Activity {
            key: ActivityKey::generate(),
            workspace: self.workspace,
            activity_id: activity_id.to_owned(),
            activity_type: "flight_status".to_owned(),
            external_id: String::new(),
            run: 1,
            revision: 1,
            marked_revision: 1,
            dispatched_revision: 0,
            state: State::Active,
            origin: Origin::Backend,
            attributes: content("{}"),
            content: content("{}"),
            start_alert: Alert::default(),
            fallback: None,
            observed_at: None,
            created_at: NOW,
            updated_at: NOW,
            started_at: NOW,
            deliver_for: DELIVER_FOR,
            expires_at: NOW + LIFETIME,
            ended_at: None,
            deleted_run: 0,
            purged_run: 0,
            deleted_at: None,
        }
    }

    /// The run of an activity as it begins to find its audience.
    pub(crate) fn expansion(&self, activity: &Activity, who: Who) -> Expansion {
        Expansion {
            id: ExpansionId::generate(),
            activity: activity.key,
            run: activity.run,
            workspace: self.workspace,
            verb: Verb::Start,
            audience: Audience { who, app_ids: Vec::new(), latest_only: false, live: false },
            cursor: String::new(),
            done: false,
            created_at: NOW,
        }
    }

    /// An event that nothing belongs to.
    pub(crate) fn event(&self, kind: EventKind) -> Event {
        Event {
            workspace: self.workspace,
            kind,
            activity: None,
            run: None,
            revision: None,
            device: None,
            token: None,
            credential: None,
            reason: String::new(),
            cause: Cause::Caller,
            at: NOW,
        }
    }
}

async fn add_tenant(tx: &Tx, workspace: Workspace, app: App) -> Result<()> {
    store::workspaces::insert(tx, workspace).await?;
    store::apps::insert(tx, app).await
}

/// A workspace.
pub(crate) fn workspace(name: &str) -> Workspace {
    let id = WorkspaceId::generate();
    let name = name.to_owned();
    let delivery_labels = Labels::default();
    Workspace { id, name, delivery_labels, created_at: NOW, updated_at: NOW }
}

/// An app.
pub(crate) fn app(workspace: WorkspaceId, bundle_id: &str) -> App {
    App {
        id: AppId::generate(),
        workspace,
        name: "Flights".to_owned(),
        build: Build::Ios { bundle_id: bundle_id.to_owned() },
        default_environment: Environment::Production,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Content.
pub(crate) fn content(text: &str) -> Content {
    Content::from_stored(text.to_owned())
}

/// A revision for everyone.
pub(crate) fn revision(activity: &Activity, number: i64) -> Revision {
    Revision {
        activity: activity.key,
        number,
        run: activity.run,
        operation: Operation::Update,
        scope: Scope::Everyone,
        content: content("{}"),
        alert: None,
        priority: Priority::Normal,
        stale_at: None,
        relevance_score: None,
        dismiss_at: None,
        observed_at: None,
        created_at: NOW,
    }
}

/// A shard of an activity's run.
pub(crate) fn shard(activity: &Activity, app: AppId) -> Shard {
    Shard {
        id: ShardId::generate(),
        workspace: activity.workspace,
        place: Place {
            activity: activity.key,
            run: activity.run,
            app,
            environment: Environment::Production,
            route: Route::ApnsToken,
        },
        members: 0,
        wanted: 0,
        delivered: 0,
        last_stamp: 0,
        due_at: None,
    }
}

/// A subscription of a device, active and as its shard is.
pub(crate) fn subscription(shard: &Shard, device: &Device) -> Subscription {
    Subscription {
        id: SubscriptionId::generate(),
        workspace: shard.workspace,
        place: shard.place,
        shard: shard.id,
        device: device.key,
        contact_key: device.contact_key.clone(),
        state: Following::Active,
        reason: None,
        cause: Cause::Caller,
        version: 1,
        asked_at: NOW,
        starts_begun: 0,
        start_doubt_until: None,
        card: Card::default(),
        second: None,
        closed_card: None,
        exception: None,
        targeted: Targeted::default(),
        alerted: 0,
        fallback: Fallback::Asked,
        closing: false,
        look_at: None,
        report: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// A token of a device; `value` makes its fingerprint.
pub(crate) fn token(device: &Device, kind: TokenKind, value: u8) -> Token {
    Token {
        id: TokenId::generate(),
        workspace: device.workspace,
        device: device.key,
        app: device.app,
        kind,
        environment: device.environment,
        fingerprint: [value; 32],
        sealed: Sealed { key_id: "first".to_owned(), bytes: vec![value] },
        activity_type: match kind {
            TokenKind::PushToStart => "flight_status".to_owned(),
            _ => String::new(),
        },
        subscription: None,
        token_time: NOW,
        registered_at: NOW,
        doubted_at: None,
        invalid: None,
    }
}

/// An accepted push.
pub(crate) fn delivery(subscription: &Subscription, revision: i64) -> Delivery {
    Delivery {
        id: DeliveryId::at(NOW),
        workspace: subscription.workspace,
        activity: subscription.place.activity,
        run: subscription.place.run,
        subscription: subscription.id,
        device: subscription.device,
        contact_key: subscription.contact_key.clone(),
        app: subscription.place.app,
        provider: Provider::Apns,
        environment: subscription.place.environment,
        operation: Operation::Update,
        first_revision: revision,
        revision,
        alert_revision: 0,
        status: Status::Accepted,
        reason: String::new(),
        class: None,
        http_status: 200,
        attempt: 1,
        apns_id: None,
        provider_message_id: None,
        sent_at: NOW,
        answered_at: Some(NOW + Duration::from_millis(30)),
    }
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(outcome: Result<T>) -> tidings::error::Reason {
    let refused: Error = outcome.unwrap_err();
    refused.reason
}
