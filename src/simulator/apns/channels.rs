//! The broadcast channels that Apple has, and what was published to them.
//! <https://developer.apple.com/documentation/usernotifications/setting-up-broadcast-push-notifications>
//!
//! May import `clock`, `proto` and `apns::reason`. An id is random, of one app in one world, and never given out twice;
//! the policy of a channel never changes.

use super::super::stamp;
use super::reason::Refusal;
use crate::clock::Time;
use crate::proto::simulator_v1::{Broadcast, ListBroadcastsRequest, ListChannelsRequest, World};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use uuid::Uuid;

/// How many entries one page has at most.
const PAGE_MAX: usize = 1_000;
/// Apple promises no length; nothing longer than this is looked up.
const CHANNEL_ID_BYTES_MAX: usize = 256;

/// What Apple keeps of what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Nothing.
    None,
    /// The newest message.
    MostRecent,
}

/// A channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    /// Its world.
    pub(crate) world: World,
    /// Its app.
    pub(crate) bundle_id: String,
    /// What is kept.
    pub(crate) policy: Policy,
}

/// All channels, and the newest broadcasts.
pub(crate) struct Channels {
    known: BTreeMap<String, Channel>,
    of_app_max: usize,
    without_capability: BTreeSet<String>,
    broadcasts: VecDeque<Broadcast>,
    broadcasts_max: usize,
    received: i64,
}

impl Policy {
    /// Apple's number.
    pub(crate) fn number(self) -> i32 {
        match self {
            Policy::None => 0,
            Policy::MostRecent => 1,
        }
    }

    /// Reads Apple's number.
    pub(crate) fn read(number: i64) -> Option<Self> {
        match number {
            0 => Some(Policy::None),
            1 => Some(Policy::MostRecent),
            _ => None,
        }
    }
}

impl Channels {
    /// No channels; every app may have some.
    pub(crate) fn new(of_app_max: usize, broadcasts_max: usize) -> Self {
        Self {
            known: BTreeMap::new(),
            of_app_max,
            without_capability: BTreeSet::new(),
            broadcasts: VecDeque::new(),
            broadcasts_max: broadcasts_max.max(1),
            received: 0,
        }
    }

    /// Switches the capability of an app; off deletes its channels.
    pub(crate) fn set_capability(&mut self, bundle_id: &str, enabled: bool) {
        if enabled {
            self.without_capability.remove(bundle_id);
        } else {
            self.without_capability.insert(bundle_id.to_owned());
            self.known.retain(|_, channel| channel.bundle_id != bundle_id);
        }
    }

    /// Whether an app may have channels.
    pub(crate) fn has_capability(&self, bundle_id: &str) -> bool {
        !self.without_capability.contains(bundle_id)
    }

    /// Whether an app may have one more channel in a world.
    pub(crate) fn has_room(&self, world: World, bundle_id: &str) -> bool {
        self.of_app(world, bundle_id).count() < self.of_app_max
    }

    /// Makes a channel and returns its id.
    pub(crate) fn create(&mut self, channel: Channel) -> String {
        let channel_id = BASE64_STANDARD.encode(Uuid::new_v4().as_bytes());
        self.known.insert(channel_id.clone(), channel);
        channel_id
    }

    /// A channel of any app.
    pub(crate) fn get(&self, channel_id: &str) -> Option<&Channel> {
        self.known.get(channel_id)
    }

    /// A channel of an app in a world, as requests name it.
    pub(crate) fn find(
        &self,
        world: World,
        bundle_id: &str,
        channel_id: &str,
    ) -> Result<&Channel, Refusal> {
        let is_legal =
            channel_id.len() <= CHANNEL_ID_BYTES_MAX && BASE64_STANDARD.decode(channel_id).is_ok();
        if !is_legal {
            return Err(Refusal::new("BadChannelId"));
        }
        let channel = self.known.get(channel_id);
        let channel = channel.filter(|it| it.world == world && it.bundle_id == bundle_id);
        channel.ok_or_else(|| Refusal::new("ChannelNotRegistered"))
    }

    /// Deletes a channel; false if there is none.
    pub(crate) fn delete(&mut self, channel_id: &str) -> bool {
        self.known.remove(channel_id).is_some()
    }

    /// The ids of an app's channels in a world.
    pub(crate) fn ids(&self, world: World, bundle_id: &str) -> Vec<String> {
        self.of_app(world, bundle_id).map(|(id, _)| id.clone()).collect()
    }

    fn of_app(&self, world: World, bundle_id: &str) -> impl Iterator<Item = (&String, &Channel)> {
        self.known.iter().filter(move |(_, it)| it.world == world && it.bundle_id == bundle_id)
    }

    /// A page of channels.
    pub(crate) fn list(&self, request: &ListChannelsRequest) -> Vec<(String, Channel)> {
        let any_world = request.world() == World::Unspecified;
        self.known
            .iter()
            .filter(|(id, _)| **id > request.after_channel_id)
            .filter(|(_, it)| any_world || it.world == request.world())
            .filter(|(_, it)| request.bundle_id.is_empty() || it.bundle_id == request.bundle_id)
            .take(page(request.page_size))
            .map(|(id, channel)| (id.clone(), channel.clone()))
            .collect()
    }

    /// Notes a broadcast and returns its number.
    pub(crate) fn receive(&mut self, broadcast: Broadcast) -> i64 {
        self.received += 1;
        if self.broadcasts.len() >= self.broadcasts_max {
            self.broadcasts.pop_front();
        }
        self.broadcasts.push_back(Broadcast { number: self.received, ..broadcast });
        self.received
    }

    /// Notes what became of a broadcast.
    pub(crate) fn note(&mut self, number: i64, note: impl FnOnce(&mut Broadcast)) {
        let Some(oldest) = self.broadcasts.front().map(|broadcast| broadcast.number) else {
            return;
        };
        let index = usize::try_from(number - oldest).ok();
        if let Some(broadcast) = index.and_then(|index| self.broadcasts.get_mut(index)) {
            note(broadcast);
        }
    }

    /// Notes an answer.
    pub(crate) fn answer(&mut self, number: i64, status: u16, reason: &str, now: Time) {
        self.note(number, |broadcast| {
            broadcast.status = i32::from(status);
            reason.clone_into(&mut broadcast.reason);
            broadcast.answer_time = Some(stamp(now));
        });
    }

    /// All broadcasts since the start.
    pub(crate) fn received(&self) -> i64 {
        self.received
    }

    /// A page of broadcasts, oldest first.
    pub(crate) fn broadcasts(&self, request: &ListBroadcastsRequest) -> Vec<Broadcast> {
        self.broadcasts
            .iter()
            .filter(|it| it.number > request.after_number)
            .filter(|it| request.channel_id.is_empty() || it.channel_id == request.channel_id)
            .take(page(request.page_size))
            .cloned()
            .collect()
    }
}

fn page(size: i32) -> usize {
    match usize::try_from(size) {
        Ok(size) if size > 0 => size.min(PAGE_MAX),
        _ => PAGE_MAX,
    }
}
