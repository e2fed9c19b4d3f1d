//! Alerts by keys of the apps' own strings, up to what phones of both systems show, each in its language.

use crate::calls::{CONTACT, TYPE, end, refused, start, update};
use crate::harness::{BUNDLE, World, shows, wait};
use std::collections::HashMap;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    ActivityType, Alert, CreateActivityTypeRequest, EndActivityRequest, Fallback,
    GetActivityTypeRequest, StartActivityRequest, UpdateActivityRequest,
};
use tidings::simulator::Phone;

const FLIGHT: &str = "FLIGHT_1711";

fn strings(words: &[(&str, &str)]) -> HashMap<String, String> {
    words.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

fn boarding() -> Alert {
    Alert {
        title_loc_key: "FLIGHT".to_owned(),
        title_loc_args: vec!["TK1983".to_owned()],
        body_loc_key: "BOARDING".to_owned(),
        body_loc_args: vec!["B12".to_owned(), "10".to_owned()],
        ..Alert::default()
    }
}

impl World {
    fn reader(&self, device_id: &str, spec: sim::PhoneSpec) -> Phone {
        let spec = self.spec(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            contact_key: Some(CONTACT.to_owned()),
            ..spec
        });
        self.simulator.create_phone(spec).expect("a phone")
    }
}

/// The words of the alerts that a card has shown, silent changes left out.
fn alerts(phone: &sim::Phone) -> Vec<(String, String)> {
    let shown = phone.cards.iter().flat_map(|card| &card.shown).filter(|shown| shown.alerted);
    shown.map(|shown| (shown.alert_title.clone(), shown.alert_body.clone())).collect()
}

fn said(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(title, body)| ((*title).to_owned(), (*body).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_phone_shows_an_alert_in_the_words_of_its_own_app() {
    let world = World::start().await;
    let german = world.reader(
        "german",
        sim::PhoneSpec {
            os_version: "18.2".to_owned(),
            strings: strings(&[("FLIGHT", "Flug %@"), ("BOARDING", "In %2$@ min an %1$@")]),
            ..sim::PhoneSpec::default()
        },
    );
    let bare = world.reader(
        "bare",
        sim::PhoneSpec { os_version: "17.4".to_owned(), ..sim::PhoneSpec::default() },
    );
    let app_id = world.create_android_app(BUNDLE).await;
    let turkish = world.spec(sim::PhoneSpec {
        device_id: "turkish".to_owned(),
        contact_key: Some(CONTACT.to_owned()),
        android: Some(sim::AndroidSpec { api_level: 36, ..sim::AndroidSpec::default() }),
        strings: strings(&[("FLIGHT", "%s ucuyor"), ("BOARDING", "%1$s, %2$s dk")]),
        ..sim::PhoneSpec::default()
    });
    let turkish = sim::PhoneSpec { app_id, world: 0, ..turkish };
    let turkish = world.simulator.create_phone(turkish).expect("a phone");
    for phone in [&german, &bare, &turkish] {
        world.said_everything(phone).await;
    }
    let request = StartActivityRequest { alert: Some(boarding()), ..start(FLIGHT) };
    world.activities().start_activity(request).await.expect("a key is enough for a start");
    for phone in [&german, &bare, &turkish] {
        shows(phone, 1, "Scheduled").await;
        world.said_everything(phone).await;
    }
    world.settled(FLIGHT).await;
    let alert = Alert {
        body: "Plain".to_owned(),
        body_loc_key: String::new(),
        body_loc_args: Vec::new(),
        ..boarding()
    };
    let request = UpdateActivityRequest { alert: Some(alert), ..update(FLIGHT, "Boarding") };
    world.activities().update_activity(request).await.expect("accepted");
    for phone in [&german, &bare, &turkish] {
        shows(phone, 1, "Boarding").await;
    }
    let request = EndActivityRequest { alert: Some(boarding()), ..end(FLIGHT) };
    world.settled(FLIGHT).await;
    world.activities().end_activity(request).await.expect("ended");
    let words: [(&Phone, [(&str, &str); 2]); 3] = [
        (&german, [("Flug TK1983", "In 10 min an B12"), ("Flug TK1983", "Plain")]),
        (&bare, [("FLIGHT", "BOARDING"), ("FLIGHT", "Plain")]),
        (&turkish, [("TK1983 ucuyor", "B12, 10 dk"), ("TK1983 ucuyor", "Plain")]),
    ];
    for (phone, [first, second]) in words {
        let seen = shows(phone, 1, "Landed").await;
        assert_eq!(alerts(&seen), said(&[first, second, first]), "{}", phone.id());
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_types_default_and_a_fallback_may_be_by_keys() {
    let world = World::start().await;
    let kind = ActivityType {
        activity_type: TYPE.to_owned(),
        default_alert: Some(boarding()),
        ..ActivityType::default()
    };
    let request = CreateActivityTypeRequest { activity_type: Some(kind), ..Default::default() };
    world.caller().types().create_activity_type(request).await.expect("a type");
    let request = GetActivityTypeRequest { activity_type: TYPE.to_owned() };
    let kept = world.caller().types().get_activity_type(request).await.expect("found");
    let kept = kept.into_inner().activity_type.expect("a type").default_alert;
    assert_eq!(kept, Some(boarding()));
    let words = strings(&[("FLIGHT", "Flug %@"), ("SORRY", "Kein Platz für %@")]);
    let spec = |os_version: &str| sim::PhoneSpec {
        os_version: os_version.to_owned(),
        notifications_enabled: Some(true),
        strings: words.clone(),
        ..sim::PhoneSpec::default()
    };
    let (new, old) = (world.reader("new", spec("18.2")), world.reader("old", spec("16.4")));
    for phone in [&new, &old] {
        world.said_everything(phone).await;
    }
    let fallback = Fallback {
        body_loc_key: "SORRY".to_owned(),
        body_loc_args: vec!["TK1983".to_owned()],
        ..Fallback::default()
    };
    let request = StartActivityRequest { alert: None, fallback: Some(fallback), ..start(FLIGHT) };
    world.activities().start_activity(request).await.expect("started");
    let seen = shows(&new, 1, "Scheduled").await;
    assert_eq!(alerts(&seen), said(&[("Flug TK1983", "BOARDING")]));
    let seen = wait(&old, "is notified", |phone| !phone.notifications.is_empty()).await;
    let shown = &seen.notifications[0];
    assert_eq!(
        (shown.title.as_str(), shown.body.as_str()),
        ("Flug TK1983", "Kein Platz für TK1983")
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_given_in_one_form_and_a_start_needs_both_of_them() {
    let world = World::start().await;
    let both = Alert { title: "TK1983".to_owned(), ..boarding() };
    let request = StartActivityRequest { alert: Some(both), ..start(FLIGHT) };
    let wrong = refused(world.activities().start_activity(request).await);
    assert_eq!(wrong.fields(), ["alert.title_loc_key"]);
    let args = Alert { body_loc_key: String::new(), ..boarding() };
    let request = UpdateActivityRequest { alert: Some(args), ..update(FLIGHT, "x") };
    let wrong = refused(world.activities().update_activity(request).await);
    assert_eq!(wrong.fields(), ["alert.body_loc_args"]);
    let title = Alert { body_loc_key: String::new(), body_loc_args: Vec::new(), ..boarding() };
    let request = StartActivityRequest { alert: Some(title), ..start(FLIGHT) };
    let wrong = refused(world.activities().start_activity(request).await);
    assert_eq!(
        (wrong.reason.as_str(), wrong.fields()),
        ("START_ALERT_REQUIRED", vec!["alert.body"])
    );
    world.stop().await;
}
