//! What one can do about channels besides what APNs serves: as a person does in Apple's console, or to look.
//!
//! May import `proto` and the rest of `simulator`.

use super::Simulator;
use super::apns::channels::{Channel, Policy};
use super::hub::Hub;
use super::phone::{Phone, Refusal};
use crate::proto::simulator_v1::{
    self as proto, Broadcast, CreateChannelRequest, ListBroadcastsRequest, ListChannelsRequest,
    World,
};

impl Simulator {
    /// Makes a channel, as a person does in Apple's console; returns Apple's id.
    pub fn create_channel(&self, request: &CreateChannelRequest) -> Result<String, Refusal> {
        create(request, &self.hub)
    }

    /// Deletes a channel, as a person does in Apple's console; false if there is none.
    pub fn delete_channel(&self, channel_id: &str) -> bool {
        self.hub.channels().delete(channel_id)
    }

    /// Switches the broadcast capability of an app. Off deletes all its channels.
    pub fn set_broadcast_capability(&self, bundle_id: &str, enabled: bool) {
        self.hub.channels().set_capability(bundle_id, enabled);
    }

    /// The channels that Apple has, a page of them.
    pub fn channels(&self, request: &ListChannelsRequest) -> Vec<proto::Channel> {
        list(request, &self.hub)
    }

    /// What was published to channels, oldest first, a page of it.
    pub fn broadcasts(&self, request: &ListBroadcastsRequest) -> Vec<Broadcast> {
        self.hub.channels().broadcasts(request)
    }
}

/// Makes a channel.
pub(super) fn create(request: &CreateChannelRequest, hub: &Hub) -> Result<String, Refusal> {
    let world = request.world();
    let policy = Policy::read(i64::from(request.storage_policy));
    let (Some(policy), true) = (policy, world != World::Unspecified) else {
        return Err(Refusal::Invalid("`world` or `storage_policy` is wrong".to_owned()));
    };
    let mut channels = hub.channels();
    if !channels.has_room(world, &request.bundle_id) {
        return Err(Refusal::Limit("channels of an app"));
    }
    Ok(channels.create(Channel { world, bundle_id: request.bundle_id.clone(), policy }))
}

/// One channel.
pub(super) fn get(channel_id: &str, hub: &Hub) -> Option<proto::Channel> {
    let channel = hub.channels().get(channel_id).cloned()?;
    Some(view(channel_id.to_owned(), channel, hub))
}

/// A page of channels.
pub(super) fn list(request: &ListChannelsRequest, hub: &Hub) -> Vec<proto::Channel> {
    let found = hub.channels().list(request);
    found.into_iter().map(|(id, channel)| view(id, channel, hub)).collect()
}

fn view(channel_id: String, channel: Channel, hub: &Hub) -> proto::Channel {
    let phones: Vec<Phone> = hub.phones().values().cloned().collect();
    let followers: usize = phones.iter().map(|phone| phone.followers(&channel_id)).sum();
    proto::Channel {
        world: channel.world.into(),
        bundle_id: channel.bundle_id,
        channel_id,
        storage_policy: channel.policy.number(),
        followers: i64::try_from(followers).unwrap_or(i64::MAX),
    }
}
