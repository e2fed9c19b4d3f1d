//! Phones: what a screen shows, what the app tells Tidings, and what the person does. A phone takes a push with a newer
//! stamp for a card that is open, and opens a card for every start that it takes.

use crate::caller::{Asked, TYPE, content};
use crate::check::carries_alert;
use crate::world::{Card, Owner, World};
use anyhow::{Context, Result, ensure};
use tidings::clock::Time;
use tidings::domain::device::{FormFactor, OsVersion};
use tidings::domain::ids::TokenId;
use tidings::domain::plan::Kind;
use tidings::domain::platform::Platform;
use tidings::domain::register::TokenResult;
use tidings::domain::revision::Run;
use tidings::domain::subscription::ReportedState;
use tidings::domain::token::TokenKind;
use tidings::error::Reason;
use tidings::secrets::Sealed;
use tidings::service::devices::{self, DeviceAsked, ReportAsked};
use tidings::service::tokens::{self, TokenAsked};

impl World<'_> {
    /// One copy of a push reaches its phone.
    pub(crate) fn take(&mut self, push: usize) -> Result<()> {
        let push = &mut self.pushes[push];
        match push.copies.checked_sub(1) {
            Some(left) => push.copies = left,
            None => push.early = true,
        }
        let (device, run, sent) = (push.device, push.run, push.made.sent.clone());
        let plan = sent.plan;
        if plan.kind == Kind::Fallback {
            return Ok(());
        }
        if plan.kind == Kind::Start {
            let card = self.new_card(device, Some(run));
            self.cards.push(Card { revision: plan.revision, stamp: sent.stamp, ..card });
            return self.history.alert_shown(device, plan.alert);
        }
        let owner = plan.token.and_then(|token| self.tokens.get(&token));
        let Some(Owner::Card(index, _)) = owner.copied() else { return Ok(()) };
        let now = self.clock.now();
        let says_ended = self.random.percent(50);
        let card = &mut self.cards[index];
        if !card.open || sent.stamp <= card.stamp {
            return Ok(());
        }
        if plan.kind != Kind::CloseSecond {
            ensure!(card.run == Some(run), "S1 content of another run");
            ensure!(card.revision <= plan.revision, "S1 a lower revision after a higher one");
            (card.revision, card.stamp) = (plan.revision, sent.stamp);
        }
        if plan.kind != Kind::Update {
            (card.open, card.closed_at) = (false, now);
            card.to_say = says_ended.then_some(ReportedState::Ended);
        }
        if carries_alert(plan.kind) { self.history.alert_shown(device, plan.alert) } else { Ok(()) }
    }

    fn new_card(&self, device: usize, run: Option<Run>) -> Card {
        Card {
            device,
            run,
            revision: 0,
            stamp: 0,
            rotation: 0,
            reported: None,
            token_time: self.now(),
            open: true,
            closed_at: Time(0),
            to_say: None,
            said_active: false,
        }
    }

    /// The person opens the activity in the app, without a push.
    pub(crate) fn open_by_app(&mut self, device: usize) {
        let card = self.new_card(device, None);
        self.cards.push(card);
    }

    pub(crate) fn rotate(&mut self, card: usize) {
        self.budget.rotations -= 1;
        let now = self.now();
        let card = &mut self.cards[card];
        (card.rotation, card.token_time) = (card.rotation + 1, now);
    }

    pub(crate) fn rotate_start(&mut self, device: usize) {
        self.budget.rotations -= 1;
        let now = self.now();
        let device = &mut self.devices[device];
        device.start_rotated_at = now;
        if let Some((number, _)) = &mut device.start_token {
            *number += 1;
        }
    }

    pub(crate) fn dismiss(&mut self, card: usize) {
        self.budget.dismissals -= 1;
        let now = self.now();
        let card = &mut self.cards[card];
        (card.open, card.closed_at, card.to_say) = (false, now, Some(ReportedState::Dismissed));
    }

    /// The app says what became of a card.
    pub(crate) async fn say(&mut self, index: usize) -> Result<()> {
        self.has_written = true;
        let card_id = self.card_id(index);
        let card = &mut self.cards[index];
        let said = card.to_say.take().unwrap_or(ReportedState::Active);
        card.said_active = true;
        // What was never registered, Tidings does not know.
        let Some(run) = card.run else { return Ok(()) };
        let asked = ReportAsked {
            device_id: self.devices[card.device].id.clone(),
            activity_id: self.activity_id(),
            run: Some(run),
            device_activity_id: Some(card_id),
            state: said,
        };
        devices::report(&self.service, &self.call("Report", String::new()), asked).await?;
        Ok(())
    }

    /// The app registers the card's newest token.
    pub(crate) async fn report_token(&mut self, index: usize) -> Result<()> {
        self.has_written = true;
        let card = &self.cards[index];
        let (device, rotation, first) = (card.device, card.rotation, card.reported.is_none());
        let by_app = card.run.is_none();
        let named = card.run.filter(|_| self.names_run || !first);
        let mut asked = self.token(device, TokenKind::Update, (index, rotation));
        asked.activity_id = self.activity_id();
        asked.token_time = Some(card.token_time);
        asked.device_activity_id = Some(self.card_id(index));
        asked.run = named;
        if by_app {
            TYPE.clone_into(&mut asked.activity_type);
            (asked.attributes, asked.content) = (Some(content()), Some(content()));
        }
        self.tokens.insert(asked.id, Owner::Card(index, rotation));
        self.cards[index].reported = Some(rotation);
        let call = self.call("Token", String::new());
        let mut registered = tokens::register(&self.service, &call, asked.clone()).await;
        if registered.as_ref().is_err_and(|error| error.reason == Reason::RunRequired) {
            asked.run = self.cards[index].run;
            registered = tokens::register(&self.service, &call, asked).await;
        }
        let registered = match registered {
            Ok(registered) => registered.answer,
            Err(error) if by_app && is_too_late(error.reason) => {
                self.end_by_app(index);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.note(&format!("     {:?}", registered.result));
        if registered.result == TokenResult::CardEnded {
            self.end_by_app(index);
        }
        let seen = registered.subscription.context("an update token has a subscription")?;
        let row = seen.subscription;
        self.key = Some(row.place.activity);
        if by_app {
            self.joined(index, row.place.run).await?;
        }
        let taken = (registered.result, by_app);
        self.history.token_taken(&self.rows, &row, taken, self.cards[index].token_time);
        Ok(())
    }

    /// Tidings says where the app's own card belongs; perhaps it is a run of its own.
    async fn joined(&mut self, index: usize, run: Run) -> Result<()> {
        self.cards[index].run = Some(run);
        let rows = self.read().await?;
        let revision = rows.activity.map_or(0, |activity| activity.revision);
        if self.caller.asked.iter().all(|asked| asked.run < run) {
            self.cards[index].revision = revision;
            self.note(&format!("     the app began run {run} with revision {revision}"));
            self.caller.asked.push(Asked { revision, run, ends: false, target: None });
        }
        Ok(())
    }

    fn end_by_app(&mut self, card: usize) {
        let now = self.now();
        let card = &mut self.cards[card];
        (card.open, card.closed_at) = (false, now);
    }

    /// The app registers its newest push-to-start token.
    pub(crate) async fn report_start_token(&mut self, device: usize) -> Result<()> {
        self.has_written = true;
        let Some((number, reported)) = &mut self.devices[device].start_token else { return Ok(()) };
        *reported = Some(*number);
        let number = *number;
        let mut asked = self.token(device, TokenKind::PushToStart, (device, number));
        TYPE.clone_into(&mut asked.activity_type);
        asked.token_time = Some(self.devices[device].start_rotated_at);
        self.tokens.insert(asked.id, Owner::Start(device, number));
        tokens::register(&self.service, &self.call("Token", String::new()), asked).await?;
        Ok(())
    }

    /// The app registers the token for ordinary notifications.
    pub(crate) async fn report_notification_token(&mut self, device: usize) -> Result<()> {
        let asked = self.token(device, TokenKind::ApnsDevice, (device, 0));
        self.tokens.insert(asked.id, Owner::Notifications);
        tokens::register(&self.service, &self.call("Token", String::new()), asked).await?;
        Ok(())
    }

    fn token(&self, device: usize, kind: TokenKind, (card, number): (usize, u8)) -> TokenAsked {
        let mut fingerprint = [number; 32];
        let place = (self.seed, self.history.attempt, kind, card);
        fingerprint[..8].copy_from_slice(&place.0.to_be_bytes());
        fingerprint[8..16].copy_from_slice(&place.1.to_be_bytes());
        fingerprint[16] = u8::from(place.2 == TokenKind::Update);
        fingerprint[17] = u8::try_from(place.3).unwrap_or(u8::MAX);
        TokenAsked {
            id: TokenId::generate(),
            device_id: self.devices[device].id.clone(),
            kind,
            fingerprint,
            sealed: Sealed { key_id: "none".to_owned(), bytes: vec![number] },
            environment: None,
            token_time: None,
            replaces: None,
            activity_type: String::new(),
            activity_id: String::new(),
            run: None,
            device_activity_id: None,
            attributes: None,
            content: None,
            external_id: String::new(),
        }
    }

    /// The app registers its install, perhaps for another person.
    pub(crate) async fn register_device(&mut self, device: usize, contact: String) -> Result<()> {
        self.has_written = true;
        let asked = DeviceAsked {
            device_id: self.devices[device].id.clone(),
            app: self.database.app,
            contact_key: Some(contact.clone()),
            platform: Platform::Ios,
            form_factor: Some(FormFactor::Phone),
            os_version: OsVersion {
                major: self.devices[device].os.0,
                minor: self.devices[device].os.1,
            },
            environment: None,
            activities_enabled: None,
            frequent_pushes_enabled: None,
            notifications_permission: None,
            app_version: None,
            sdk_version: None,
            manufacturer: None,
            model: None,
            locale: None,
        };
        let call = self.call("Device", String::new());
        let registered = devices::register(&self.service, &call, asked).await?;
        self.devices[device].key = registered.answer.0.key;
        self.devices[device].contact = contact;
        Ok(())
    }
}

/// The app started a card for something that is over, or not for this person: it ends it.
fn is_too_late(reason: Reason) -> bool {
    matches!(reason, Reason::ActivityEnded | Reason::JoinNotAllowed)
}
