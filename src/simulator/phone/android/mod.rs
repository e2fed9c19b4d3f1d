//! Android: what FCM brings, and what the app on the phone makes of it.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Everything that FCM took leaves something to read: a state
//! on the screen, a notification, or a reason in the log.

mod app;
mod message;
mod parcel;
mod screen;
mod sync;

pub(crate) use parcel::Parcel;

use super::super::fcm::registry::{Entry, new_fid};
use super::super::google::FIRST_PROJECT;
use super::super::hub::Hub;
use super::state::{State, Version};
use super::{Phone, Refusal, invalid};
use crate::proto::simulator_v1::{
    AndroidState, CloseCause, PhoneSpec, Presentation, RotateTokenRequest,
};
use std::sync::Arc;

/// How many activities an app remembers.
const MEMORY_MAX: usize = 1_000;
/// From there on an ongoing notification may be promoted to a Live Update.
/// <https://developer.android.com/develop/ui/views/notifications/live-update>
const FIRST_WITH_LIVE_UPDATES: i32 = 36;
/// What FCM's library needs.
const API_LEVELS: std::ops::RangeInclusive<i32> = 26..=99;

/// What only a phone with Android has.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with one another"
)]
pub(super) struct Android {
    api_level: i32,
    project_id: Arc<str>,
    /// The id of the installation; also the beginning of its registration tokens.
    fid: String,
    registers_fid: bool,
    sendora_keys: bool,
    /// The registration token, or the installation id.
    registration: String,
    /// Messages on their way, while they are kept there.
    held: Option<Vec<Parcel>>,
    /// Messages that FCM keeps until the phone has a network.
    pending: Vec<Parcel>,
    /// FCM had to give up what it kept.
    gave_up: bool,
    deleted_messages: i64,
    /// The person stopped the app by force, so it may have missed something.
    pub(super) was_stopped: bool,
    /// What the app remembers of activities, the oldest first.
    known: Vec<Known>,
}

/// What an app remembers of an activity, also when its process has died.
struct Known {
    activity_id: String,
    run: i64,
    revision: i64,
    over: Option<Over>,
}

/// Why an activity is not shown again in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Dismissed,
    Ended,
}

/// The version of Android that a phone is made with, where its specification is in order.
pub(super) fn check(spec: &PhoneSpec) -> Result<Option<Version>, Refusal> {
    let Some(android) = &spec.android else { return Ok(None) };
    if !API_LEVELS.contains(&android.api_level) {
        return Err(invalid("android.api_level"));
    }
    for (field, given) in [
        ("world", spec.world != 0),
        ("start_budget", spec.start_budget.is_some()),
        ("closed_token_life", spec.closed_token_life.is_some()),
    ] {
        if given {
            return Err(Refusal::Invalid(format!("`{field}` is for a phone of Apple's")));
        }
    }
    if spec.os_version.is_empty() {
        return Ok(Some(release(android.api_level)));
    }
    Version::read(&spec.os_version).map(Some).ok_or_else(|| invalid("os_version"))
}

/// <https://developer.android.com/tools/releases/platforms>
fn release(api_level: i32) -> Version {
    let major = match api_level {
        ..=27 => 8,
        28 => 9,
        29 => 10,
        30 => 11,
        31 | 32 => 12,
        _ => api_level - 20,
    };
    Version(u32::try_from(major).unwrap_or(0), 0)
}

impl Android {
    /// What a new phone has; none for one of Apple's.
    pub(super) fn new(spec: &PhoneSpec) -> Option<Self> {
        let android = spec.android.as_ref()?;
        let project = android.project_id.as_str();
        let project = if project.is_empty() { FIRST_PROJECT } else { project };
        Some(Self {
            api_level: android.api_level,
            project_id: Arc::from(project),
            fid: new_fid(),
            registers_fid: android.installation_id,
            sendora_keys: android.sendora_keys,
            registration: String::new(),
            held: None,
            pending: Vec::new(),
            gave_up: false,
            deleted_messages: 0,
            was_stopped: false,
            known: Vec::new(),
        })
    }

