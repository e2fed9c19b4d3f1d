//! Tenants and what they own.

use crate::world::{NOW, World, after, app, at, content, first, reason, transact, workspace};
use tidings::domain::activity::Activity;
use tidings::domain::activity_type::{ActivityType, Join};
use tidings::domain::change::Change;
use tidings::domain::device::Device;
use tidings::domain::ids::{ApiKeyId, AppId, CredentialId, WorkspaceId};
use tidings::domain::platform::{Build, DataKeys};
use tidings::domain::push::{Alert, Environment};
use tidings::domain::tenant::{ApiKey, App, Scope, SealedCredential, Signer, Workspace};
use tidings::domain::words::Words;
use tidings::error::Reason;
use tidings::secrets::Sealed;
use tidings::store::activities::{self, ActivityFilter};
use tidings::store::devices::{self, DeviceFilter};
use tidings::store::{activity_types, api_keys, apps, credentials, workspaces};

pub(crate) async fn workspaces_have_names_of_their_own(world: World) {
    let reader = world.store.reader();
    let second = workspace("second");
    let (row, id) = (second.clone(), second.id);
    transact!(world, |tx, row| workspaces::insert(tx, row).await).unwrap();
    assert_eq!(workspaces::find(reader, id).await.unwrap(), Some(second.clone()));
    assert_eq!(workspaces::by_name(reader, "second").await.unwrap(), Some(second.clone()));
    assert_eq!(workspaces::by_name(reader, "third").await.unwrap(), None);
    let twice = transact!(world, |tx| workspaces::insert(tx, workspace("second")).await);
    assert_eq!(reason(twice), Reason::AlreadyExists);
    let taken = Workspace { name: "default".to_owned(), ..second.clone() };
    let renamed = transact!(world, |tx, taken| workspaces::update(tx, taken).await);
    assert_eq!(reason(renamed), Reason::AlreadyExists);
    let renamed = Workspace { name: "renamed".to_owned(), updated_at: at(1), ..second };
    let row = renamed.clone();
    transact!(world, |tx, row| workspaces::update(tx, row).await).unwrap();
    let all = workspaces::list(reader, first(10)).await.unwrap();
    assert_eq!(all.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["default", "renamed"]);
    let rest = workspaces::list(reader, after(10, all[0].id)).await.unwrap();
    assert_eq!(rest, [renamed]);
    assert!(transact!(world, |tx| workspaces::delete(tx, id).await).unwrap());
    assert!(!transact!(world, |tx| workspaces::delete(tx, id).await).unwrap());
}

pub(crate) async fn apps_have_bundle_ids_of_their_own_in_a_workspace(world: World) {
    let (reader, workspace_id) = (world.store.reader(), world.workspace);
    let ios = Build::Ios { bundle_id: "com.example.flights".to_owned() };
    let found = apps::by_build(reader, workspace_id, &ios).await.unwrap();
    assert_eq!(found.unwrap().id, world.app);
    let taken = app(workspace_id, "com.example.flights");
    let twice = transact!(world, |tx, taken| apps::insert(tx, taken).await);
    assert_eq!(reason(twice), Reason::AlreadyExists);
    let other = workspace("other");
    let same_bundle = app(other.id, "com.example.flights");
    world.add(other, same_bundle).await.unwrap();
    let changed = App {
        name: "Crew".to_owned(),
        default_environment: Environment::Sandbox,
        updated_at: at(1),
        ..apps::find(reader, workspace_id, world.app).await.unwrap().unwrap()
    };
    let row = changed.clone();
    transact!(world, |tx, row| apps::update(tx, row).await).unwrap();
    assert_eq!(apps::list(reader, workspace_id, first(10)).await.unwrap(), [changed]);
    assert!(apps::list(reader, workspace_id, after(10, world.app)).await.unwrap().is_empty());
    assert_eq!(workspaces::count_apps(reader, workspace_id).await.unwrap(), 1);
}

pub(crate) async fn an_android_app_and_its_service_account_are_read_back(world: World) {
    let (reader, workspace_id) = (world.store.reader(), world.workspace);
    let android = |package_name: &str, keys| App {
        build: Build::Android {
            package_name: package_name.to_owned(),
            fcm_project_id: "flights-1711".to_owned(),
            fcm_data_keys: keys,
        },
        ..app(workspace_id, "")
    };
    let rows = [
        android("com.example.flights", DataKeys::Tidings),
        android("com.example.crew", DataKeys::Sendora),
    ];
    for row in rows.clone() {
        let given = row.clone();
        transact!(world, |tx, given| apps::insert(tx, given).await).unwrap();
        let found = apps::by_build(reader, workspace_id, &row.build).await.unwrap();
        assert_eq!(found, Some(row));
    }
    let taken = android("com.example.flights", DataKeys::Sendora);
    let twice = transact!(world, |tx, taken| apps::insert(tx, taken).await);
    assert_eq!(reason(twice), Reason::AlreadyExists);
    let (email, key) = ("push@flights-1711.iam.gserviceaccount.com", "0123");
    let account = SealedCredential {
        signer: Signer::ServiceAccount {
            client_email: email.to_owned(),
            private_key_id: key.to_owned(),
        },
        ..credential(&world, rows[0].id, None)
    };
    let row = account.clone();
    transact!(world, |tx, row| credentials::insert(tx, row).await).unwrap();
    let newest = credentials::newest_for(reader, rows[0].id, Environment::Production).await;
    assert_eq!(newest.unwrap().unwrap().signer, account.signer);
}

