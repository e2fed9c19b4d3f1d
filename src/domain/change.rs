//! A change: the rows that one decision writes, with its events. `store::apply` writes all of it or nothing.

use super::activity::Activity;
use super::delivery::Delivery;
use super::device::Device;
use super::event::Event;
use super::expansion::Expansion;
use super::ids::ShardId;
use super::recipient::Recipient;
use super::revision::Revision;
use super::shard::Shard;
use super::subscription::Subscription;
use super::token::Token;
use crate::clock::Time;

/// What one decision writes. Rows with a key that exists are replaced; revisions, deliveries and events are only added.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each field is the list of the rows that its type describes")]
pub struct Change {
    pub activities: Vec<Activity>,
    pub revisions: Vec<Revision>,
    pub expansions: Vec<Expansion>,
    pub recipients: Vec<Recipient>,
    pub shards: Vec<Shard>,
    pub subscriptions: Vec<Subscription>,
    pub devices: Vec<Device>,
    pub tokens: Vec<Token>,
    pub deliveries: Vec<Delivery>,
    pub events: Vec<Event>,
    /// Shards that are due at this time at the latest; they are to be looked at no later than what they say already.
    pub due: Vec<(ShardId, Time)>,
}

impl Change {
    /// Nothing is written.
    pub fn is_empty(&self) -> bool {
        self.activities.is_empty()
            && self.revisions.is_empty()
            && self.expansions.is_empty()
            && self.recipients.is_empty()
            && self.shards.is_empty()
            && self.subscriptions.is_empty()
            && self.devices.is_empty()
            && self.tokens.is_empty()
            && self.deliveries.is_empty()
            && self.events.is_empty()
            && self.due.is_empty()
    }
}