    /// How an activity is shown. Without the person's leave for Live Updates it is an ongoing notification.
    pub(super) fn presentation(&self, promoted: bool) -> Presentation {
        if promoted && self.api_level >= FIRST_WITH_LIVE_UPDATES {
            Presentation::LiveUpdate
        } else {
            Presentation::OngoingNotification
        }
    }

    fn known(&mut self, activity_id: &str) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.activity_id == activity_id)
    }

    /// Remembers the newest run and revision of an activity.
    fn remember(&mut self, activity_id: &str, run: i64, revision: i64) {
        self.known.retain(|known| known.activity_id != activity_id);
        if self.known.len() >= MEMORY_MAX {
            self.known.remove(0);
        }
        let activity_id = activity_id.to_owned();
        self.known.push(Known { activity_id, run, revision, over: None });
    }

    /// Remembers that an activity is not shown again in a run.
    pub(super) fn closed(&mut self, activity_id: &str, run: i64, cause: CloseCause) {
        let over = match cause {
            CloseCause::Person => Over::Dismissed,
            _ => Over::Ended,
        };
        // Sendora's keys tell no run.
        let any_run = self.sendora_keys;
        let known = self.known(activity_id).filter(|known| any_run || known.run == run);
        if let Some(known) = known {
            known.over = Some(known.over.unwrap_or(over));
        }
    }

    pub(super) fn view(&self) -> AndroidState {
        let count = |parcels: &[Parcel]| i32::try_from(parcels.len()).unwrap_or(i32::MAX);
        AndroidState {
            api_level: self.api_level,
            project_id: self.project_id.to_string(),
            registration: self.registration.clone(),
            installation_id: self.registers_fid,
            pending: count(&self.pending),
            held: count(self.held.as_deref().unwrap_or_default()),
            deleted_messages: self.deleted_messages,
        }
    }
}

impl State {
    /// Gets a registration if there is none, and has the app register it.
    pub(super) fn offer_registration(&mut self, hub: &Hub) {
        self.register_install(hub);
        self.register_app(String::new());
    }

    /// Replaces the registration; returns the new one.
    pub(super) fn rotate_registration(
        &mut self,
        request: &RotateTokenRequest,
        hub: &Hub,
    ) -> Result<String, Refusal> {
        let android = self.android.as_mut().ok_or(Refusal::NotFound("such registration"))?;
        if android.registers_fid {
            android.fid = new_fid();
        }
        android.registers_fid |= request.to_installation_id;
        let old = std::mem::take(&mut android.registration);
        if !request.old_stays_accepted {
            hub.google.registry().kill(&old);
        }
        self.register_install(hub);
        self.register_app(if request.name_replaced { old } else { String::new() });
        let android = self.android.as_ref().filter(|android| !android.registration.is_empty());
        Ok(android.ok_or(Refusal::Limit("tokens"))?.registration.clone())
    }

    /// The app is new: FCM knows the old registration no more, and nothing is remembered.
    pub(super) fn forget_install(&mut self, hub: &Hub) {
        let Some(android) = &mut self.android else { return };
        hub.google.registry().kill(&std::mem::take(&mut android.registration));
        android.fid = new_fid();
        android.known.clear();
        android.pending.clear();
        android.gave_up = false;
    }

    fn register_install(&mut self, hub: &Hub) {
        let Some(android) = &mut self.android else { return };
        if !android.registration.is_empty() {
            return;
        }
        let entry = Entry {
            project_id: Arc::clone(&android.project_id),
            package_name: Arc::clone(&self.bundle_id),
            phone_id: Arc::clone(&self.phone_id),
            dead: false,
        };
        let issued = hub.google.registry().issue(entry, &android.fid, android.registers_fid);
        android.registration = issued.unwrap_or_default();
    }
}

impl Phone {
    /// FCM's messages stay on their way from now on.
    pub fn hold_messages(&self) -> Result<(), Refusal> {
        self.act(|state, _, _| {
            state.android_mut()?.held.get_or_insert_default();
            Ok(())
        })
    }
}

impl State {
    fn android_mut(&mut self) -> Result<&mut Android, Refusal> {
        let none = || Refusal::Forbidden("the phone does not run Android".to_owned());
        self.android.as_mut().ok_or_else(none)
    }
}
