//! Activities.

use super::content::to_struct;
use super::time;
use crate::domain::activity::{Activity, Origin, State};
use crate::proto::v1;

/// An activity as the backend sees it.
pub fn activity(activity: &Activity) -> v1::Activity {
    v1::Activity {
        activity_id: activity.activity_id.clone(),
        activity_type: activity.activity_type.clone(),
        external_id: activity.external_id.clone(),
        run: activity.run,
        revision: activity.revision,
        state: state(activity.state).into(),
        attributes: Some(to_struct(&activity.attributes)),
        attributes_json: activity.attributes.as_str().to_owned(),
        content_state: Some(to_struct(&activity.content)),
        content_state_json: activity.content.as_str().to_owned(),
        origin: origin(activity.origin).into(),
        create_time: Some(time::to_proto(activity.created_at)),
        update_time: Some(time::to_proto(activity.updated_at)),
        start_time: Some(time::to_proto(activity.started_at)),
        end_time: activity.ended_at.map(time::to_proto),
        expire_time: Some(time::to_proto(activity.expires_at)),
    }
}

/// Where a run is in its life.
pub fn state(state: State) -> v1::ActivityState {
    match state {
        State::Scheduled => v1::ActivityState::Scheduled,
        State::Active => v1::ActivityState::Active,
        State::Ended => v1::ActivityState::Ended,
        State::Expired => v1::ActivityState::Expired,
    }
}

/// None is any.
pub fn read_state(state: v1::ActivityState) -> Option<State> {
    match state {
        v1::ActivityState::Unspecified => None,
        v1::ActivityState::Scheduled => Some(State::Scheduled),
        v1::ActivityState::Active => Some(State::Active),
        v1::ActivityState::Ended => Some(State::Ended),
        v1::ActivityState::Expired => Some(State::Expired),
    }
}

/// Who started a run.
pub fn origin(origin: Origin) -> v1::ActivityOrigin {
    match origin {
        Origin::Backend => v1::ActivityOrigin::Backend,
        Origin::App => v1::ActivityOrigin::App,
    }
}

/// Only the device seen most recently is meant.
pub fn read_latest_only(preference: v1::DevicePreference) -> bool {
    match preference {
        v1::DevicePreference::Unspecified | v1::DevicePreference::All => false,
        v1::DevicePreference::Latest => true,
    }
}
