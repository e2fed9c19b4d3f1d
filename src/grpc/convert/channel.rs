//! Channels.

use super::delivery::class;
use super::push::environment;
use super::time;
use crate::domain::channel::{Channel, State, StoragePolicy};
use crate::domain::reasons::channels::{link, remedy};
use crate::proto::v1;

/// A channel as a caller sees it.
pub fn channel(channel: &Channel) -> v1::Channel {
    let next_attempt = channel.due_at.filter(|_| channel.claimed_until.is_none());
    let problem = channel.problem.as_ref().map(|problem| v1::ChannelProblem {
        reason: problem.reason.clone(),
        reason_class: class(Some(problem.class)).into(),
        remedy: remedy(&problem.reason, problem.class).to_owned(),
        link: link(&problem.reason).to_owned(),
        attempts: channel.attempts,
        next_attempt_time: next_attempt.map(time::to_proto),
    });
    v1::Channel {
        channel_id: channel.id.to_string(),
        app_id: channel.app.to_string(),
        environment: environment(channel.environment).into(),
        storage_policy: policy(channel.policy).into(),
        state: state(channel.state).into(),
        apns_channel_id: channel.apple_id.clone().unwrap_or_default(),
        problem,
        create_time: Some(time::to_proto(channel.created_at)),
        update_time: Some(time::to_proto(channel.updated_at)),
    }
}

/// None where the caller does not say.
pub fn read_policy(policy: v1::ChannelStoragePolicy) -> Option<StoragePolicy> {
    match policy {
        v1::ChannelStoragePolicy::Unspecified => None,
        v1::ChannelStoragePolicy::None => Some(StoragePolicy::NoStorage),
        v1::ChannelStoragePolicy::MostRecent => Some(StoragePolicy::MostRecent),
    }
}

/// None is any.
pub fn read_state(state: v1::ChannelState) -> Option<State> {
    match state {
        v1::ChannelState::Unspecified => None,
        v1::ChannelState::Creating => Some(State::Creating),
        v1::ChannelState::Active => Some(State::Active),
        v1::ChannelState::Deleting => Some(State::Deleting),
        v1::ChannelState::Failed => Some(State::Failed),
        v1::ChannelState::Found => Some(State::Found),
    }
}

fn policy(policy: StoragePolicy) -> v1::ChannelStoragePolicy {
    match policy {
        StoragePolicy::NoStorage => v1::ChannelStoragePolicy::None,
        StoragePolicy::MostRecent => v1::ChannelStoragePolicy::MostRecent,
    }
}

fn state(state: State) -> v1::ChannelState {
    match state {
        State::Creating => v1::ChannelState::Creating,
        State::Active => v1::ChannelState::Active,
        State::Deleting => v1::ChannelState::Deleting,
        State::Failed => v1::ChannelState::Failed,
        State::Found => v1::ChannelState::Found,
    }
}
