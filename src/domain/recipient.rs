//! Recipients: whom a run is for, as its callers have named them. A device is in a run's audience as long as one of the
//! ways in which it was named leads to it.

use super::device::Device;
use super::expansion::{Audience, Who};
use super::ids::{ActivityKey, AppId, SegmentKey, WorkspaceId};
use super::revision::{Number, Run};
use super::segment::{SegmentKind, Version};
use std::collections::{HashMap, HashSet};

/// A way into the audience of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The activity.
    pub activity: ActivityKey,
    /// The run.
    pub run: Run,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// Who.
    pub way: Way,
    /// Whoever comes this way later is started too, and who no longer does is ended. Never of a run that is over.
    pub live: bool,
    /// The revision of the activity when it was named beside the start; ends for targets up to there concern nobody who
    /// comes this way. 0 for the audience of the start: every end of the run concerns it.
    pub since: Number,
    /// Of a segment: its version when it was named.
    pub as_of: Version,
    /// Of a segment: up to this version what changed was followed.
    pub followed: Version,
    /// Of a segment: how far following it has come; its meaning is the store's.
    pub cursor: String,
}

/// Who is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// The devices of a contact.
    Contact(String),
    /// One device.
    Device(String),
    /// The members of a segment.
    Segment(SegmentKey),
    /// Every device of the workspace.
    Everyone,
}

/// Since when somebody is a member of a segment, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// From this version on.
    pub added: Version,
    /// Up to before this one; if absent, until now.
    pub removed: Option<Version>,
}

/// The ways that an audience opens, each once.
pub fn ways(who: &Who) -> Vec<Way> {
    let mut seen = HashSet::new();
    let mut once = |named: &[String], way: fn(String) -> Way| {
        let named = named.iter().filter(|name| seen.insert((*name).clone()));
        named.cloned().map(way).collect()
    };
    match who {
        Who::ContactKeys(keys) => once(keys, Way::Contact),
        Who::DeviceIds(ids) => once(ids, Way::Device),
        Who::Segment(segment) => vec![Way::Segment(segment.key)],
        Who::AllDevices => vec![Way::Everyone],
    }
}

/// The recipients that an audience adds to a run.
pub fn recipients(
    (workspace, activity, run): (WorkspaceId, ActivityKey, Run),
    audience: &Audience,
    since: Number,
) -> Vec<Recipient> {
    let as_of = match &audience.who {
        Who::Segment(segment) => segment.as_of,
        _ => 0,
    };
    let recipient = |way| Recipient {
        activity,
        run,
        workspace,
        way,
        live: audience.live,
        since,
        as_of,
        followed: as_of,
        cursor: String::new(),
    };
    ways(&audience.who).into_iter().map(recipient).collect()
}

impl Recipient {
    /// Its run begins later: a segment is followed from there on, and counts as it is then.
    pub fn wait(&mut self) {
        if matches!(self.way, Way::Segment(_)) {
            self.live = false;
        }
    }

    /// Its run begins: the segment is as it is at this version.
    pub fn begin(&mut self, live: bool, version: Version) {
        (self.live, self.as_of, self.followed) = (live, version, version);
    }
}

/// The recipients of a run, as far as they concern some devices.
#[derive(Clone, Debug, Default)]
pub struct Roll {
    /// Contacts, devices, everyone.
    pub named: HashMap<Way, Recipient>,
    /// Segments, with those of the devices and contacts that are or were members.
    pub segments: Vec<(Recipient, SegmentKind, HashMap<String, Presence>)>,
    /// Only devices with one of these apps; all if empty.
    pub apps: Vec<AppId>,
}

/// How a device is in the audience of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Through its contact; it leaves with that.
    pub by_contact: bool,
    /// By itself, or as one of all.
    pub by_device: bool,
    /// The newest revision at which it was named, in whatever way.
    pub since: Number,
}

impl Roll {
    /// How the device is in the audience; none where it is not.
    pub fn entry(&self, device: &Device) -> Option<Entry> {
        if !self.apps.is_empty() && !self.apps.contains(&device.app) {
            return None;
        }
        let named = |way: Way| self.named.get(&way);
        let contact = &device.contact_key;
        let by_contact = (!contact.is_empty()).then(|| named(Way::Contact(contact.clone())));
        let by_device = named(Way::Device(device.device_id.clone()));
        let by_contact =
            self.through(SegmentKind::ContactKeys, contact).chain(by_contact.flatten());
        let by_device = self
            .through(SegmentKind::DeviceIds, &device.device_id)
            .chain(by_device)
            .chain(named(Way::Everyone));
        let newest = |ways: &[&Recipient]| ways.iter().map(|recipient| recipient.since).max();
        let by_contact = newest(&by_contact.collect::<Vec<_>>());
        let by_device = newest(&by_device.collect::<Vec<_>>());
        Some(Entry {
            by_contact: by_contact.is_some(),
            by_device: by_device.is_some(),
            since: by_contact.max(by_device)?,
        })
    }

    fn through(&self, kind: SegmentKind, member: &str) -> impl Iterator<Item = &Recipient> {
        let includes = move |recipient: &Recipient, members: &HashMap<String, Presence>| {
            members.get(member).is_some_and(|presence| presence.counts_for(recipient))
        };
        self.segments
            .iter()
            .filter(move |(recipient, of, members)| *of == kind && includes(recipient, members))
            .map(|(recipient, ..)| recipient)
    }
}

impl Presence {
    /// A live audience goes by who is a member now, a fixed one by who was when the segment was named.
    pub fn counts_for(self, recipient: &Recipient) -> bool {
        if recipient.live {
            return self.removed.is_none();
        }
        let as_of = recipient.as_of;
        self.added <= as_of && self.removed.is_none_or(|removed| removed > as_of)
    }
}

#[cfg(test)]
mod tests;
