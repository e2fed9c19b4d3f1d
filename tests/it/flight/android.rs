//! The same flight on Android: a Live Update on Android 16, an ongoing notification on Android 12, and an activity that
//! a courier's app started itself, which knows Sendora's keys alone.

use super::{FLIGHT, Flight, STATES, content};
use crate::harness::{BUNDLE, World, shows, status_of};
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    ActivityOrigin, EndActivityRequest, FcmDataKeys, GetActivityRequest, Route, SubscriptionState,
    UpdateActivityRequest,
};
use tidings::simulator::Phone;

/// The app of couriers.
const COURIERS: &str = "com.example.couriers";

/// The Android phones of the story.
pub(super) struct Androids {
    /// Android 16.
    pub(super) pixel: Phone,
    /// Android 12.
    pub(super) galaxy: Phone,
    /// Its app starts an activity itself.
    courier: Phone,
}

impl Androids {
    pub(super) async fn prepare(world: &World) -> Self {
        let app_id = world.create_android_app(BUNDLE).await;
        let pixel = world.android_phone((&app_id, "pixel"), 36, "ayse");
        let galaxy = world.android_phone((&app_id, "galaxy"), 31, "mehmet");
        let app_id = world.create_android_app_with(COURIERS, FcmDataKeys::Sendora).await;
        let courier = world.spec(sim::PhoneSpec {
            device_id: "courier".to_owned(),
            contact_key: Some("fatma".to_owned()),
            android: Some(sim::AndroidSpec {
                api_level: 36,
                sendora_keys: true,
                ..sim::AndroidSpec::default()
            }),
            ..sim::PhoneSpec::default()
        });
        let bundle_id = COURIERS.to_owned();
        let courier = sim::PhoneSpec { app_id, bundle_id, world: 0, ..courier };
        let courier = world.simulator.create_phone(courier).expect("a phone");
        for phone in [&pixel, &galaxy, &courier] {
            world.said_everything(phone).await;
        }
        Androids { pixel, galaxy, courier }
    }

    fn of_the_flight(&self) -> [&Phone; 2] {
        [&self.pixel, &self.galaxy]
    }
}

impl Flight {
    pub(super) async fn android_shows(&self, status: &str) {
        for phone in self.androids.of_the_flight() {
            shows(phone, 1, status).await;
        }
    }

    pub(super) async fn android_follows_by_its_one_token(&self) {
        self.world.settled(FLIGHT).await;
        let presentations = [sim::Presentation::LiveUpdate, sim::Presentation::OngoingNotification];
        for (phone, presentation) in self.androids.of_the_flight().iter().zip(presentations) {
            let seen = phone.snapshot();
            assert_eq!(seen.cards[0].presentation(), presentation, "{}", seen.phone_id);
            assert!(seen.cards[0].shown[0].alerted, "a start alerts");
            let row = self.world.subscription(FLIGHT, &seen.device_id).await;
            let expected = (SubscriptionState::Active, Route::Fcm);
            assert_eq!((row.state(), row.route()), expected, "no token of its own to wait for");
        }
    }

    pub(super) async fn an_android_token_rotates(&self) {
        let rotation = sim::RotateTokenRequest::default();
        self.androids.galaxy.rotate_token(&rotation).expect("a registration");
        self.world.said_everything(&self.androids.galaxy).await;
    }

    /// An app that starts an activity itself gets its id, and its updates and its end like everyone.
    pub(super) async fn the_courier_starts_and_the_backend_ends(&self) {
        let courier = &self.androids.courier;
        let start = sim::StartActivityRequest {
            activity_type: "flight_status".to_owned(),
            attributes_json: r#"{"flight":"CARGO7"}"#.to_owned(),
            content_json: content("Check-in"),
            ..sim::StartActivityRequest::default()
        };
        courier.start_activity(&start).expect("a notification");
        let seen = self.world.said_everything(courier).await;
        let activity_id = seen.cards[0].activity_id.clone();
        assert!(activity_id.starts_with("act_"), "{seen:#?}");
        let request = GetActivityRequest { activity_id: activity_id.clone() };
        let found = self.world.activities().get_activity(request).await.expect("found");
        let activity = found.into_inner().activity.expect("an activity");
        assert_eq!(activity.origin(), ActivityOrigin::App);
        let update = UpdateActivityRequest {
            activity_id: activity_id.clone(),
            content_state_json: Some(content("In Air")),
            ..UpdateActivityRequest::default()
        };
        self.world.activities().update_activity(update).await.expect("accepted");
        shows(courier, 1, "In Air").await;
        let end = EndActivityRequest {
            activity_id: activity_id.clone(),
            content_state_json: Some(content("Landed")),
            ..EndActivityRequest::default()
        };
        self.world.activities().end_activity(end).await.expect("ended");
        let seen = shows(courier, 1, "Landed").await;
        assert_eq!(seen.cards[0].state(), sim::CardState::Ended);
        assert_eq!(seen.cards.len(), 1, "never another one");
    }

    pub(super) fn android_saw_a_subsequence_in_order(&self) {
        for phone in self.androids.of_the_flight() {
            let seen = phone.snapshot();
            assert_eq!(seen.cards.len(), 1, "one per device and run: {}", seen.phone_id);
            let order: Vec<usize> = seen.cards[0]
                .shown
                .iter()
                .filter_map(|shown| {
                    let status = status_of(&shown.content_json);
                    STATES.iter().position(|state| *state == status)
                })
                .collect();
            assert!(order.is_sorted(), "{} went back", seen.phone_id);
            let revisions: Vec<i64> = seen.cards[0].shown.iter().map(|s| s.revision).collect();
            assert!(revisions.is_sorted_by(|a, b| a < b), "nothing twice: {revisions:?}");
        }
    }
}

impl World {
    /// A phone with Android and the flight's template, that talks to this server.
    pub(crate) fn android_phone(
        &self,
        (app_id, device_id): (&str, &str),
        api_level: i32,
        contact_key: &str,
    ) -> Phone {
        let spec = self.spec(sim::PhoneSpec {
            device_id: device_id.to_owned(),
            contact_key: Some(contact_key.to_owned()),
            form_factor: sim::FormFactor::Phone.into(),
            android: Some(sim::AndroidSpec { api_level, ..sim::AndroidSpec::default() }),
            ..sim::PhoneSpec::default()
        });
        let spec = sim::PhoneSpec { app_id: app_id.to_owned(), world: 0, ..spec };
        self.simulator.create_phone(spec).expect("a phone")
    }
}
