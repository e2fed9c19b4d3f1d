//! An activity with its phones, and everything that was asked of it, answered or not.

use crate::random::Random;
use crate::segment::Segment;
use crate::world::{ACTIVITY_TYPE, CALLS_MAX, Keyed, World, said_everything, wait};
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::proto::v1::{
    Alert, Audience, AudienceMode, EndActivityRequest, GetActivityRequest, StartActivityRequest,
    Target, UpdateActivityRequest,
};
use tidings::simulator::Phone;
use tokio::time::{MissedTickBehavior, interval};
use tonic::{Code, Status};

/// In so many of a hundred steps somebody joins, who has not yet.
const JOINS: usize = 20;

pub(crate) type Client = LiveActivityServiceClient<Keyed>;

/// What can be asked of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    Update { alerts: bool },
    EndFor(usize),
    End,
}

/// One call. Its content is its number, so that a screen tells which call it shows.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) number: i64,
    pub(crate) step: Step,
    pub(crate) revision: i64,
    request_id: String,
}

/// How a phone comes to its card and its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// By a push, and its app registers the token at once.
    Pushed,
    /// Its app starts the activity itself.
    AppStarted,
    /// By a push, and its app keeps the token back until it is told.
    Late,
    /// By a message, with the one token that its app has for everything.
    Android,
    /// By a push, once it has joined the segment that the flight follows.
    Joiner,
}

pub(crate) struct Traveller {
    pub(crate) phone: Phone,
    pub(crate) role: Role,
    /// The number of the end that was for this phone alone.
    pub(crate) ended: Option<i64>,
}

pub(crate) struct Flight {
    pub(crate) id: String,
    pub(crate) contact_key: String,
    pub(crate) travellers: Vec<Traveller>,
    /// The audience, where it is live: instead of the contact.
    pub(crate) segment: Option<Segment>,
    /// Accepted, in the order of their revisions.
    pub(crate) accepted: Vec<Asked>,
    /// Sent, and not answered.
    unanswered: Option<Asked>,
    /// The revision before the first call: that of the app's own start.
    revision_before: i64,
    numbers: i64,
}

impl Flight {
    /// Nothing is asked yet.
    pub(crate) fn new(id: &str, contact_key: &str, travellers: Vec<Traveller>) -> Self {
        Flight {
            id: id.to_owned(),
            contact_key: contact_key.to_owned(),
            travellers,
            segment: None,
            accepted: Vec::new(),
            unanswered: None,
            revision_before: 0,
            numbers: 0,
        }
    }

    /// A flight with phones of its own that have said everything.
    pub(crate) async fn board(world: &World, id: &str, random: &mut Random) -> Self {
        let mut roles = vec![Role::Pushed, Role::Pushed, Role::Late, Role::Android];
        let joiner = format!("{id}-joiner");
        let is_live = random.chance(50);
        if is_live {
            roles.push(Role::Joiner);
        }
        if random.chance(40) {
            roles.push(Role::AppStarted);
        }
        if random.chance(50) {
            roles.push(Role::Pushed);
        }
        let mut travellers = Vec::new();
        for (index, role) in roles.into_iter().enumerate() {
            let os_version = (*random.pick(&["17.4", "18.2"])).to_owned();
            let contact_key = if role == Role::Joiner { &joiner } else { id };
            let android = sim::AndroidSpec { api_level: 36, ..sim::AndroidSpec::default() };
            let is_android = role == Role::Android;
            let phone = world.phone_with(sim::PhoneSpec {
                device_id: format!("{id}-{index}"),
                os_version: if is_android { String::new() } else { os_version },
                contact_key: Some(contact_key.to_owned()),
                hold_tokens: role == Role::Late,
                android: is_android.then_some(android),
                ..sim::PhoneSpec::default()
            });
            travellers.push(Traveller { phone, role, ended: None });
        }
        for traveller in &travellers {
            said_everything(&traveller.phone).await;
        }
        let mut flight = Flight::new(id, id, travellers);
        if is_live {
            flight.segment = Some(Segment::with(world, id, &joiner).await);
        }
        flight.app_starts(&mut world.activities()).await;
        flight
    }

