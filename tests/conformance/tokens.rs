//! Devices and their tokens.

use crate::world::{NOW, World, after, app, at, first, reason, token, transact};
use tidings::domain::change::Change;
use tidings::domain::deletion;
use tidings::domain::device::{Description, Device, FormFactor, OsVersion};
use tidings::domain::ids::{SubscriptionId, WorkspaceId};
use tidings::domain::platform::Platform;
use tidings::domain::push::Environment;
use tidings::domain::token::{Token, TokenKind};
use tidings::error::Reason;
use tidings::secrets::Sealed;
use tidings::store::devices::{self, DeviceFilter};
use tidings::store::{Lane, apps, tokens};

impl World {
    async fn register(&self, device: &Device, rows: &[Token]) -> tidings::error::Result<()> {
        let (device, rows) = (device.clone(), rows.to_vec());
        self.apply(move || Change {
            devices: vec![device.clone()],
            tokens: rows.clone(),
            ..Change::default()
        })
        .await
    }
}

pub(crate) async fn every_field_of_a_device_comes_back(world: World) {
    let plain = world.device("plain", "");
    let full = Device {
        form_factor: FormFactor::Tablet,
        os_version: OsVersion { major: u16::MAX, minor: 3 },
        environment: Environment::Sandbox,
        activities_enabled: false,
        frequent_pushes_enabled: false,
        notifications_permission: false,
        description: Description {
            app_version: "1.2".to_owned(),
            sdk_version: "3".to_owned(),
            manufacturer: "Apple".to_owned(),
            model: "iPad14,3".to_owned(),
            locale: "tr-TR".to_owned(),
        },
        created_at: at(-9),
        last_seen_at: at(9),
        deleted_at: Some(at(10)),
        ..world.device("vollständig 📱", "ada@example.com")
    };
    for device in [plain, full] {
        world.register(&device, &[]).await.unwrap();
        let reader = world.store.reader();
        let read = devices::by_key(reader, device.key).await.unwrap();
        assert_eq!(read.as_ref(), Some(&device));
        let read = devices::find(reader, world.workspace, &device.device_id).await.unwrap();
        assert_eq!(read.as_ref(), Some(&device).filter(|device| device.deleted_at.is_none()));
        let moved = Device { contact_key: "bob".to_owned(), ..device };
        world.register(&moved, &[]).await.unwrap();
        assert_eq!(devices::by_keys(reader, &[moved.key]).await.unwrap(), [moved]);
    }
}

pub(crate) async fn devices_are_listed_in_pages_and_filtered(world: World) {
    let second = app(world.workspace, "com.example.crew");
    let crew = second.id;
    transact!(world, |tx, second| apps::insert(tx, second).await).unwrap();
    let mut rows = Vec::new();
    for (number, contact) in ["ada", "bob", "ada"].into_iter().enumerate() {
        rows.push(world.device(&format!("d{number}"), contact));
    }
    rows[2].app = crew;
    for row in &rows {
        world.register(row, &[]).await.unwrap();
    }
    let list = async |filter: DeviceFilter, page| {
        devices::list(world.store.reader(), world.workspace, &filter, page).await.unwrap()
    };
    let all = DeviceFilter::default;
    assert_eq!(list(all(), first(2)).await, rows[..2]);
    assert_eq!(list(all(), after(2, rows[1].key)).await, rows[2..]);
    let contact_key = Some("ada".to_owned());
    let of_ada = list(DeviceFilter { contact_key, ..all() }, first(9)).await;
    assert_eq!(of_ada, [rows[0].clone(), rows[2].clone()]);
    assert_eq!(list(DeviceFilter { app: Some(crew), ..all() }, first(9)).await, rows[2..]);
}

