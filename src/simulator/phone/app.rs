//! The app on a phone: it registers its device and tokens with Tidings and says what became of its cards.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Calls go out one after another; one that fails for a
//! passing reason is repeated with the same `request_id` until it is answered or too old.

use super::super::hub::Hub;
use super::super::stamp;
use super::Phone;
use super::card::Closing;
use super::client::{Answer, Client, Message, Taken, passes};
use super::state::State;
use crate::clock::Time;
use crate::proto::simulator_v1::{AppCall, CardState, CloseCause, TokenProgress, World};
use crate::proto::v1::{
    ApnsEnvironment, FormFactor, Platform, RegisterDeviceRequest, RegisterTokenRequest,
    ReportActivityStateRequest, ReportedState, TokenKind, TokenResult,
};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Code;
use uuid::Uuid;

const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What an app wants to say. What exactly is read from the phone when it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The device, as it is.
    Device,
    /// The token of one of Apple's phones for ordinary notifications.
    DeviceToken,
    /// The registration of an app on Android.
    Registration { replaces: String },
    /// All that the app knows, to learn what it has missed.
    Sync,
    /// A push-to-start token.
    StartToken { attributes_type: String, replaces: String },
    /// The update token of a card.
    CardToken { card_id: String, replaces: String },
    /// What became of a card.
    Report { card_id: String, state: ReportedState },
}

