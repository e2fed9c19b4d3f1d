//! The flight: TK1983 from Istanbul to London, and the same id on the next day. Each step is told as it happens.
//!
//! The backend's calls and the app's go to the server by gRPC; what people and their phones do, to the simulator.

use super::outcome::{Teller, line};
use super::phones::{ANDROID_12, DEVICES, IPAD, IPHONE_17, IPHONE_18, name};
use super::world::{TYPE, World};
use super::{Demo, Fault};
use anyhow::{Context, bail};
use std::time::Duration;
use tidings::clock::Clock;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Alert, Audience, Dismissal, EndActivityRequest, Fallback, RegisterTokenRequest,
    StartActivityRequest, StartActivityResponse, TokenKind, UpdateActivityRequest,
    UpdateActivityResponse,
};
use tonic_types::StatusExt;

/// The id of the activity.
pub(super) const ACTIVITY: &str = "FLIGHT_1711";
/// The final state.
pub(super) const LANDED: &str = "Landed";
/// How long the boarding call may ring. The phone that brings its token after that gets the content without it.
const ALERT_LIFE: Duration = Duration::from_secs(4);
/// How long the card stays after the landing.
const DISMISSAL_SECONDS: i64 = 15 * 60;
/// One refusal for each of the two phones that follow through either service when it begins.
const REFUSALS: i64 = 2;

pub(super) struct Flight<'a> {
    demo: &'a Demo,
    world: &'a World,
    teller: Teller<'a>,
}

impl<'a> Flight<'a> {
    /// Makes the phones; their apps register with the server.
    pub(super) async fn prepare(demo: &'a Demo, world: &'a World) -> anyhow::Result<Self> {
        for device in &DEVICES {
            world.create_phone(device).await?;
        }
        Ok(Flight { demo, world, teller: Teller::new(world) })
    }

    /// The first run, from the app's own start to the landing.
    pub(super) async fn fly(&mut self) -> anyhow::Result<()> {
        self.the_app_starts().await?;
        self.the_backend_adopts().await?;
        self.gate().await?;
        self.boarding().await?;
        self.late_token().await?;
        self.delay().await?;
        self.rotation_and_swipe().await?;
        self.in_air().await?;
        self.landing().await
    }

    async fn the_app_starts(&mut self) -> anyhow::Result<()> {
        self.teller.step("The app on the iPhone with iOS 17.4 starts the activity itself.");
        self.start_by_app(IPHONE_17).await?;
        line("its app has registered the card's update token with the server");
        self.teller.step("The app on the phone with Android 12 does the same.");
        self.start_by_app(ANDROID_12).await?;
        line("its app has registered the activity with the device's FCM token: it joins");
        self.teller.tell_outcome("Check-in", 1).await
    }