pub(crate) async fn a_deleted_device_is_found_by_its_key_alone_until_it_is_removed(world: World) {
    let device = world.device("phone", "ada");
    let deleted = deletion::without_identity(&device, at(5));
    let again = world.device("phone", "eve");
    let held = token(&device, TokenKind::Update, 1);
    let written = (deleted.clone(), again.clone(), held.clone());
    world
        .apply(move || Change {
            devices: vec![written.0.clone(), written.1.clone()],
            tokens: vec![written.2.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    let reader = world.store.reader();
    let found = devices::find(reader, world.workspace, "phone").await.unwrap().unwrap();
    assert_eq!(found.key, again.key, "its id is another one's");
    let filter = DeviceFilter::default();
    let listed = devices::list(reader, world.workspace, &filter, first(9)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(devices::to_purge_all_workspaces(reader, 9).await.unwrap(), [deleted]);
    let key = device.key;
    world.store.write(Lane::Settle, move |tx| Box::pin(devices::remove(tx, key))).await.unwrap();
    assert!(devices::by_key(reader, key).await.unwrap().is_none());
    assert!(tokens::get(reader, held.id).await.unwrap().is_none(), "its tokens go with it");
}

pub(crate) async fn every_field_of_a_token_comes_back(world: World) {
    let device = world.device("phone", "ada");
    let plain = token(&device, TokenKind::PushToStart, 1);
    let full = Token {
        environment: Environment::Sandbox,
        sealed: Sealed { key_id: "second".to_owned(), bytes: (0..=255).collect() },
        subscription: Some(SubscriptionId::generate()),
        token_time: at(-5),
        registered_at: at(-4),
        doubted_at: Some(at(-3)),
        invalid: Some((at(-2), "ExpiredToken".to_owned())),
        ..token(&device, TokenKind::Update, 2)
    };
    let rows = [plain, full];
    world.register(&device, &rows).await.unwrap();
    let reader = world.store.reader();
    let read = tokens::of_device(reader, device.key).await.unwrap();
    assert!(read.iter().map(everything).eq(rows.iter().map(everything)));
    let one = tokens::get(reader, rows[1].id).await.unwrap().unwrap();
    assert_eq!(everything(&one), everything(&rows[1]));
    assert_eq!(tokens::get_many(reader, &[rows[0].id, rows[1].id]).await.unwrap().len(), 2);
}

/// `Debug` may hide what is secret, so that is put beside.
fn everything(row: &Token) -> (String, [u8; 32], Sealed) {
    (format!("{row:?}"), row.fingerprint, row.sealed.clone())
}

pub(crate) async fn a_token_is_found_by_fingerprint_in_its_workspace_and_app(world: World) {
    let device = world.device("phone", "ada");
    let row = token(&device, TokenKind::Update, 1);
    world.register(&device, std::slice::from_ref(&row)).await.unwrap();
    let reader = world.store.reader();
    let found = async |workspace, app, value| {
        let found = tokens::by_fingerprint(reader, workspace, app, &[value; 32]).await.unwrap();
        found.map(|found| found.id)
    };
    assert_eq!(found(world.workspace, world.app, 1).await, Some(row.id));
    assert_eq!(found(world.workspace, world.app, 2).await, None);
    assert_eq!(found(WorkspaceId::generate(), world.app, 1).await, None);
    let elsewhere = app(world.workspace, "com.example.crew").id;
    assert_eq!(found(world.workspace, elsewhere, 1).await, None);
}

pub(crate) async fn a_fingerprint_is_one_token(world: World) {
    let device = world.device("phone", "ada");
    let row = token(&device, TokenKind::Update, 1);
    world.register(&device, std::slice::from_ref(&row)).await.unwrap();
    let twice = token(&device, TokenKind::Update, 1);
    let refused = world.register(&device, &[twice]).await;
    assert_eq!(reason(refused), Reason::Internal);
    world.register(&device, &[Token { doubted_at: Some(NOW), ..row }]).await.unwrap();
}

pub(crate) async fn an_installation_id_goes_before_a_newer_fcm_token(world: World) {
    let device = Device { platform: Platform::Android, ..world.device("phone", "ada") };
    let id = Token { registered_at: at(1), ..token(&device, TokenKind::FcmInstallationId, 1) };
    let older = Token { registered_at: at(2), ..token(&device, TokenKind::FcmToken, 2) };
    let newer = Token { registered_at: at(3), ..token(&device, TokenKind::FcmToken, 3) };
    world.register(&device, &[id.clone(), older, newer.clone()]).await.unwrap();
    let reader = world.store.reader();
    let found = tokens::start_token(reader, device.key, "any type").await.unwrap();
    assert_eq!(found.unwrap().id, id.id);
    let dead = Token { invalid: Some((at(4), "UNREGISTERED".to_owned())), ..id };
    world.register(&device, &[dead]).await.unwrap();
    let found = tokens::start_token(reader, device.key, "any type").await.unwrap();
    assert_eq!(found.unwrap().id, newer.id);
}

pub(crate) async fn the_newest_good_push_to_start_token_is_found(world: World) {
    let device = world.device("phone", "ada");
    let row = |value, seconds| Token {
        registered_at: at(seconds),
        ..token(&device, TokenKind::PushToStart, value)
    };
    let dead = Token { invalid: Some((NOW, "Unregistered".to_owned())), ..row(3, 30) };
    let rows = [row(1, 20), row(2, 10), dead];
    world.register(&device, &rows).await.unwrap();
    let reader = world.store.reader();
    let newest = async |activity_type| {
        let found = tokens::start_token(reader, device.key, activity_type).await.unwrap();
        found.map(|found| found.id)
    };
    assert_eq!(newest("flight_status").await, Some(rows[0].id));
    assert_eq!(newest("delivery").await, None);
}
