//! A delivery: the outcome of one push to one device, or the reason why none was made. Only ever added.

use super::ids::{ActivityKey, AppId, DeliveryId, DeviceKey, SubscriptionId, WorkspaceId};
use super::outcome::Class;
use super::push::{Environment, Operation};
use super::revision::{Number, Run};
use crate::clock::Time;
use std::time::Duration;
use uuid::Uuid;

/// The outcome of one push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Ours, in the order of the send log: it begins with `sent_at`.
    pub id: DeliveryId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The activity.
    pub activity: ActivityKey,
    /// The run.
    pub run: Run,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The device.
    pub device: DeviceKey,
    /// The contact that the subscription came by.
    pub contact_key: String,
    /// The app.
    pub app: AppId,
    /// The service that it was sent through, or would have been.
    pub provider: Provider,
    /// The world.
    pub environment: Environment,
    /// What the push was to do.
    pub operation: Operation,
    /// The lowest revision that it made up for.
    pub first_revision: Number,
    /// The revision that it carried.
    pub revision: Number,
    /// The revision of the alert that rode on it; 0 where it was silent.
    pub alert_revision: Number,
    /// What became of it.
    pub status: Status,
    /// The provider's word, or ours; empty where it was accepted.
    pub reason: String,
    /// What kind of reason it is.
    pub class: Option<Class>,
    /// The HTTP status; 0 where there was no answer.
    pub http_status: u16,
    /// Which try of this revision it was, from 1.
    pub attempt: i32,
    /// `apns-id`.
    pub apns_id: Option<Uuid>,
    /// The provider's own name of the push: `apns-unique-id`, in the sandbox, or Google's.
    pub provider_message_id: Option<String>,
    /// When it was sent, or found not to be possible.
    pub sent_at: Time,
    /// When the answer came.
    pub answered_at: Option<Time>,
}

/// Deliveries of a workspace are counted by this much of time.
pub const COUNTED_BY: Duration = Duration::from_mins(15);

/// A service that takes pushes to phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Apple's.
    Apns,
    /// Google's.
    Fcm,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The provider took it. Taken is not displayed.
    Accepted,
    /// The provider refused it, or it could not be sent.
    Failed,
    /// There was no answer.
    Unknown,
    /// No push was made.
    Skipped,
}

/// Whose words a workspace sees beside our own status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Labels {
    /// Ours.
    #[default]
    Tidings,
    /// Those of Dengage's send log: "Completed" and "Error".
    Dengage,
    /// The same as its step by step guide has them: "Delivered" and "Error".
    DengageDelivered,
}

impl Labels {
    /// What people read. Dengage has one word for everything that was not taken, whatever the reason.
    pub fn label(self, status: Status) -> &'static str {
        match (self, status) {
            (Labels::Tidings, Status::Accepted) => "Accepted",
            (Labels::Tidings, Status::Failed) => "Failed",
            (Labels::Tidings, Status::Unknown) => "Unknown",
            (Labels::Tidings, Status::Skipped) => "Skipped",
            (Labels::Dengage, Status::Accepted) => "Completed",
            (Labels::DengageDelivered, Status::Accepted) => "Delivered",
            (Labels::Dengage | Labels::DengageDelivered, _) => "Error",
        }
    }
}