    async fn start_by_app(&self, phone_id: &str) -> anyhow::Result<()> {
        let start = sim::StartActivityRequest {
            phone_id: phone_id.to_owned(),
            activity_type: TYPE.to_owned(),
            attributes_json: format!(r#"{{"flight":"TK1983","activityId":"{ACTIVITY}"}}"#),
            content_json: content("Check-in"),
            channel_id: String::new(),
        };
        self.world.control().start_activity(start).await?;
        self.world.said_everything(phone_id).await.map(|_| ())
    }

    async fn the_backend_adopts(&mut self) -> anyhow::Result<()> {
        self.teller.step("The backend starts FLIGHT_1711 for ayse and mehmet: \"Scheduled\".");
        let started = self.start().await?;
        if !started.adopted {
            bail!("the server did not adopt the activity that the app had started");
        }
        line("adopted: the phones that show it already are updated, not started again");
        self.teller.tell_outcome("Scheduled", 1).await
    }

    async fn gate(&mut self) -> anyhow::Result<()> {
        self.teller.step("The gate is known: \"Gate B12\". The backend calls twice, by mistake.");
        if self.demo.has(Fault::Apns) {
            self.refuse(sim::FaultService::Apns, "ServiceUnavailable").await?;
            line("FAULT: APNs answers the next two pushes with 503");
        }
        if self.demo.has(Fault::Fcm) {
            self.refuse(sim::FaultService::Fcm, "UNAVAILABLE").await?;
            line("FAULT: FCM answers the next two messages with 503");
        }
        let first = self.update("Gate B12", "gate", None).await?;
        let repeated = self.update("Gate B12", "gate", None).await?;
        if !repeated.replayed || repeated.revision != first.revision {
            bail!("a repeat with the same request_id changed something");
        }
        let revision = first.revision;
        line(&format!("same request_id: replayed, still revision {revision}"));
        self.teller.tell_outcome("Gate B12", 1).await
    }

    async fn refuse(&self, service: sim::FaultService, reason: &str) -> anyhow::Result<()> {
        let answer = sim::FaultAnswer {
            status: 503,
            reason: reason.to_owned(),
            ..sim::FaultAnswer::default()
        };
        let fault = sim::Fault {
            service: service.into(),
            event: "update".to_owned(),
            count: REFUSALS,
            action: Some(sim::fault::Action::Answer(answer)),
            ..sim::Fault::default()
        };
        self.world.control().set_fault(sim::SetFaultRequest { fault: Some(fault) }).await?;
        Ok(())
    }

    async fn boarding(&mut self) -> anyhow::Result<()> {
        self.teller.step("\"Boarding\", with an alert that is worth something for 4 seconds.");
        let expires = Clock::system().now() + ALERT_LIFE;
        let alert = Alert {
            title: "TK1983".to_owned(),
            body: "Boarding at gate B12".to_owned(),
            // Seconds alone: the alert ends a little early rather than late.
            expire_time: Some(prost_types::Timestamp { seconds: expires.seconds(), nanos: 0 }),
            ..Alert::default()
        };
        self.update("Boarding", "boarding", Some(alert)).await?;
        self.teller.tell_outcome("Boarding", 1).await?;
        // What comes next shows what happens after that time, so this waits for the clock.
        tokio::time::sleep(expires.since(Clock::system().now())).await;
        Ok(())
    }

    async fn late_token(&mut self) -> anyhow::Result<()> {
        self.teller.step("Two updates late, the app on the iPhone with iOS 18.2 brings its token.");
        let release = sim::ReleaseTokensRequest { phone_id: IPHONE_18.to_owned() };
        self.world.control().release_tokens(release).await?;
        self.world.said_everything(IPHONE_18).await?;
        line("the boarding call has expired: the newest state comes without it");
        self.teller.tell_outcome("Boarding", 1).await
    }

    async fn delay(&mut self) -> anyhow::Result<()> {
        self.teller.step("\"Delayed 20 minutes\".");
        self.update("Delayed 20 minutes", "delayed", None).await?;
        self.teller.tell_outcome("Delayed 20 minutes", 1).await
    }

    async fn rotation_and_swipe(&mut self) -> anyhow::Result<()> {
        self.teller.step("iOS gives the iPhone with iOS 17.4 another token for its card.");
        let rotation =
            sim::RotateTokenRequest { phone_id: IPHONE_17.to_owned(), ..Default::default() };
        self.world.control().rotate_token(rotation).await?;
        self.world.said_everything(IPHONE_17).await?;
        line("the newest state goes to it once more: the old token may have eaten it");
        self.teller.tell_outcome("Delayed 20 minutes", 1).await?;

        self.teller.step("The owner of the iPad swipes the card away; it gets no more pushes.");
        let dismissal = sim::DismissCardRequest { phone_id: IPAD.to_owned(), ..Default::default() };
        self.world.control().dismiss_card(dismissal).await?;
        self.world.said_everything(IPAD).await?;
        line("its app has reported it");
        Ok(())
    }

    async fn in_air(&mut self) -> anyhow::Result<()> {
        self.teller.step("\"In Air\".");
        if self.demo.has(Fault::Token) {
            let phone = self.world.said_everything(IPHONE_17).await?;
            let card = phone.cards.last().context("the phone has a card")?;
            let token = card.update_token.clone();
            self.world.control().kill_token(sim::KillTokenRequest { token }).await?;
            line(&format!(
                "FAULT: the update token of the {} has died, and iOS gives it no other",
                name(IPHONE_17)
            ));
        }
        self.update("In Air", "in-air", None).await?;
        self.teller.tell_outcome("In Air", 1).await
    }

    async fn landing(&mut self) -> anyhow::Result<()> {
        self.teller.step("\"Landed\": the end, off the screen after 15 minutes.");
        if self.demo.has(Fault::Offline) {
            let offline = sim::SetOnlineRequest { phone_id: IPHONE_18.to_owned(), online: false };
            self.world.control().set_online(offline).await?;
            line(&format!("FAULT: the {} has no network", name(IPHONE_18)));
        }
        let after = prost_types::Duration { seconds: DISMISSAL_SECONDS, nanos: 0 };
        let end = EndActivityRequest {
            request_id: "landed".to_owned(),
            activity_id: ACTIVITY.to_owned(),
            content_state_json: Some(content(LANDED)),
            dismissal: Some(Dismissal { after: Some(after), ..Dismissal::default() }),
            ..EndActivityRequest::default()
        };
        self.world.activities().end_activity(end).await?;
        self.teller.tell_outcome(LANDED, 1).await
    }

    /// The same id again. What is left of the first run must not touch the second one.
    pub(super) async fn next_day(&mut self) -> anyhow::Result<()> {
        self.teller.step("The next day the same id starts again, as run 2: \"Scheduled\".");
        let started = self.start().await?;
        let run = started.activity.map(|activity| activity.run);
        if run != Some(2) {
            bail!("the second start made run {run:?}");
        }
        self.teller.tell_outcome("Scheduled", 2).await?;

        self.teller.step("Yesterday's app and yesterday's retry come late; each names run 1.");
        let late = RegisterTokenRequest {
            device_id: IPHONE_17.to_owned(),
            kind: TokenKind::Update.into(),
            token: "ab".repeat(80),
            activity_id: ACTIVITY.to_owned(),
            run: Some(1),
            ..RegisterTokenRequest::default()
        };
        let taken = self.world.devices().register_token(late).await?.into_inner();
        line(&format!("an update token: taken for run {}", taken.run));
        let end = EndActivityRequest {
            activity_id: ACTIVITY.to_owned(),
            run: Some(1),
            ..EndActivityRequest::default()
        };
        let Err(refused) = self.world.activities().end_activity(end).await else {
            bail!("an end that names run 1 was accepted in run 2");
        };
        let reason = refused.get_details_error_info().map(|info| info.reason).unwrap_or_default();
        line(&format!("an end: refused with {reason} ({})", refused.message()));
        line("run 2 goes on");
        Ok(())
    }

    async fn start(&self) -> anyhow::Result<StartActivityResponse> {
        let audience = Audience {
            contact_keys: vec!["ayse".to_owned(), "mehmet".to_owned()],
            ..Audience::default()
        };
        let request = StartActivityRequest {
            activity_id: ACTIVITY.to_owned(),
            activity_type: TYPE.to_owned(),
            attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
            content_state_json: Some(content("Scheduled")),
            audience: Some(audience),
            // In the words of the type's alert.
            fallback: Some(Fallback::default()),
            ..StartActivityRequest::default()
        };
        Ok(self.world.activities().start_activity(request).await?.into_inner())
    }

    async fn update(
        &self,
        status: &str,
        request_id: &str,
        alert: Option<Alert>,
    ) -> anyhow::Result<UpdateActivityResponse> {
        let request = UpdateActivityRequest {
            request_id: request_id.to_owned(),
            activity_id: ACTIVITY.to_owned(),
            content_state_json: Some(content(status)),
            alert,
            ..UpdateActivityRequest::default()
        };
        Ok(self.world.activities().update_activity(request).await?.into_inner())
    }
}

fn content(status: &str) -> String {
    format!("{{\"status\":\"{status}\"}}")
}
