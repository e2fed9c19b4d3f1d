//! Why a device is in the audience of a run, or why it is not.
//!
//! May import recipients and expansions. What is said here is what the expansion goes by: the same roll.

use super::{Case, Finding, Weight};
use crate::domain::activity::{Origin, State};
use crate::domain::recipient::{Presence, Recipient, Way};
use crate::domain::segment::SegmentKind;

/// Why a device is in, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudienceFinding {
    /// In, in these ways.
    In(Vec<String>),
    /// The app has brought it in.
    JoinedByItself,
    /// Nobody named leads to it.
    NotIn {
        /// Only apps have started the run, so nobody is named.
        by_apps_alone: bool,
    },
    /// The run is for other apps.
    AppNotMeant,
    /// It, or its membership, is newer than the fixed audience; the segment, where it is a matter of one.
    CameLater(Option<String>),
    /// Another device of the contact was chosen.
    AnotherDeviceChosen,
    /// In a live audience, and about to be subscribed.
    Arriving,
}

/// Says how the device is in the audience.
pub(super) fn explain(case: &Case<'_>) -> Option<AudienceFinding> {
    use AudienceFinding::{
        AnotherDeviceChosen, AppNotMeant, Arriving, CameLater, In, JoinedByItself, NotIn,
    };
    let ways = ways(case);
    let is_subscribed = case.standing.is_some();
    let is_in = case.roll.entry(case.device).is_some();
    let is_of_app = case.roll.apps.is_empty() || case.roll.apps.contains(&case.device.app);
    Some(match (is_subscribed, is_in) {
        (true, true) => In(ways),
        (true, false) if case.has_left() => return None,
        (true, false) => JoinedByItself,
        (false, _) if case.is_scheduled() && !ways.is_empty() => In(ways),
        (false, true) if case.is_expanding => In(ways),
        (false, true) if case.start.is_some_and(|start| start.audience.latest_only) => {
            AnotherDeviceChosen
        }
        (false, true) if case.start.is_some_and(|start| start.audience.live) => Arriving,
        (false, true) => CameLater(None),
        (false, false) if !is_of_app && case.start.is_some() => AppNotMeant,
        (false, false) => match newer_than_audience(case) {
            Some(segment) => CameLater(Some(segment)),
            None => {
                NotIn { by_apps_alone: case.start.is_none() && case.activity.origin == Origin::App }
            }
        },
    })
}

/// The ways in which it was named, in words.
fn ways(case: &Case<'_>) -> Vec<String> {
    let device = case.device;
    let named = [
        (Way::Contact(device.contact_key.clone()), format!("its contact {}", device.contact_key)),
        (Way::Device(device.device_id.clone()), "its own id".to_owned()),
        (Way::Everyone, "all_devices".to_owned()),
    ];
    let mut ways: Vec<String> = named
        .into_iter()
        .filter(|(way, _)| case.roll.named.contains_key(way))
        .map(|(_, words)| words)
        .collect();
    ways.extend(
        memberships(case)
            .filter(|(recipient, presence)| {
                let is_member = presence.removed.is_none();
                presence.counts_for(recipient) || (case.is_scheduled() && is_member)
            })
            .map(|(recipient, _)| format!("the segment {}", case.name_of(recipient))),
    );
    ways
}

/// A segment that it is a member of now, and was not when the segment was named.
fn newer_than_audience(case: &Case<'_>) -> Option<String> {
    let newer = memberships(case).find(|(recipient, presence)| {
        presence.removed.is_none() && !presence.counts_for(recipient)
    });
    newer.map(|(recipient, _)| case.name_of(recipient))
}

fn memberships<'a>(case: &'a Case<'_>) -> impl Iterator<Item = (&'a Recipient, Presence)> {
    case.roll.segments.iter().filter_map(|(recipient, kind, members)| {
        let member = match kind {
            SegmentKind::ContactKeys => &case.device.contact_key,
            SegmentKind::DeviceIds => &case.device.device_id,
        };
        Some((recipient, *members.get(member)?))
    })
}

impl Case<'_> {
    /// The caller's id of a segment; one that was deleted has none.
    fn name_of(&self, recipient: &Recipient) -> String {
        let Way::Segment(key) = recipient.way else { return String::new() };
        let name = self.segments.get(&key).map(|name| format!("\"{name}\""));
        name.unwrap_or_else(|| "(deleted)".to_owned())
    }

    /// Its run begins later.
    fn is_scheduled(&self) -> bool {
        self.activity.state == State::Scheduled
    }

    fn has_left(&self) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing.subscription.has_left())
    }
}

impl AudienceFinding {
    pub(super) fn weight(&self) -> Weight {
        match self {
            AudienceFinding::In(_) | AudienceFinding::JoinedByItself => Weight::Fact,
            AudienceFinding::Arriving => Weight::Wait,
            _ => Weight::Obstacle,
        }
    }

    pub(super) fn text(&self) -> String {
        let text = match self {
            AudienceFinding::In(ways) => {
                return format!("The device is in the audience by {}.", ways.join(" and by "));
            }
            AudienceFinding::CameLater(Some(segment)) => {
                return format!(
                    "The device came into the segment {segment} after the run's fixed audience was \
                     taken from it."
                );
            }
            AudienceFinding::JoinedByItself => {
                "The app has brought the device into the run, by a token that it registered for it."
            }
            AudienceFinding::NotIn { by_apps_alone: true } => {
                "Only apps have started this run, and this device's app has not."
            }
            AudienceFinding::NotIn { by_apps_alone: false } => {
                "No recipient of this run leads to the device."
            }
            AudienceFinding::AppNotMeant => {
                "The run is for other apps than this device's (app_ids of its start)."
            }
            AudienceFinding::CameLater(None) => {
                "The device, or its contact key, is newer than the run's fixed audience."
            }
            AudienceFinding::AnotherDeviceChosen => {
                "The run is for one device of each contact, and another one was chosen."
            }
            AudienceFinding::Arriving => {
                "The device is in the run's live audience and is subscribed within seconds."
            }
        };
        text.to_owned()
    }

    pub(super) fn remedy(&self) -> &'static str {
        match self {
            AudienceFinding::NotIn { .. } => {
                "Check its contact_key, or add it with AddRecipients (an app's run: adopt it with \
                 StartActivity first)."
            }
            AudienceFinding::AppNotMeant => "Start the activity without app_ids, or with this one.",
            AudienceFinding::CameLater(_) => {
                "Add it with AddRecipients, or start with AUDIENCE_MODE_LIVE."
            }
            AudienceFinding::AnotherDeviceChosen => {
                "Start with DEVICE_PREFERENCE_ALL, or add the device by its id with AddRecipients."
            }
            _ => "",
        }
    }
}

impl From<AudienceFinding> for Finding {
    fn from(finding: AudienceFinding) -> Self {
        Finding::Audience(finding)
    }
}
