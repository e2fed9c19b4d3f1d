//! The acceptance story: TK1983 from Istanbul to London, on seven phones, and the same id the next day.

mod android;

use self::android::Androids;
use crate::harness::{PATIENCE, World, shows, status_of};
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Activity, ActivityOrigin, Alert, Audience, Dismissal, EndActivityRequest, Fallback,
    GetActivityRequest, Operation, RegisterTokenRequest, ReportActivityStateRequest, ReportedState,
    StartActivityRequest, StartActivityResponse, SubscriptionState, TokenKind,
    UpdateActivityRequest, UpdateActivityResponse, WatchActivityRequest,
};
use tidings::simulator::Phone;
use tonic::Code;

const FLIGHT: &str = "FLIGHT_1711";
const STATES: [&str; 6] =
    ["Scheduled", "Gate B12", "Boarding", "Delayed 20 minutes", "In Air", "Landed"];

struct Flight {
    world: World,
    old_phone: Phone,
    new_phone: Phone,
    tablet: Phone,
    oldest_phone: Phone,
    androids: Androids,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flight_starts_changes_and_lands_on_every_phone() {
    let flight = Flight::prepare().await;
    flight.the_app_starts_and_the_backend_adopts().await;
    flight.android_shows("Scheduled").await;
    flight.android_follows_by_its_one_token().await;
    flight.gate_and_boarding().await;
    flight.android_shows("Boarding").await;
    flight.an_android_token_rotates().await;
    flight.the_courier_starts_and_the_backend_ends().await;
    flight.the_late_token_catches_up_with_one_silent_push().await;
    flight.a_token_rotates_and_the_tablet_is_swiped().await;
    flight.android_shows("In Air").await;
    flight.it_lands().await;
    flight.android_shows("Landed").await;
    flight.android_saw_a_subsequence_in_order();
    flight.everyone_saw_a_subsequence_in_order();
    flight.the_next_day_yesterday_touches_nothing().await;
    flight.world.stop().await;
}

impl Flight {
    async fn prepare() -> Self {
        let world = World::start().await;
        let old_phone = world.phone("iphone-17", "17.4", "ayse");
        let new_phone = world.phone_with(sim::PhoneSpec {
            device_id: "iphone-18".to_owned(),
            os_version: "18.2".to_owned(),
            contact_key: Some("ayse".to_owned()),
            form_factor: sim::FormFactor::Phone.into(),
            hold_tokens: true,
            ..sim::PhoneSpec::default()
        });
        let tablet = world.phone_with(sim::PhoneSpec {
            device_id: "ipad".to_owned(),
            os_version: "18.2".to_owned(),
            contact_key: Some("ayse".to_owned()),
            form_factor: sim::FormFactor::Tablet.into(),
            ..sim::PhoneSpec::default()
        });
        let oldest_phone = world.phone_with(sim::PhoneSpec {
            device_id: "iphone-16".to_owned(),
            os_version: "16.4".to_owned(),
            contact_key: Some("mehmet".to_owned()),
            notifications_enabled: Some(true),
            ..sim::PhoneSpec::default()
        });
        for phone in [&old_phone, &new_phone, &tablet, &oldest_phone] {
            world.said_everything(phone).await;
        }
        let androids = Androids::prepare(&world).await;
        Flight { world, old_phone, new_phone, tablet, oldest_phone, androids }
    }

    async fn the_app_starts_and_the_backend_adopts(&self) {
        let start = sim::StartActivityRequest {
            activity_type: "flight_status".to_owned(),
            attributes_json: r#"{"flight":"TK1983","activityId":"FLIGHT_1711"}"#.to_owned(),
            content_json: r#"{"status":"Check-in"}"#.to_owned(),
            ..sim::StartActivityRequest::default()
        };
        self.old_phone.start_activity(&start).expect("a card");
        self.world.said_everything(&self.old_phone).await;
        let activity = self.activity().await;
        assert_eq!(activity.origin(), ActivityOrigin::App);

        let started = self.start("Scheduled").await.expect("adopted");
        assert!(started.adopted, "the app had started it");
        assert_eq!(started.activity.expect("an activity").run, 1);
        for phone in [&self.old_phone, &self.new_phone, &self.tablet] {
            shows(phone, 1, "Scheduled").await;
        }
        let unreachable = self.world.subscription(FLIGHT, "iphone-16").await;
        assert_eq!(unreachable.state(), SubscriptionState::Unreachable);
        assert_eq!(unreachable.reason, "OS_CANNOT_START_BY_PUSH");
        assert_eq!(self.old_phone.snapshot().cards.len(), 1, "updated, not started once more");
    }