/// Makes a phone's calls until the simulator shuts down.
pub(super) async fn run(phone: Phone, mut calls: mpsc::Receiver<Call>, client: Option<Client>) {
    let Some(mut client) = client else { return };
    let shutdown = phone.shared.hub.shutdown.clone();
    let work = async {
        while let Some(call) = calls.recv().await {
            make(&phone, &mut client, call).await;
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}

async fn make(phone: &Phone, client: &mut Client, call: Call) {
    let mut attempts = 0;
    let mut answer: Option<Answer> = None;
    phone.connected().await;
    if let Some(message) = phone.act(|state, _, _| state.message(&call)) {
        let began = tokio::time::Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            phone.connected().await;
            attempts += 1;
            let tried = client.send(&message).await;
            let again = tried.as_ref().err().is_some_and(passes);
            answer = Some(tried);
            if !again || began.elapsed() + pause > phone.shared.hub.config.call_retry_for {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
    phone.act(|state, now, hub| {
        state.calls_waiting -= 1;
        if let Some(answer) = answer {
            state.settle(&call, &answer, attempts, (now, hub));
        }
    });
}

impl Phone {
    /// Waits until the phone has a network.
    async fn connected(&self) {
        let mut changes = self.changes();
        while !self.look(|state| (false, state.online)).1 && changes.changed().await.is_ok() {}
    }
}

impl State {
    /// The words of a call; none where the app does not run any more or there is nothing to say.
    fn message(&mut self, call: &Call) -> Option<Message> {
        if !self.running {
            if let Call::CardToken { card_id, .. } = call {
                self.card(card_id)?.set_progress(TokenProgress::Held);
            }
            return None;
        }
        match call {
            Call::Device => Some(Message::Device(Box::new(self.device()))),
            Call::DeviceToken => Some(self.device_token()),
            Call::Sync => Some(Message::Sync(Box::new(self.all_known()))),
            Call::Registration { replaces } => self.registration(replaces).map(token),
            Call::StartToken { attributes_type, replaces } => {
                self.start_token(attributes_type, replaces)
            }
            Call::CardToken { card_id, .. } if self.android.is_some() => {
                self.introduction(card_id).map(token)
            }
            Call::CardToken { card_id, replaces } => self.card_token(card_id, replaces),
            Call::Report { card_id, state } => {
                let device_id = self.spec.device_id.clone();
                let card = self.card(card_id)?;
                let (seen, device_activity_id) = (&card.seen, card.name_of_the_app());
                // Without an id there is nothing that Tidings could find it by.
                (!seen.activity_id.is_empty()).then(|| {
                    Message::Report(Box::new(ReportActivityStateRequest {
                        request_id: request_id(),
                        device_id,
                        activity_id: seen.activity_id.clone(),
                        run: (seen.run > 0).then_some(seen.run),
                        device_activity_id,
                        state: (*state).into(),
                    }))
                })
            }
        }
    }

    fn environment(&self) -> i32 {
        match self.world() {
            World::Production => ApnsEnvironment::Production.into(),
            World::Sandbox | World::Unspecified => ApnsEnvironment::Sandbox.into(),
        }
    }

    fn device(&self) -> RegisterDeviceRequest {
        use crate::proto::simulator_v1::FormFactor as Kind;
        let spec = &self.spec;
        let form_factor = match spec.form_factor() {
            Kind::Tablet => FormFactor::Tablet,
            Kind::Phone | Kind::Unspecified => FormFactor::Phone,
        };
        let (platform, manufacturer, environment) = match &self.android {
            Some(_) => (Platform::Android, "Google", ApnsEnvironment::Unspecified.into()),
            None => (Platform::Ios, "Apple", self.environment()),
        };
        RegisterDeviceRequest {
            request_id: request_id(),
            device_id: spec.device_id.clone(),
            app_id: spec.app_id.clone(),
            contact_key: spec.contact_key.clone(),
            platform: platform.into(),
            form_factor: form_factor.into(),
            os_version: spec.os_version.clone(),
            manufacturer: Some(manufacturer.to_owned()),
            environment,
            activities_enabled: self.android.is_none().then_some(self.enabled),
            notifications_permission: self
                .asked_for_notifications
                .then_some(self.notifications_enabled),
            ..RegisterDeviceRequest::default()
        }
    }

    fn device_token(&self) -> Message {
        token(RegisterTokenRequest {
            request_id: request_id(),
            device_id: self.spec.device_id.clone(),
            kind: TokenKind::ApnsDevice.into(),
            token: self.device_token.clone(),
            environment: self.environment(),
            ..RegisterTokenRequest::default()
        })
    }

    fn start_token(&self, attributes_type: &str, replaces: &str) -> Option<Message> {
        let mut tokens = self.start_tokens.iter();
        let known = tokens.find(|known| known.attributes_type == attributes_type)?;
        let template = self.template_of(attributes_type)?;
        Some(token(RegisterTokenRequest {
            request_id: request_id(),
            device_id: self.spec.device_id.clone(),
            kind: TokenKind::PushToStart.into(),
            token: known.token.clone(),
            environment: self.environment(),
            replaces: replaces.to_owned(),
            activity_type: template.activity_type.clone(),
            ..RegisterTokenRequest::default()
        }))
    }

    fn card_token(&mut self, card_id: &str, replaces: &str) -> Option<Message> {
        let (device_id, environment) = (self.spec.device_id.clone(), self.environment());
        let card = self.card(card_id)?;
        let seen = &card.seen;
        let introduces = seen.started_by_app && !card.known;
        let content = &seen.content_json;
        Some(token(RegisterTokenRequest {
            request_id: request_id(),
            device_id,
            kind: TokenKind::Update.into(),
            token: seen.update_token.clone(),
            environment,
            token_time: Some(stamp(card.token_at)),
            replaces: replaces.to_owned(),
            activity_type: seen.activity_type.clone(),
            activity_id: seen.activity_id.clone(),
            run: (seen.run > 0).then_some(seen.run),
            device_activity_id: card_id.to_owned(),
            attributes_json: introduces.then(|| seen.attributes_json.clone()),
            content_state_json: introduces.then(|| content.clone()),
            ..RegisterTokenRequest::default()
        }))
    }

    /// Takes note of an answer, and obeys it.
    fn settle(&mut self, call: &Call, answer: &Answer, attempts: i32, (now, hub): (Time, &Hub)) {
        let (method, card_id) = match call {
            Call::Device => ("RegisterDevice", ""),
            Call::Sync => ("SyncDevice", ""),
            Call::StartToken { .. } | Call::DeviceToken | Call::Registration { .. } => {
                ("RegisterToken", "")
            }
            Call::CardToken { card_id, .. } => ("RegisterToken", card_id.as_str()),
            Call::Report { card_id, .. } => ("ReportActivityState", card_id.as_str()),
        };
        let (code, detail) = match answer {
            Ok(Taken::Token(token)) => (Code::Ok, token.result().as_str_name().to_owned()),
            Ok(Taken::Noted | Taken::Synced(_)) => (Code::Ok, String::new()),
            Err(status) => (status.code(), status.message().to_owned()),
        };
        let time = Some(stamp(now));
        let (method, card_id) = (method.to_owned(), card_id.to_owned());
        self.note_call(AppCall { time, method, card_id, code: code.into(), detail, attempts });
        match (call, answer) {
            (Call::CardToken { card_id, .. }, _) => self.settle_card(card_id, answer, (now, hub)),
            (Call::Sync, Ok(Taken::Synced(answer))) => self.obey(answer, (now, hub)),
            _ => {}
        }
    }

    fn settle_card(&mut self, card_id: &str, answer: &Answer, (now, hub): (Time, &Hub)) {
        let Some(card) = self.card(card_id) else { return };
        let Ok(Taken::Token(taken)) = answer else {
            return card.seen.set_token_progress(TokenProgress::Failed);
        };
        card.seen.set_token_progress(TokenProgress::Registered);
        card.known = true;
        if card.seen.activity_id.is_empty() {
            card.seen.activity_id.clone_from(&taken.activity_id);
        }
        if card.seen.run == 0 {
            card.seen.run = taken.run;
        }
        let is_over = taken.result() == TokenResult::CardEnded && card.lives();
        self.named(card_id);
        if is_over {
            let (cause, state) = (CloseCause::App, CardState::Ended);
            self.close(card_id, &Closing { cause, state, gone_at: now }, now, hub);
        }
    }
}

fn token(request: RegisterTokenRequest) -> Message {
    Message::Token(Box::new(request))
}

pub(super) fn request_id() -> String {
    Uuid::new_v4().to_string()
}