pub(crate) async fn what_is_in_use_is_not_deleted(world: World) {
    let (workspace_id, app_id) = (world.workspace, world.app);
    let credential = credential(&world, app_id, None);
    let device = world.device("phone", "ada");
    let row = device.clone();
    world.apply(move || Change { devices: vec![row.clone()], ..Change::default() }).await.unwrap();
    transact!(world, |tx, credential| credentials::insert(tx, credential).await).unwrap();
    let reader = world.store.reader();
    assert_eq!(apps::count_devices(reader, workspace_id, app_id).await.unwrap(), 1);
    let refused = transact!(world, |tx| apps::delete(tx, workspace_id, app_id).await);
    assert_eq!(reason(refused), Reason::InUse);
    let refused = transact!(world, |tx| workspaces::delete(tx, workspace_id).await);
    assert_eq!(reason(refused), Reason::InUse);
    let unused = app(workspace_id, "com.example.unused");
    let (row, unused_id) = (unused.clone(), unused.id);
    let sealed = SealedCredential { app: unused.id, ..self::credential(&world, unused.id, None) };
    transact!(world, |tx, row, sealed| {
        apps::insert(tx, row).await?;
        credentials::insert(tx, sealed).await
    })
    .unwrap();
    assert!(transact!(world, |tx| apps::delete(tx, workspace_id, unused_id).await).unwrap());
    assert!(credentials::list(reader, workspace_id, unused_id).await.unwrap().is_empty());
}

fn credential(world: &World, app: AppId, environment: Option<Environment>) -> SealedCredential {
    SealedCredential {
        id: CredentialId::generate(),
        workspace: world.workspace,
        app,
        signer: Signer::ApnsKey {
            key_id: "ABCDE12345".to_owned(),
            team_id: "TEAM123456".to_owned(),
            environment,
        },
        sealed: Sealed { key_id: "first".to_owned(), bytes: vec![0, 1, 255] },
        created_at: NOW,
        failing: None,
    }
}

pub(crate) async fn that_a_credential_fails_is_noted_once_until_it_works_again(world: World) {
    let row = credential(&world, world.app, None);
    let (workspace, id) = (world.workspace, row.id);
    transact!(world, |tx, row| credentials::insert(tx, row).await).unwrap();
    let (first, second) = (Some((NOW, "One".to_owned())), Some((NOW, "Other".to_owned())));
    for (failing, is_news, known) in [
        (None, false, None),
        (first.clone(), true, first.clone()),
        (second, false, first),
        (None, true, None),
    ] {
        let turned = transact!(world, |tx, failing| credentials::turn(tx, id, failing).await);
        assert_eq!(turned.unwrap(), is_news);
        let read = credentials::find(world.store.reader(), workspace, id).await.unwrap();
        assert_eq!(read.unwrap().failing, known);
    }
}

pub(crate) async fn the_newest_credential_for_a_world_signs(world: World) {
    let rows: Vec<SealedCredential> = [None, Some(Environment::Production), None]
        .map(|environment| credential(&world, world.app, environment))
        .to_vec();
    let (reader, app_id, workspace_id) = (world.store.reader(), world.app, world.workspace);
    let signs = async |environment| {
        let newest = credentials::newest_for(reader, app_id, environment).await.unwrap();
        newest.map(|row| row.id)
    };
    assert_eq!(signs(Environment::Sandbox).await, None);
    for row in &rows[..2] {
        let row = row.clone();
        transact!(world, |tx, row| credentials::insert(tx, row).await).unwrap();
    }
    assert_eq!(signs(Environment::Sandbox).await, Some(rows[0].id));
    assert_eq!(signs(Environment::Production).await, Some(rows[1].id));
    let row = rows[2].clone();
    transact!(world, |tx, row| credentials::insert(tx, row).await).unwrap();
    assert_eq!(signs(Environment::Production).await, Some(rows[2].id));
    let listed = credentials::list(reader, workspace_id, app_id).await.unwrap();
    let everything = |row: &SealedCredential| (format!("{row:?}"), row.sealed.clone());
    assert!(listed.iter().map(everything).eq(rows.iter().map(everything)));
    let (id, elsewhere) = (rows[2].id, WorkspaceId::generate());
    let foreign = transact!(world, |tx| credentials::delete(tx, elsewhere, app_id, id).await);
    assert!(!foreign.unwrap());
    let own = transact!(world, |tx| credentials::delete(tx, workspace_id, app_id, id).await);
    assert!(own.unwrap());
    assert_eq!(signs(Environment::Production).await, Some(rows[1].id));
}