    async fn gate_and_boarding(&self) {
        let gate = self.update("Gate B12", None, "gate").await;
        let repeated = self.update("Gate B12", None, "gate").await;
        assert!(repeated.replayed, "the same request_id");
        assert_eq!(repeated.revision, gate.revision);
        assert_eq!(self.activity().await.revision, gate.revision, "a retry changes nothing");
        shows(&self.old_phone, 1, "Gate B12").await;
        shows(&self.tablet, 1, "Gate B12").await;

        let soon = tidings::clock::Clock::system().now() + Duration::from_secs(2);
        let alert = Alert {
            title: "TK1983".to_owned(),
            body: "Boarding at gate B12".to_owned(),
            expire_time: Some(prost_types::Timestamp { seconds: soon.seconds(), nanos: 0 }),
            ..Alert::default()
        };
        self.update("Boarding", Some(alert), "boarding").await;
        let phone = shows(&self.old_phone, 1, "Boarding").await;
        let boarding = phone.cards[0].shown.last().expect("shown");
        assert!(boarding.alerted && boarding.alert_body == "Boarding at gate B12");
        let waits = self.world.subscription(FLIGHT, "iphone-18").await;
        assert_eq!(waits.state(), SubscriptionState::PendingToken);
        self.alert_has_expired(soon).await;
    }

    /// Waits for the clock: what is tested is what happens after the alert's time.
    async fn alert_has_expired(&self, time: tidings::clock::Time) {
        let left = time.since(tidings::clock::Clock::system().now()) + Duration::from_millis(1);
        let nothing = std::future::pending::<()>();
        tokio::time::timeout(left, nothing).await.expect_err("nothing ever comes");
    }

    async fn the_late_token_catches_up_with_one_silent_push(&self) {
        let pushes = self.pushes_to("iphone-18").await;
        self.new_phone.release_tokens();
        let phone = shows(&self.new_phone, 1, "Boarding").await;
        let statuses: Vec<String> =
            phone.cards[0].shown.iter().map(|shown| status_of(&shown.content_json)).collect();
        assert_eq!(statuses, ["Scheduled", "Boarding"], "one push of the newest state");
        assert!(!phone.cards[0].shown[1].alerted, "the alert had expired");
        self.world.settled(FLIGHT).await;
        assert_eq!(self.pushes_to("iphone-18").await, pushes + 1);
    }

    async fn a_token_rotates_and_the_tablet_is_swiped(&self) {
        self.update("Delayed 20 minutes", None, "delayed").await;
        for phone in [&self.old_phone, &self.new_phone, &self.tablet] {
            shows(phone, 1, "Delayed 20 minutes").await;
        }
        let rotation = sim::RotateTokenRequest::default();
        self.old_phone.rotate_token(&rotation).expect("a live card");
        self.world.said_everything(&self.old_phone).await;
        self.tablet.dismiss("").expect("a card on the screen");
        self.world.said_everything(&self.tablet).await;
        let dismissed = self.world.subscription(FLIGHT, "ipad").await;
        assert_eq!(dismissed.state(), SubscriptionState::Dismissed);
        self.world.settled(FLIGHT).await;

        let pushes = self.pushes_to("ipad").await;
        self.update("In Air", None, "in-air").await;
        shows(&self.old_phone, 1, "In Air").await;
        shows(&self.new_phone, 1, "In Air").await;
        self.world.settled(FLIGHT).await;
        assert_eq!(self.pushes_to("ipad").await, pushes, "no more pushes after the swipe");
    }

    async fn it_lands(&self) {
        let end = EndActivityRequest {
            request_id: "landed".to_owned(),
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content("Landed")),
            dismissal: Some(Dismissal {
                after: Some(prost_types::Duration { seconds: 15 * 60, nanos: 0 }),
                ..Dismissal::default()
            }),
            ..EndActivityRequest::default()
        };
        let ended = self.world.activities().end_activity(end).await.expect("ended").into_inner();
        let dismiss_time = ended.dismiss_time.expect("said");
        self.watch_ends_by_itself().await;
        for phone in [&self.old_phone, &self.new_phone] {
            let phone = shows(phone, 1, "Landed").await;
            assert_eq!(phone.cards[0].state(), sim::CardState::Ended);
            let gone_time = phone.cards[0].gone_time.expect("leaves the screen");
            assert!((gone_time.seconds - dismiss_time.seconds).abs() <= 1, "after 15 minutes");
        }
        let refused = self.try_update("late", "late").await.expect_err("no update after the end");
        assert_eq!(refused.code(), Code::FailedPrecondition);
    }

    async fn watch_ends_by_itself(&self) {
        let request = WatchActivityRequest { activity_id: FLIGHT.to_owned() };
        let watched = self.world.activities().watch_activity(request).await.expect("a watch");
        let mut watched = watched.into_inner();
        let all = async { while watched.message().await.expect("a message").is_some() {} };
        tokio::time::timeout(PATIENCE, all).await.expect("the watch ends when the ends settled");
    }

