//! One entity per table, with the conversion between its rows and those of `domain`. Nothing here leaves the store.

pub(super) mod activity;
pub(super) mod activity_type;
pub(super) mod api_key;
pub(super) mod app;
pub(super) mod arrival;
pub(super) mod channel;
pub(super) mod channel_survey;
pub(super) mod clock;
pub(super) mod credential;
pub(super) mod delivery;
pub(super) mod delivery_count;
pub(super) mod device;
pub(super) mod event;
pub(super) mod expansion;
pub(super) mod keyring;
pub(super) mod lease;
pub(super) mod provider_token;
pub(super) mod recipient;
pub(super) mod request_id;
pub(super) mod revision;
pub(super) mod segment;
pub(super) mod segment_member;
pub(super) mod shard;
pub(super) mod subscription;
pub(super) mod token;
pub(super) mod workspace;
