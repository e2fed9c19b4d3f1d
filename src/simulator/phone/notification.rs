//! Ordinary notifications: what the system shows by itself, on a phone of either kind.
//! <https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification>
//! <https://firebase.google.com/docs/cloud-messaging/customize-messages/set-message-type>
//!
//! May import `clock`, `proto` and the rest of `simulator`. The app does not get the data before the person taps, so no
//! activity changes by them.

use super::super::fcm::{Notice, Said};
use super::activity_kit::{Refused, refuse};
use super::app::Call;
use super::state::{State, remember};
use super::{Delivery, Parcel, Phone, words};
use crate::clock::Time;
use crate::proto::simulator_v1::{CloseCause, DropReason, Notification};
use crate::simulator::stamp;
use serde_json::{Map, Value};

impl Phone {
    /// The person allows or forbids notifications of this app; forbidding takes those of Android off the screen.
    pub fn set_notifications_enabled(&self, enabled: bool) {
        self.act(|state, now, _| {
            state.notifications_enabled = enabled;
            state.asked_for_notifications = true;
            if state.android.is_some() && !enabled {
                for card in state.cards.iter_mut().filter(|card| card.on_screen()) {
                    card.leave(CloseCause::Person, now);
                }
            }
            state.outbox.push(Call::Device);
            state.offer_device_token();
        });
    }
}

impl State {
    /// Has the app on a phone of Apple's register the token for ordinary notifications, if they are allowed.
    pub(super) fn offer_device_token(&mut self) {
        if self.notifications_enabled && self.android.is_none() {
            self.outbox.push(Call::DeviceToken);
        }
    }

    /// Shows what a message of FCM says besides its data.
    pub(super) fn notify(
        &mut self,
        parcel: &Parcel,
        notice: &Notice,
        now: Time,
    ) -> Result<(), Refused> {
        let data = parcel.message.data.iter();
        let data: Map<String, Value> =
            data.map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect();
        let words = |said: &Said| match said {
            Said::Plain(text) => text.clone(),
            Said::ByKey(key, args) => words::localized(&self.spec.strings, key, args),
        };
        let (title, body) = (words(&notice.title), words(&notice.body));
        self.show_notification(Notification {
            time: Some(stamp(now)),
            title,
            body,
            push_id: parcel.id.clone(),
            tag: notice.tag.clone(),
            data_json: Value::Object(data).to_string(),
        })
    }

    /// Shows a push of the type `alert`.
    pub(super) fn alert(&mut self, delivery: &Delivery, now: Time) -> Result<(), Refused> {
        if !delivery.is_alert {
            return refuse(DropReason::NotALiveActivity, "it is for the app");
        }
        let body: Value = serde_json::from_slice(&delivery.body)
            .map_err(|_| (DropReason::Unreadable, "the body is no JSON".to_owned()))?;
        let text = |place: &str| {
            body.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut data = body.as_object().cloned().unwrap_or_default();
        data.remove("aps");
        let alert = body.pointer("/aps/alert").cloned().unwrap_or_default();
        let words = |names| words::beside(&alert, names, &self.spec.strings).unwrap_or_default();
        // An alert may be a mere string.
        let plain = text("/aps/alert");
        let title = words(["title", "title-loc-key", "title-loc-args"]);
        let body = words(["body", "loc-key", "loc-args"]);
        self.show_notification(Notification {
            time: Some(stamp(now)),
            title,
            body: if body.is_empty() { plain } else { body },
            push_id: delivery.apns_id.clone(),
            tag: text("/aps/thread-id"),
            data_json: Value::Object(data).to_string(),
        })
    }

    fn show_notification(&mut self, notification: Notification) -> Result<(), Refused> {
        if notification.title.is_empty() && notification.body.is_empty() {
            return refuse(DropReason::NothingToShow, "there is neither title nor text");
        }
        if !self.notifications_enabled {
            return refuse(DropReason::NotificationsDisabled, "the person forbids notifications");
        }
        remember(&mut self.notifications, notification);
        Ok(())
    }
}