    fn everyone_saw_a_subsequence_in_order(&self) {
        for phone in [&self.old_phone, &self.new_phone, &self.tablet] {
            let phone = phone.snapshot();
            assert_eq!(phone.cards.len(), 1, "one card per device and run");
            // A rotated token gets the newest content once more, so a state may come twice in a row.
            let pushed = phone.cards[0].shown.iter().filter(|s| s.by() != sim::ShownBy::App);
            let order = pushed.map(|shown| {
                let status = status_of(&shown.content_json);
                STATES.iter().position(|state| *state == status).expect("a state of the flight")
            });
            assert!(order.is_sorted(), "{} went back", phone.phone_id);
        }
        let oldest = self.oldest_phone.snapshot();
        assert!(oldest.cards.is_empty());
        let notified: Vec<&str> = oldest.notifications.iter().map(|n| n.title.as_str()).collect();
        assert_eq!(notified, ["TK1983"], "one ordinary notification instead of a card");
        let dismissed = self.tablet.snapshot();
        assert_eq!(status_of(&dismissed.cards[0].content_json), "Delayed 20 minutes");
    }

    async fn the_next_day_yesterday_touches_nothing(&self) {
        let started = self.start("Scheduled").await.expect("the next run");
        assert_eq!(started.activity.expect("an activity").run, 2);
        self.new_phone.release_tokens();
        shows(&self.new_phone, 2, "Scheduled").await;
        self.world.settled(FLIGHT).await;
        let before = self.activity().await;

        let end = EndActivityRequest {
            activity_id: FLIGHT.to_owned(),
            run: Some(1),
            ..EndActivityRequest::default()
        };
        let refused = self.world.activities().end_activity(end).await.expect_err("yesterday's end");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        let late = RegisterTokenRequest {
            device_id: "iphone-18".to_owned(),
            kind: TokenKind::Update.into(),
            token: format!("80{}", "ab".repeat(79)),
            activity_id: FLIGHT.to_owned(),
            run: Some(1),
            device_activity_id: self.new_phone.snapshot().cards[0].card_id.clone(),
            ..RegisterTokenRequest::default()
        };
        let taken = self.world.devices().register_token(late).await.expect("taken").into_inner();
        assert_eq!(taken.run, 1);
        let closing = ReportActivityStateRequest {
            device_id: "iphone-18".to_owned(),
            activity_id: FLIGHT.to_owned(),
            run: Some(1),
            state: ReportedState::Dismissed.into(),
            ..ReportActivityStateRequest::default()
        };
        self.world.devices().report_activity_state(closing).await.expect("taken");

        let after = self.activity().await;
        assert_eq!((after.run, after.revision, after.state), (2, before.revision, before.state));
        let subscription = self.world.subscription(FLIGHT, "iphone-18").await;
        assert_eq!(subscription.state(), SubscriptionState::Active);
        self.update("Gate A1", None, "next-day").await;
        shows(&self.new_phone, 2, "Gate A1").await;
    }

    async fn activity(&self) -> Activity {
        let request = GetActivityRequest { activity_id: FLIGHT.to_owned() };
        let found = self.world.activities().get_activity(request).await.expect("found");
        found.into_inner().activity.expect("an activity")
    }

    async fn start(&self, status: &str) -> tonic::Result<StartActivityResponse> {
        let request = StartActivityRequest {
            activity_id: FLIGHT.to_owned(),
            activity_type: "flight_status".to_owned(),
            attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
            content_state_json: Some(content(status)),
            audience: Some(Audience {
                contact_keys: vec!["ayse".to_owned(), "mehmet".to_owned()],
                ..Audience::default()
            }),
            alert: Some(Alert {
                title: "TK1983".to_owned(),
                body: "Istanbul to London".to_owned(),
                ..Alert::default()
            }),
            fallback: Some(Fallback::default()),
            ..StartActivityRequest::default()
        };
        Ok(self.world.activities().start_activity(request).await?.into_inner())
    }

    async fn update(
        &self,
        status: &str,
        alert: Option<Alert>,
        request_id: &str,
    ) -> UpdateActivityResponse {
        let request = UpdateActivityRequest {
            request_id: request_id.to_owned(),
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content(status)),
            alert,
            ..UpdateActivityRequest::default()
        };
        self.world.activities().update_activity(request).await.expect("accepted").into_inner()
    }

    async fn try_update(&self, status: &str, request_id: &str) -> tonic::Result<()> {
        let request = UpdateActivityRequest {
            request_id: request_id.to_owned(),
            activity_id: FLIGHT.to_owned(),
            content_state_json: Some(content(status)),
            ..UpdateActivityRequest::default()
        };
        self.world.activities().update_activity(request).await.map(|_| ())
    }

    async fn pushes_to(&self, device_id: &str) -> usize {
        let log = self.world.deliveries(FLIGHT).await;
        let pushes = log.iter().filter(|d| d.device_id == device_id);
        pushes.filter(|d| d.operation() != Operation::Unspecified && d.attempt > 0).count()
    }
}

fn content(status: &str) -> String {
    format!("{{\"status\":\"{status}\"}}")
}
