//! What the providers were asked for.

use crate::flight::{Flight, Traveller};
use crate::world::World;
use serde_json::Value;
use tidings::proto::simulator_v1 as sim;

/// All pushes and messages that were sent.
pub(crate) struct Sent {
    pushes: Vec<sim::Push>,
    messages: Vec<sim::FcmSend>,
}

/// A start that a provider was asked for.
#[derive(Debug)]
pub(crate) struct Begun {
    /// It was taken for the phone, whatever was answered.
    pub(crate) taken: bool,
    /// When it came, in seconds.
    pub(crate) received: i64,
}

impl Sent {
    pub(crate) fn read(world: &World) -> Self {
        let mut sent = Sent { pushes: Vec::new(), messages: Vec::new() };
        loop {
            let after_number = sent.pushes.last().map_or(0, |push| push.number);
            let page = sim::ListPushesRequest { after_number, ..sim::ListPushesRequest::default() };
            let page = world.simulator.pushes(&page);
            if page.is_empty() {
                break;
            }
            sent.pushes.extend(page);
        }
        loop {
            let after_number = sent.messages.last().map_or(0, |message| message.number);
            let page =
                sim::ListFcmSendsRequest { after_number, ..sim::ListFcmSendsRequest::default() };
            let page = world.simulator.fcm_sends(&page);
            if page.is_empty() {
                return sent;
            }
            sent.messages.extend(page);
        }
    }
}

/// The starts of an activity on a phone, in order.
pub(crate) fn starts_of(flight: &Flight, traveller: &Traveller, sent: &Sent) -> Vec<Begun> {
    let id = traveller.phone.id();
    let received = |time: Option<prost_types::Timestamp>| time.expect("a time").seconds;
    let pushes = sent.pushes.iter().filter(|push| push.phone_id == id);
    let pushes = pushes.filter(|push| {
        let body: Value = serde_json::from_slice(&push.body).expect("JSON");
        let attribute = body.pointer("/aps/attributes/activityId");
        body["aps"]["event"] == "start" && attribute.is_some_and(|id| *id == flight.id)
    });
    let pushes =
        pushes.map(|push| Begun { taken: push.taken, received: received(push.receive_time) });
    let messages = sent.messages.iter().filter(|message| message.phone_id == id);
    let messages = messages.filter(|message| {
        let body: Value = serde_json::from_slice(&message.body).expect("JSON");
        let data = &body["message"]["data"];
        data["tidings_event"] == "start" && data["tidings_activity_id"] == flight.id.as_str()
    });
    let messages =
        messages.map(|one| Begun { taken: one.taken, received: received(one.receive_time) });
    pushes.chain(messages).collect()
}
