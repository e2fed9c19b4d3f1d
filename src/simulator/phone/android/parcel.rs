//! The way of a message from FCM to a phone: kept while there is no network, given up when there are too many.
//! <https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types>
//! <https://firebase.google.com/docs/cloud-messaging/android/receive>
//!
//! May import `clock`, `proto` and the rest of `simulator`. FCM has answered 200 before any of this.

use super::super::super::fcm::Message;
use super::super::super::hub::Hub;
use super::super::state::State;
use super::super::{Phone, Refusal};
use super::message;
use crate::clock::Time;
use crate::proto::simulator_v1::{Drop, DropReason, ReleaseMessagesRequest};

/// How many messages without a collapse key FCM keeps for an app.
const PENDING_MAX: usize = 100;
/// For how many collapse keys FCM keeps a message.
const COLLAPSE_KEYS_MAX: usize = 4;
/// How many messages may be on their way.
const HELD_MAX: usize = 10_000;

/// A message that FCM took for a phone.
#[derive(Clone)]
pub(crate) struct Parcel {
    /// FCM's id.
    pub(crate) id: String,
    /// When FCM took it.
    pub(crate) sent_at: Time,
    pub(crate) message: Message,
}

impl Parcel {
    /// Only the newest of those with the same key is kept. One with a notification has the app's own if it says none.
    fn collapse_key(&self) -> Option<&str> {
        let default = self.message.notice.as_ref().map(|_| "");
        self.message.collapse_key.as_deref().or(default)
    }
}

impl Phone {
    /// Takes a message from FCM, or has FCM keep it.
    pub(crate) fn deliver_message(&self, parcel: Parcel) {
        self.act(|state, now, hub| {
            let held = state.android.as_mut().and_then(|android| android.held.as_mut());
            match held {
                Some(held) if held.len() < HELD_MAX => held.push(parcel),
                Some(_) => state.lose(&parcel, DropReason::TooManyPending, now),
                None => state.reach(parcel, now, hub),
            }
        });
    }

    /// What was held arrives, in the order and as often as asked; nothing is held any more.
    pub fn release_messages(&self, request: &ReleaseMessagesRequest) -> Result<(), Refusal> {
        self.act(|state, now, hub| {
            let mut held = state.android_mut()?.held.take().unwrap_or_default();
            if request.reversed {
                held.reverse();
            }
            let times = if request.doubled { 2 } else { 1 };
            for parcel in held {
                for _ in 0..times {
                    state.reach(parcel.clone(), now, hub);
                }
            }
            Ok(())
        })
    }
}

impl State {
    /// Brings to the app what FCM kept while there was no network.
    pub(in super::super) fn collect_pending(&mut self, now: Time, hub: &Hub) {
        let Some(android) = &mut self.android else { return };
        let gave_up = std::mem::take(&mut android.gave_up);
        for parcel in std::mem::take(&mut android.pending) {
            if parcel.sent_at + parcel.message.ttl <= now {
                self.lose(&parcel, DropReason::OfflineExpired, now);
            } else {
                self.open(&parcel, now, hub);
            }
        }
        if gave_up {
            self.messages_deleted();
        }
    }

    fn reach(&mut self, parcel: Parcel, now: Time, hub: &Hub) {
        if self.online {
            return self.open(&parcel, now, hub);
        }
        if parcel.message.ttl.is_zero() {
            return self.lose(&parcel, DropReason::OfflineNotStored, now);
        }
        let Some(android) = &mut self.android else { return };
        let mut lost = Vec::new();
        if let Some(key) = parcel.collapse_key() {
            let collapses = |old: &mut Parcel| old.collapse_key() == Some(key);
            lost.extend(android.pending.extract_if(.., collapses));
            let keyed = android.pending.iter().filter(|old| old.collapse_key().is_some());
            if keyed.count() >= COLLAPSE_KEYS_MAX {
                let oldest = android.pending.iter().position(|old| old.collapse_key().is_some());
                lost.extend(oldest.map(|oldest| android.pending.remove(oldest)));
            }
        }
        android.pending.push(parcel);
        for parcel in lost {
            self.lose(&parcel, DropReason::OfflineOverwritten, now);
        }
        self.give_up_too_many(now);
    }

    fn give_up_too_many(&mut self, now: Time) {
        let Some(android) = &mut self.android else { return };
        let counted = android.pending.iter().filter(|parcel| parcel.collapse_key().is_none());
        if counted.count() <= PENDING_MAX {
            return;
        }
        android.gave_up = true;
        for parcel in std::mem::take(&mut android.pending) {
            self.lose(&parcel, DropReason::TooManyPending, now);
        }
    }

    /// The message is on the phone: the app gets it, unless it was stopped by force.
    fn open(&mut self, parcel: &Parcel, now: Time, hub: &Hub) {
        self.pushes_taken += 1;
        if !self.running {
            return self.lose(parcel, DropReason::AppForceStopped, now);
        }
        let taken = match &parcel.message.notice {
            Some(notice) => self.notify(parcel, notice, now),
            None => self.take_data(parcel, now, hub),
        };
        if let Err((reason, detail)) = taken {
            self.drop_push(Drop { detail, ..message::describe(parcel) }, reason, now);
        }
    }

    /// `FirebaseMessagingService.onDeletedMessages`: the app asks Tidings what it has missed.
    fn messages_deleted(&mut self) {
        let Some(android) = self.android.as_mut().filter(|_| self.running) else { return };
        android.deleted_messages += 1;
        self.ask_all();
    }

    fn lose(&mut self, parcel: &Parcel, reason: DropReason, now: Time) {
        let detail = match reason {
            DropReason::TooManyPending => "FCM keeps 100 messages for an app, and then none",
            DropReason::AppForceStopped => "the person stopped the app by force",
            DropReason::OfflineNotStored => "its ttl is 0",
            DropReason::OfflineExpired => "its ttl was over before there was a network",
            _ => "a newer one has its collapse key",
        };
        let dropped = Drop { detail: detail.to_owned(), ..message::describe(parcel) };
        self.drop_push(dropped, reason, now);
    }
}