    async fn app_starts(&mut self, client: &mut Client) {
        let is_app = |traveller: &&Traveller| traveller.role == Role::AppStarted;
        let Some(traveller) = self.travellers.iter().find(is_app) else { return };
        let start = sim::StartActivityRequest {
            activity_type: ACTIVITY_TYPE.to_owned(),
            attributes_json: format!(r#"{{"flight":"TK1983","activityId":"{}"}}"#, self.id),
            content_json: content(0),
            ..sim::StartActivityRequest::default()
        };
        traveller.phone.start_activity(&start).expect("a card");
        said_everything(&traveller.phone).await;
        self.revision_before = self.revision(client).await;
    }

    /// The revision that the server says the activity has.
    pub(crate) async fn revision(&self, client: &mut Client) -> i64 {
        let request = GetActivityRequest { activity_id: self.id.clone() };
        let answer = client.get_activity(request).await.expect("an activity").into_inner();
        answer.activity.expect("an activity").revision
    }

    /// Asks; false where no answer came.
    pub(crate) async fn ask(&mut self, client: &mut Client, step: Step) -> bool {
        self.numbers += 1;
        let number = self.numbers;
        let request_id = format!("{}-{number}", self.id);
        let asked = Asked { number, step, revision: 0, request_id };
        self.unanswered = Some(asked.clone());
        match self.call(client, &asked).await {
            Ok((revision, replayed)) => {
                assert!(!replayed, "{} was asked for the first time", asked.request_id);
                self.take(revision);
                true
            }
            Err(status) if is_lost(&status) => false,
            Err(status) => panic!("{asked:?} was refused: {status}"),
        }
    }

    /// Asks until there is an answer.
    pub(crate) async fn ask_surely(&mut self, client: &mut Client, step: Step) {
        if !self.ask(client, step).await {
            self.ask_again(client).await;
        }
    }

    /// Asks again what was not answered: it has its effect once, whether it had it before or not.
    pub(crate) async fn ask_again(&mut self, client: &mut Client) {
        let Some(asked) = self.unanswered.clone() else { return };
        let (revision, _) = self.call_surely(client, &asked).await;
        self.take(revision);
    }

    /// Calls until there is an answer, for a busy server may take longer than it gives a call.
    async fn call_surely(&self, client: &mut Client, asked: &Asked) -> (i64, bool) {
        for _ in 0..CALLS_MAX {
            match self.call(client, asked).await {
                Ok(answer) => return answer,
                Err(status) if is_lost(&status) => {}
                Err(status) => panic!("{asked:?} was refused when asked again: {status}"),
            }
        }
        panic!("{asked:?} was not answered {CALLS_MAX} times");
    }

    /// Asks something again that was answered before: the same answer, and no effect.
    pub(crate) async fn repeat_any(&self, client: &mut Client, random: &mut Random) {
        if self.accepted.is_empty() {
            return;
        }
        let asked = random.pick(&self.accepted);
        let answer = self.call_surely(client, asked).await;
        assert_eq!(answer, (asked.revision, true), "{asked:?} repeated");
        let revision = self.revision(client).await;
        assert_eq!(revision, self.newest_revision(), "{asked:?} had a second effect");
    }

    fn take(&mut self, revision: i64) {
        let asked = self.unanswered.take().expect("an answer to a question");
        assert_eq!(revision, self.newest_revision() + 1, "{asked:?} has one effect: a revision");
        if let Step::EndFor(index) = asked.step {
            self.travellers[index].ended.get_or_insert(asked.number);
        }
        self.accepted.push(Asked { revision, ..asked });
    }

    /// Asks one thing after another until the end, if it may end, or until no answer comes.
    pub(crate) async fn travel(&mut self, client: &mut Client, random: &mut Random, ends: bool) {
        let pace = Duration::from_millis(20 + u64::try_from(random.below(200)).expect("small"));
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !self.is_over() {
            ticks.tick().await;
            let joins = random.chance(JOINS) && !self.accepted.is_empty();
            if let Some(segment) = self.segment.as_mut().filter(|_| joins)
                && !segment.join().await
            {
                return;
            }
            let step = self.choose(random, ends);
            if !self.ask(client, step).await {
                return;
            }
        }
    }

    fn choose(&self, random: &mut Random, ends: bool) -> Step {
        if self.accepted.is_empty() {
            return Step::Start;
        }
        let index = random.below(self.travellers.len());
        match random.below(100) {
            0..2 if ends => Step::End,
            2..6 if ends && self.travellers[index].ended.is_none() => Step::EndFor(index),
            6..30 => Step::Update { alerts: true },
            _ => Step::Update { alerts: false },
        }
    }

    async fn call(&self, client: &mut Client, asked: &Asked) -> tonic::Result<(i64, bool)> {
        let (request_id, activity_id) = (asked.request_id.clone(), self.id.clone());
        let content_state_json = Some(content(asked.number));
        let alert = |alerts: bool| {
            let (title, body) = ("TK1983".to_owned(), format!("State {}", asked.number));
            alerts.then(|| Alert { title, body, ..Alert::default() })
        };
        let target = match asked.step {
            Step::EndFor(index) => {
                let device_ids = vec![self.travellers[index].phone.id()];
                Some(Target { device_ids, ..Target::default() })
            }
            _ => None,
        };
        match asked.step {
            Step::Start => {
                let (audience, mode) = self.audience();
                let start = StartActivityRequest {
                    request_id,
                    activity_id,
                    activity_type: ACTIVITY_TYPE.to_owned(),
                    attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
                    content_state_json,
                    audience: Some(audience),
                    audience_mode: mode.into(),
                    alert: alert(true),
                    ..StartActivityRequest::default()
                };
                let answer = client.start_activity(start).await?.into_inner();
                Ok((answer.activity.expect("an activity").revision, answer.replayed))
            }
            Step::Update { alerts } => {
                let alert = alert(alerts);
                let update = UpdateActivityRequest {
                    request_id,
                    activity_id,
                    content_state_json,
                    alert,
                    ..UpdateActivityRequest::default()
                };
                let answer = client.update_activity(update).await?.into_inner();
                Ok((answer.revision, answer.replayed))
            }
            Step::EndFor(_) | Step::End => {
                let end = EndActivityRequest {
                    request_id,
                    activity_id,
                    content_state_json,
                    target,
                    ..EndActivityRequest::default()
                };
                let answer = client.end_activity(end).await?.into_inner();
                Ok((answer.revision, answer.replayed))
            }
        }
    }

    fn audience(&self) -> (Audience, AudienceMode) {
        let Some(segment) = &self.segment else {
            let contact_keys = vec![self.contact_key.clone()];
            return (Audience { contact_keys, ..Audience::default() }, AudienceMode::Fixed);
        };
        let segment_id = segment.id.clone();
        (Audience { segment_id, ..Audience::default() }, AudienceMode::Live)
    }

    /// The phone belongs to the flight by now, and was not ended for itself.
    pub(crate) fn is_aboard(&self, traveller: &Traveller) -> bool {
        let joined = self.segment.as_ref().is_some_and(|segment| segment.joined);
        traveller.ended.is_none() && (traveller.role != Role::Joiner || joined)
    }

    /// The end for everyone was accepted.
    pub(crate) fn is_over(&self) -> bool {
        self.accepted.last().is_some_and(|asked| asked.step == Step::End)
    }

    /// The revision of what was accepted last.
    pub(crate) fn newest_revision(&self) -> i64 {
        self.accepted.last().map_or(self.revision_before, |asked| asked.revision)
    }

    /// What a phone should show: the number of its own end, or of what was accepted last for everyone.
    pub(crate) fn wanted(&self, traveller: &Traveller) -> i64 {
        let mut everyone = self.accepted.iter().rev();
        let newest = everyone.find(|asked| !matches!(asked.step, Step::EndFor(_)));
        traveller.ended.or(newest.map(|asked| asked.number)).unwrap_or(0)
    }

    /// Waits until every phone has a card, except those that have ended.
    pub(crate) async fn all_have_cards(&self) {
        for traveller in self.travellers.iter().filter(|traveller| self.is_aboard(traveller)) {
            wait(&traveller.phone, "shows the activity", |phone| {
                phone.cards.iter().any(|card| card.activity_id == self.id)
            })
            .await;
        }
    }
}

/// What a card of this call shows.
pub(crate) fn content(number: i64) -> String {
    format!(r#"{{"number":{number}}}"#)
}

/// Which call a card shows.
pub(crate) fn number_of(content_json: &str) -> i64 {
    let content: serde_json::Value = serde_json::from_str(content_json).expect("JSON");
    content["number"].as_i64().expect("a number")
}

/// No answer came, so that nobody knows what became of the call.
pub(crate) fn is_lost(status: &Status) -> bool {
    use Code::{Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
    matches!(status.code(), Cancelled | DeadlineExceeded | Internal | Unavailable | Unknown)
}
