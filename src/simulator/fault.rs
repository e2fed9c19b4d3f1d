//! What goes wrong at APNs and FCM because someone asked for it.
//!
//! May import `proto` and `simulator::hub`. A push meets the first fault that fits it; a hold always ends when its
//! fault is released.

use super::hub::Hub;
use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{Fault, FaultService, FaultStatus, World};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// How many faults are remembered; the oldest released ones are forgotten first.
const FAULTS_MAX: usize = 1_000;

/// All faults.
#[derive(Default)]
pub(crate) struct Faults {
    faults: VecDeque<Set>,
    numbered: i64,
}

struct Set {
    id: i64,
    fault: Fault,
    skipped: i64,
    hits: i64,
    holding: i64,
    released: watch::Sender<bool>,
}

/// Where the event of a push is: for APNs, for Tidings' keys of FCM, for Sendora's.
const EVENTS: [&str; 5] = [
    "/aps/event",
    "/message/data/tidings_event",
    "/message/android/data/tidings_event",
    "/message/data/sendoraLiveActivityEvent",
    "/message/android/data/sendoraLiveActivityEvent",
];

/// What a fault looks at.
pub(crate) struct Candidate<'a> {
    /// Where it arrived.
    pub(crate) service: FaultService,
    /// The device token or registration.
    pub(crate) token: &'a str,
    /// Its phone.
    pub(crate) phone_id: &'a str,
    /// The listener's world.
    pub(crate) world: World,
    /// The payload.
    pub(crate) body: &'a [u8],
    /// What is wanted, where no payload says so.
    pub(crate) wish: Option<&'static str>,
}

/// A fault that a push met.
pub(crate) struct Met {
    /// The fault's number.
    pub(crate) id: i64,
    /// APNs takes the push for the phone first.
    pub(crate) take: bool,
    /// What then happens.
    pub(crate) action: Action,
    /// Turns true when the fault is released.
    pub(crate) released: watch::Receiver<bool>,
}

impl Faults {
    /// Sets a fault and returns its number; none if there are too many.
    pub(crate) fn set(&mut self, fault: Fault) -> Option<i64> {
        if self.faults.len() >= FAULTS_MAX {
            let over = self.faults.iter().position(|set| *set.released.borrow())?;
            self.faults.remove(over);
        }
        self.numbered += 1;
        let released = watch::Sender::new(false);
        let id = self.numbered;
        self.faults.push_back(Set { id, fault, skipped: 0, hits: 0, holding: 0, released });
        Some(id)
    }

    /// Finds the fault that a push meets, and counts it.
    pub(crate) fn meet(&mut self, candidate: &Candidate<'_>) -> Option<Met> {
        if self.faults.is_empty() {
            return None;
        }
        let event = match candidate.wish {
            Some(wish) => wish.to_owned(),
            None => event_of(candidate.body),
        };
        let fits = |set: &mut Set| {
            let fits = set.fits(candidate, &event);
            let passes = fits && set.skipped < set.fault.skip;
            set.skipped += i64::from(passes);
            fits && !passes
        };
        let position = self.faults.iter_mut().position(fits)?;
        let set = self.faults.get_mut(position)?;
        set.hits += 1;
        let action = set.fault.action.clone()?;
        if matches!(action, Action::Hold(_)) {
            set.holding += 1;
        }
        let released = set.released.subscribe();
        Some(Met { id: set.id, take: set.fault.take, action, released })
    }

    /// Notes that a push is not held any more.
    pub(crate) fn let_go(&mut self, id: i64) {
        if let Some(set) = self.faults.iter_mut().find(|set| set.id == id) {
            set.holding -= 1;
        }
    }

    /// Ends a fault, or all of them; false if there is no such fault.
    pub(crate) fn release(&mut self, id: Option<i64>) -> bool {
        let mut found = id.is_none();
        for set in self.faults.iter().filter(|set| id.is_none_or(|id| set.id == id)) {
            set.released.send_replace(true);
            found = true;
        }
        found
    }

    /// A fault as it is now.
    pub(crate) fn status(&self, id: i64) -> Option<FaultStatus> {
        self.faults.iter().find(|set| set.id == id).map(|set| FaultStatus {
            fault_id: set.id,
            fault: Some(set.fault.clone()),
            hits: set.hits,
            holding: set.holding,
            released: *set.released.borrow(),
        })
    }
}

impl Set {
    fn fits(&self, candidate: &Candidate<'_>, event: &str) -> bool {
        let fault = &self.fault;
        !*self.released.borrow()
            && (fault.count == 0 || self.hits < fault.count)
            && (fault.token.is_empty() || fault.token.eq_ignore_ascii_case(candidate.token))
            && (fault.phone_id.is_empty() || fault.phone_id == candidate.phone_id)
            && service(fault) == candidate.service
            && (fault.world() == World::Unspecified || fault.world() == candidate.world)
            && (fault.event.is_empty() || fault.event == event)
    }
}

fn service(fault: &Fault) -> FaultService {
    match fault.service() {
        FaultService::Unspecified => FaultService::Apns,
        service => service,
    }
}

fn event_of(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let event = EVENTS.iter().find_map(|place| body.pointer(place)?.as_str());
    event.unwrap_or_default().to_owned()
}

/// A push that waits for its answer; counted as such until it is dropped, also with its connection.
pub(crate) struct Held {
    hub: Arc<Hub>,
    fault_id: i64,
}

impl Held {
    /// A push that was counted when it met the fault.
    pub(crate) fn new(hub: &Arc<Hub>, fault_id: i64) -> Self {
        Self { hub: Arc::clone(hub), fault_id }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.hub.faults().let_go(self.fault_id);
        self.hub.changed();
    }
}
