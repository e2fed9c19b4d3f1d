//! Android: what FCM delivers, and what the app on the phone makes of it.
//!
//! May import `clock`, `proto` and the rest of `simulator`.

use super::{Phone, Refusal};
use crate::proto::simulator_v1::ReleaseMessagesRequest;

impl Phone {
    /// The person allows or forbids notifications of this app.
    pub fn set_notifications_enabled(&self, _enabled: bool) {}

    /// FCM's messages stay on their way from now on.
    pub fn hold_messages(&self) -> Result<(), Refusal> {
        Err(Refusal::Forbidden("no phone runs Android".to_owned()))
    }

    /// What was held arrives.
    pub fn release_messages(&self, _: &ReleaseMessagesRequest) -> Result<(), Refusal> {
        Err(Refusal::Forbidden("no phone runs Android".to_owned()))
    }
}
