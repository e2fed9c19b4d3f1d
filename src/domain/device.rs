//! A device: one install of an app, and what it is able to show.

use super::ids::{AppId, DeviceKey, WorkspaceId};
use super::platform::Platform;
use super::push::Environment;
use crate::clock::Time;

/// The first system that starts activities by push.
/// <https://developer.apple.com/documentation/activitykit/starting-and-updating-live-activities-with-activitykit-push-notifications>
const PUSH_TO_START_OS: OsVersion = OsVersion { major: 17, minor: 2 };
/// The first system that knows `input-push-token`.
const INPUT_PUSH_TOKEN_OS: OsVersion = OsVersion { major: 18, minor: 0 };

/// One install of an app on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Ours.
    pub key: DeviceKey,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The caller's id.
    pub device_id: String,
    /// The app.
    pub app: AppId,
    /// The person; empty after a logout.
    pub contact_key: String,
    /// The operating system: the app's.
    pub platform: Platform,
    /// The kind of device.
    pub form_factor: FormFactor,
    /// What the system can do follows from it.
    pub os_version: OsVersion,
    /// The world of its build; Android has one.
    pub environment: Environment,
    /// The person allows Live Activities.
    pub activities_enabled: bool,
    /// The person allows frequent updates.
    pub frequent_pushes_enabled: bool,
    /// The person allows notifications.
    pub notifications_permission: bool,
    /// What is only kept and shown.
    pub description: Description,
    /// When it was first registered.
    pub created_at: Time,
    /// When it was heard of last.
    pub last_seen_at: Time,
    /// When it was deleted: for callers there is no such device, and what it shows is being ended.
    pub deleted_at: Option<Time>,
}

/// What is kept about a device for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of device.proto")]
pub struct Description {
    pub app_version: String,
    pub sdk_version: String,
    pub manufacturer: String,
    pub model: String,
    pub locale: String,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormFactor {
    /// Not said.
    Unspecified,
    /// A phone.
    Phone,
    /// A tablet.
    Tablet,
}

/// The part of a system's version that rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "plain")]
pub struct OsVersion {
    pub major: u16,
    pub minor: u16,
}

/// Why an activity cannot be started on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Obstacle {
    /// The system is older than iOS 17.2.
    OsCannotStartByPush,
    /// The person does not allow activities for this app.
    ActivitiesDisabled,
    /// The person does not allow notifications for this Android app, and its activities are notifications.
    NotificationsDisabled,
    /// The app has not registered a push-to-start token for this type.
    NoPushToStartToken,
    /// Apple rejected the push-to-start token, and no new one came.
    PushToStartTokenRejected,
    /// The Android app has not registered an FCM token.
    NoFcmToken,
}

impl FormFactor {
    /// The word that targets use.
    pub fn word(self) -> &'static str {
        match self {
            FormFactor::Unspecified => "UNSPECIFIED",
            FormFactor::Phone => "PHONE",
            FormFactor::Tablet => "TABLET",
        }
    }
}

impl std::str::FromStr for OsVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('.');
        let major = parts.next().and_then(|part| part.parse().ok()).ok_or(())?;
        let minor = parts.next().map_or(Ok(0), str::parse).map_err(|_| ())?;
        let rest_is_numbers = parts.all(|part| part.parse::<u16>().is_ok());
        if rest_is_numbers { Ok(OsVersion { major, minor }) } else { Err(()) }
    }
}

impl std::fmt::Display for OsVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Device {
    /// What stands in the way of a start by push, if anything does, tokens aside.
    pub fn obstacle(&self) -> Option<Obstacle> {
        let is_android = self.platform == Platform::Android;
        if !is_android && self.os_version < PUSH_TO_START_OS {
            Some(Obstacle::OsCannotStartByPush)
        } else if !self.activities_enabled {
            Some(Obstacle::ActivitiesDisabled)
        } else if is_android && !self.notifications_permission {
            Some(Obstacle::NotificationsDisabled)
        } else {
            None
        }
    }

    /// An ordinary notification may appear. An iOS app registers its token for them where the person allows them; an
    /// Android app has its token anyway.
    pub fn shows_notifications(&self) -> bool {
        self.platform == Platform::Ios || self.notifications_permission
    }

    /// What stands in the way of a start by push where the device has no token for it.
    pub fn obstacle_without_token(&self) -> Obstacle {
        match self.platform {
            Platform::Ios => Obstacle::NoPushToStartToken,
            Platform::Android => Obstacle::NoFcmToken,
        }
    }

    /// A start must ask this system for an update token, or none is made.
    pub fn takes_input_push_token(&self) -> bool {
        self.os_version >= INPUT_PUSH_TOKEN_OS
    }
}

impl Obstacle {
    /// The stable word of the contract.
    pub fn word(self) -> &'static str {
        match self {
            Obstacle::OsCannotStartByPush => "OS_CANNOT_START_BY_PUSH",
            Obstacle::ActivitiesDisabled => "ACTIVITIES_DISABLED",
            Obstacle::NotificationsDisabled => "NOTIFICATIONS_DISABLED",
            Obstacle::NoPushToStartToken => "NO_PUSH_TO_START_TOKEN",
            Obstacle::PushToStartTokenRejected => "PUSH_TO_START_TOKEN_REJECTED",
            Obstacle::NoFcmToken => "NO_FCM_TOKEN",
        }
    }

    /// The obstacle in a sentence, with what to do about it.
    pub fn sentence(self) -> &'static str {
        match self {
            Obstacle::OsCannotStartByPush => {
                "Activities are started by push from iOS 17.2 on; here the app has to start it."
            }
            Obstacle::ActivitiesDisabled => {
                "The person does not allow live activities for this app."
            }
            Obstacle::NotificationsDisabled => {
                "The person does not allow this app's notifications; on Android an activity is one."
            }
            Obstacle::NoPushToStartToken => {
                "The app has not registered a push-to-start token for this activity type."
            }
            Obstacle::PushToStartTokenRejected => {
                "Apple rejected the push-to-start token; the app has to register a new one."
            }
            Obstacle::NoFcmToken => "The app has not registered an FCM token or installation id.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers_and_nonsense_is_refused() {
        let version = |text: &str| text.parse::<OsVersion>();
        assert!(version("17.10") > version("17.2"));
        assert_eq!(version("18"), Ok(OsVersion { major: 18, minor: 0 }));
        assert_eq!(version("17.2.1"), Ok(OsVersion { major: 17, minor: 2 }));
        for nonsense in ["", "x", "17.", "17.x", "17.2.beta", "-1", "99999999"] {
            assert_eq!(version(nonsense), Err(()), "{nonsense}");
        }
    }
}
