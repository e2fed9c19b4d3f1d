//! What comes over a connection about channels, and where each request is recorded.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Broadcasts are recorded apart from pushes; the management
//! of channels leaves no record but the channels.

use super::super::order::{self, BROADCAST_BYTES_MAX, Door, Order, Success};
use super::super::reason::Refusal;
use super::{Arrived, Connection, Log, Taken, text};
use crate::clock::Time;
use crate::proto::simulator_v1::Broadcast;
use crate::simulator::stamp;
use bytes::Bytes;
use http::request::Parts;

impl Connection {
    /// Judges a request about channels.
    pub(super) fn judge_order(&self, parts: &Parts, body: Bytes) -> Arrived {
        let (now, headers) = (self.hub().clock.now(), &parts.headers);
        let (id, _) = order::request_id(headers);
        let verdict = self.verdict_of_order(parts, &body, now);
        let is_managed = self.place.door == Door::Management;
        let log = if is_managed { Log::Nowhere } else { Log::Broadcasts };
        let mut number = 0;
        if log == Log::Broadcasts {
            let path = parts.uri.path();
            number = self.hub().channels().receive(Broadcast {
                world: self.place.world.into(),
                bundle_id: path.rsplit('/').next().unwrap_or_default().to_owned(),
                channel_id: text(headers, "apns-channel-id"),
                request_id: id.clone(),
                push_type: text(headers, "apns-push-type"),
                priority: text(headers, "apns-priority").parse().unwrap_or(0),
                expiration: text(headers, "apns-expiration").parse().unwrap_or(-1),
                body: body.slice(..body.len().min(BROADCAST_BYTES_MAX)).to_vec(),
                receive_time: Some(stamp(now)),
                connection: self.place.number,
                ..Broadcast::default()
            });
        }
        Arrived { log, number, id, body, verdict, success: Success::default() }
    }

    fn verdict_of_order(&self, parts: &Parts, body: &[u8], now: Time) -> Result<Taken, Refusal> {
        let order = Order::read(self.place.door, parts)?;
        self.authorize(&parts.headers, now)?;
        let allowed = self.hub().account().allows(&order.bundle_id);
        let order = order.judge((self.place.world, allowed), &self.hub().channels(), body)?;
        Ok(Taken::Order(order))
    }

    /// Does what is wanted.
    pub(super) fn carry_out(&self, order: &Order, arrived: &Arrived) -> Success {
        let said = (arrived.id.as_str(), &arrived.body);
        let (success, phones) = order.carry_out(self.place.world, said, self.hub());
        if arrived.log == Log::Broadcasts {
            let mut channels = self.hub().channels();
            channels.note(arrived.number, |it| (it.taken, it.phones) = (true, phones));
        }
        success
    }

    /// Notes that a fault changed the fate of a request.
    pub(super) fn note_fault(&self, arrived: &Arrived, fault_id: i64) {
        match arrived.log {
            Log::Pushes => self.hub().record().meet(arrived.number, fault_id),
            Log::Broadcasts => {
                self.hub().channels().note(arrived.number, |it| it.fault_id = fault_id);
            }
            Log::Nowhere => {}
        }
    }

    /// Notes an answer.
    pub(super) fn note_answer(&self, arrived: &Arrived, status: u16, reason: &str) {
        let now = self.hub().clock.now();
        match arrived.log {
            Log::Pushes => self.hub().record().answer(arrived.number, status, reason, now),
            Log::Broadcasts => {
                self.hub().channels().answer(arrived.number, status, reason, now);
            }
            Log::Nowhere => {}
        }
    }
}