pub(crate) async fn api_keys_are_found_by_id_and_listed_by_workspace(world: World) {
    let (reader, workspace_id) = (world.store.reader(), world.workspace);
    assert!(!api_keys::any(reader).await.unwrap());
    let rows: Vec<ApiKey> = [Scope::ALL.to_vec(), Vec::new()]
        .into_iter()
        .map(|scopes| ApiKey {
            id: ApiKeyId::generate(),
            workspace: workspace_id,
            name: "backend".to_owned(),
            expires_at: (!scopes.is_empty()).then(|| at(60)),
            scopes,
            digest: [7; 32],
            created_at: NOW,
        })
        .collect();
    for row in rows.clone() {
        transact!(world, |tx, row| api_keys::insert(tx, row).await).unwrap();
    }
    assert!(api_keys::any(reader).await.unwrap());
    let found = api_keys::find_all_workspaces(reader, rows[0].id).await.unwrap();
    assert_eq!(found.as_ref(), rows.first());
    assert_eq!(api_keys::list(reader, workspace_id, first(10)).await.unwrap(), rows);
    let rest = api_keys::list(reader, workspace_id, after(10, rows[0].id)).await.unwrap();
    assert_eq!(rest, rows[1..]);
    let (id, elsewhere) = (rows[0].id, WorkspaceId::generate());
    assert!(!transact!(world, |tx| api_keys::delete(tx, elsewhere, id).await).unwrap());
    assert!(transact!(world, |tx| api_keys::delete(tx, workspace_id, id).await).unwrap());
    assert_eq!(api_keys::find_all_workspaces(reader, id).await.unwrap(), None);
}

pub(crate) async fn activity_types_are_put_listed_and_deleted(world: World) {
    let (reader, workspace_id) = (world.store.reader(), world.workspace);
    let plain = ActivityType::unregistered(workspace_id, "delivery", NOW);
    let mut full = ActivityType {
        ios_attributes_type: "FlightAttributes".to_owned(),
        id_attribute: "id".to_owned(),
        run_attribute: "run".to_owned(),
        default_alert: Alert {
            title: "Flight".into(),
            subtitle: "\"TK1983\"".into(),
            body: Words::Localized { key: "FLIES".to_owned(), args: vec!["TK\"1983".to_owned()] },
            sound: "default".to_owned(),
        },
        join: Join::Open,
        app_may_start: false,
        ..ActivityType::unregistered(workspace_id, "flight", NOW)
    };
    for row in [&plain, &full] {
        let row = row.clone();
        transact!(world, |tx, row| activity_types::put(tx, row).await).unwrap();
    }
    let listed = activity_types::list(reader, workspace_id, first(10)).await.unwrap();
    assert_eq!(listed, [plain, full.clone()]);
    let rest = activity_types::list(reader, workspace_id, after(10, "delivery".to_owned()));
    assert_eq!(rest.await.unwrap(), [full.clone()]);
    full.join = Join::Audience;
    let row = full.clone();
    transact!(world, |tx, row| activity_types::put(tx, row).await).unwrap();
    let found = activity_types::find(reader, workspace_id, "flight").await.unwrap();
    assert_eq!(found, Some(full));
    let elsewhere = WorkspaceId::generate();
    assert_eq!(activity_types::find(reader, elsewhere, "flight").await.unwrap(), None);
    let delete = async |workspace_id| {
        transact!(world, |tx| activity_types::delete(tx, workspace_id, "flight").await).unwrap()
    };
    assert!(!delete(elsewhere).await);
    assert!(delete(workspace_id).await);
    assert!(!delete(workspace_id).await);
}

pub(crate) async fn no_tenant_sees_another(world: World) {
    let other = workspace("other");
    let (other_id, other_app) = (other.id, app(other.id, "com.example.other"));
    let theirs = other_app.id;
    world.add(other, other_app).await.unwrap();
    let reader = world.store.reader();
    assert_eq!(apps::find(reader, world.workspace, theirs).await.unwrap(), None);
    let deleted = transact!(world, |tx| apps::delete(tx, WorkspaceId::generate(), theirs).await);
    assert!(!deleted.unwrap());
    let device = Device { workspace: other_id, app: theirs, ..world.device("phone", "ada") };
    let activity = Activity {
        workspace: other_id,
        content: content("{\"secret\":1}"),
        ..world.activity("FLIGHT_1")
    };
    world
        .apply(move || Change {
            devices: vec![device.clone()],
            activities: vec![activity.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    let mine = world.workspace;
    assert_eq!(devices::find(reader, mine, "phone").await.unwrap(), None);
    let listed = devices::list(reader, mine, &DeviceFilter::default(), first(10)).await.unwrap();
    assert_eq!(listed, []);
    assert!(activities::find(reader, mine, "FLIGHT_1").await.unwrap().is_none());
    let listed = activities::list(reader, mine, &ActivityFilter::default(), first(10)).await;
    assert!(listed.unwrap().is_empty());
    let mixed = Device { app: theirs, ..world.device("pad", "ada") };
    let refused =
        world.apply(move || Change { devices: vec![mixed.clone()], ..Change::default() }).await;
    assert_eq!(reason(refused), Reason::Internal, "no row refers to another tenant's app");
}
