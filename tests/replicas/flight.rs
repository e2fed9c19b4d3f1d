//! An activity with its phones, and what was asked of it by one replica or the other.

use crate::random::Random;
use crate::world::{ACTIVITY_TYPE, Client, PATIENCE, World};
use std::time::Duration;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::{
    Alert, Audience, EndActivityRequest, StartActivityRequest, UpdateActivityRequest,
};
use tidings::simulator::Phone;
use tokio::time::Instant;
use tonic::{Code, Status};

/// A call that failed is repeated after this.
const PAUSE: Duration = Duration::from_millis(50);

/// What can be asked of a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    Update,
    End,
}

/// Its content is the number of the newest call, so that a screen tells which call it shows.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: String,
    contact_key: String,
    /// As many calls as were accepted, which is the revision.
    pub(crate) newest: i64,
    /// Calls that failed, and had to be repeated.
    pub(crate) failed: usize,
    /// How long the slowest of those took.
    pub(crate) slowest_failure: Duration,
}

/// People with their phones, who follow one flight after another.
pub(crate) struct Crew {
    pub(crate) contact_key: String,
    pub(crate) phones: Vec<Phone>,
}

impl Crew {
    /// Their apps talk to both replicas.
    pub(crate) async fn gather(world: &World, contact_key: &str, count: usize) -> Self {
        let mut phones = Vec::new();
        for index in 0..count {
            let device_id = format!("{contact_key}-{index}");
            phones.push(world.phone(&device_id, contact_key, index).await);
        }
        Crew { contact_key: contact_key.to_owned(), phones }
    }

    pub(crate) fn flight(&self, number: usize) -> Flight {
        Flight {
            id: format!("{}-{number}", self.contact_key),
            contact_key: self.contact_key.clone(),
            newest: 0,
            failed: 0,
            slowest_failure: Duration::ZERO,
        }
    }
}

impl Flight {
    /// Asks one replica or the other until there is an answer. Each call has one effect: a revision.
    pub(crate) async fn ask(&mut self, clients: &[Client], step: Step, random: &mut Random) {
        let number = self.newest + 1;
        let asked_at = Instant::now();
        let mut client = random.pick(clients).clone();
        loop {
            let began = Instant::now();
            match self.call(&mut client, step, number).await {
                Ok(revision) => {
                    assert_eq!(revision, number, "{}: one call, one revision", self.id);
                    self.newest = number;
                    return;
                }
                Err(status) if is_lost(&status) => {}
                Err(status) => panic!("{step:?} {number} of {} was refused: {status}", self.id),
            }
            self.failed += 1;
            self.slowest_failure = self.slowest_failure.max(began.elapsed());
            assert!(asked_at.elapsed() < PATIENCE, "{step:?} {number} of {}", self.id);
            crate::pass(PAUSE).await;
            client = random.pick(clients).clone();
        }
    }

    async fn call(&self, client: &mut Client, step: Step, number: i64) -> tonic::Result<i64> {
        let (activity_id, request_id) = (self.id.clone(), format!("{}-{number}", self.id));
        let content_state_json = Some(format!(r#"{{"number":{number}}}"#));
        match step {
            Step::Start => {
                let contact_keys = vec![self.contact_key.clone()];
                let alert = Alert {
                    title: "TK1983".to_owned(),
                    body: "Boarding".to_owned(),
                    ..Alert::default()
                };
                let start = StartActivityRequest {
                    request_id,
                    activity_id,
                    activity_type: ACTIVITY_TYPE.to_owned(),
                    attributes_json: Some(r#"{"flight":"TK1983"}"#.to_owned()),
                    content_state_json,
                    audience: Some(Audience { contact_keys, ..Audience::default() }),
                    alert: Some(alert),
                    ..StartActivityRequest::default()
                };
                let answer = client.start_activity(start).await?.into_inner();
                Ok(answer.activity.expect("an activity").revision)
            }
            Step::Update => {
                let update = UpdateActivityRequest {
                    request_id,
                    activity_id,
                    content_state_json,
                    ..UpdateActivityRequest::default()
                };
                Ok(client.update_activity(update).await?.into_inner().revision)
            }
            Step::End => {
                let end = EndActivityRequest {
                    request_id,
                    activity_id,
                    content_state_json,
                    ..EndActivityRequest::default()
                };
                Ok(client.end_activity(end).await?.into_inner().revision)
            }
        }
    }

    /// Its cards on a phone.
    pub(crate) fn cards<'a>(&self, phone: &'a sim::Phone) -> Vec<&'a sim::Card> {
        phone.cards.iter().filter(|card| card.activity_id == self.id).collect()
    }

    /// The newest call is what the phone shows, on one card.
    pub(crate) fn is_shown_by(&self, phone: &sim::Phone) -> bool {
        let cards = self.cards(phone);
        let living: Vec<_> = cards.iter().filter(|card| lives(card)).collect();
        living.len() == 1 && number_of(&living[0].content_json) == self.newest
    }
}

pub(crate) fn lives(card: &sim::Card) -> bool {
    matches!(card.state(), sim::CardState::Active | sim::CardState::Stale)
}

/// Which call a card shows.
pub(crate) fn number_of(content_json: &str) -> i64 {
    let content: serde_json::Value = serde_json::from_str(content_json).expect("JSON");
    content["number"].as_i64().expect("a number")
}

/// No answer came, or none that says what became of the call.
fn is_lost(status: &Status) -> bool {
    use Code::{Aborted, Cancelled, DeadlineExceeded, Internal, Unavailable, Unknown};
    matches!(
        status.code(),
        Aborted | Cancelled | DeadlineExceeded | Internal | Unavailable | Unknown
    )
}
