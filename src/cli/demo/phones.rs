//! The six phones of the flight, and what can be read from their screens.

use super::world::TYPE;
use tidings::proto::simulator_v1 as sim;

/// One of the phones.
pub(super) struct Device {
    /// The id under which its app registers, which is also the simulator's name of it.
    pub(super) id: &'static str,
    /// For people.
    pub(super) name: &'static str,
    /// Who holds it.
    pub(super) contact_key: &'static str,
    system: System,
    form_factor: sim::FormFactor,
    /// Its app brings the update tokens late.
    holds_tokens: bool,
    /// It follows the flight to its end.
    pub(super) lands: bool,
}

/// What a phone runs.
#[derive(Clone, Copy, Debug)]
enum System {
    /// With its version.
    Ios(&'static str),
    /// With its API level.
    Android(i32),
}

/// The app on this one has started the activity itself.
pub(super) const IPHONE_17: &str = "iphone-17";
/// This one has only a push-to-start token, and brings its update token late.
pub(super) const IPHONE_18: &str = "iphone-18";
/// The owner of this one swipes the card away.
pub(super) const IPAD: &str = "ipad";
/// This one cannot be started by push.
const IPHONE_16: &str = "iphone-16";
/// The app on this one has started the activity too.
pub(super) const ANDROID_12: &str = "android-12";
/// On this one an activity is a Live Update.
const ANDROID_16: &str = "android-16";

pub(super) const DEVICES: [Device; 6] = [
    Device {
        id: IPHONE_17,
        name: "iPhone, iOS 17.4",
        contact_key: "ayse",
        system: System::Ios("17.4"),
        form_factor: sim::FormFactor::Phone,
        holds_tokens: false,
        lands: true,
    },
    Device {
        id: IPHONE_18,
        name: "iPhone, iOS 18.2",
        contact_key: "ayse",
        system: System::Ios("18.2"),
        form_factor: sim::FormFactor::Phone,
        holds_tokens: true,
        lands: true,
    },
    Device {
        id: IPAD,
        name: "iPad, iPadOS 18.2",
        contact_key: "ayse",
        system: System::Ios("18.2"),
        form_factor: sim::FormFactor::Tablet,
        holds_tokens: false,
        lands: false,
    },
    Device {
        id: IPHONE_16,
        name: "iPhone, iOS 16.4",
        contact_key: "mehmet",
        system: System::Ios("16.4"),
        form_factor: sim::FormFactor::Phone,
        holds_tokens: false,
        lands: false,
    },
    Device {
        id: ANDROID_16,
        name: "Android 16",
        contact_key: "mehmet",
        system: System::Android(36),
        form_factor: sim::FormFactor::Phone,
        holds_tokens: false,
        lands: true,
    },
    Device {
        id: ANDROID_12,
        name: "Android 12",
        contact_key: "mehmet",
        system: System::Android(31),
        form_factor: sim::FormFactor::Phone,
        holds_tokens: false,
        lands: true,
    },
];

impl Device {
    /// It gets its pushes from FCM.
    pub(super) fn is_android(&self) -> bool {
        matches!(self.system, System::Android(_))
    }

    /// The phone as the simulator makes it; who serves it is for the caller to add.
    pub(super) fn spec(&self) -> sim::PhoneSpec {
        let (os_version, android) = match self.system {
            System::Ios(version) => (version.to_owned(), None),
            System::Android(api_level) => {
                (String::new(), Some(sim::AndroidSpec { api_level, ..sim::AndroidSpec::default() }))
            }
        };
        sim::PhoneSpec {
            device_id: self.id.to_owned(),
            os_version,
            android,
            contact_key: Some(self.contact_key.to_owned()),
            form_factor: self.form_factor.into(),
            hold_tokens: self.holds_tokens,
            notifications_enabled: Some(true),
            templates: vec![template()],
            ..sim::PhoneSpec::default()
        }
    }
}

/// What a device is called; its id where it is not one of the demo's.
pub(super) fn name(device_id: &str) -> &str {
    let device = DEVICES.iter().find(|device| device.id == device_id);
    device.map_or(device_id, |device| device.name)
}

/// How a card is on the screen, where that is not a matter of course.
pub(super) fn presentation(card: &sim::Card) -> Option<&'static str> {
    match card.presentation() {
        sim::Presentation::LiveUpdate => Some("as a Live Update of Android"),
        sim::Presentation::OngoingNotification => Some("as an ongoing notification of Android"),
        sim::Presentation::LiveActivity | sim::Presentation::Unspecified => None,
    }
}

/// The card of a run; the newest, should there be more than one.
pub(super) fn card(phone: &sim::Phone, run: i64) -> Option<&sim::Card> {
    phone.cards.iter().rev().find(|card| card.run == run)
}

/// What a content of the flight says.
pub(super) fn status(content_json: &str) -> String {
    let content: serde_json::Value = serde_json::from_str(content_json).unwrap_or_default();
    content.get("status").and_then(|status| status.as_str()).unwrap_or_default().to_owned()
}

/// What the app's code can draw.
fn template() -> sim::Template {
    let field = |name: &str, kind: sim::FieldKind, optional: bool| sim::Field {
        name: name.to_owned(),
        kind: kind.into(),
        optional,
    };
    sim::Template {
        activity_type: TYPE.to_owned(),
        attributes: vec![
            field("flight", sim::FieldKind::String, false),
            field("activityId", sim::FieldKind::String, true),
            field("activityRun", sim::FieldKind::Int, true),
        ],
        content: vec![
            field("status", sim::FieldKind::String, false),
            field("delay_minutes", sim::FieldKind::Int, true),
        ],
        ..sim::Template::default()
    }
}
