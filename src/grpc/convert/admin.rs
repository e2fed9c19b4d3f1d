//! Workspaces, apps, credentials, keys and activity types.

use super::push::{alert, environment};
use super::time;
use crate::domain::activity_type::{ActivityType, Join};
use crate::domain::tenant::{ApiKey, App, SealedCredential, Workspace};
use crate::proto::v1;

/// A tenant.
pub fn workspace(workspace: &Workspace) -> v1::Workspace {
    v1::Workspace {
        workspace_id: workspace.id.to_string(),
        name: workspace.name.clone(),
        create_time: Some(time::to_proto(workspace.created_at)),
        update_time: Some(time::to_proto(workspace.updated_at)),
    }
}

/// An app.
pub fn app(app: &App) -> v1::App {
    v1::App {
        app_id: app.id.to_string(),
        name: app.name.clone(),
        platform: v1::Platform::Ios.into(),
        bundle_id: app.bundle_id.clone(),
        default_environment: environment(app.default_environment).into(),
        create_time: Some(time::to_proto(app.created_at)),
        update_time: Some(time::to_proto(app.updated_at)),
    }
}

/// A credential without its key.
pub fn credential(credential: &SealedCredential) -> v1::Credential {
    let world = credential.environment.map_or(v1::ApnsEnvironment::Unspecified, environment);
    v1::Credential {
        credential_id: credential.id.to_string(),
        app_id: credential.app.to_string(),
        key_id: credential.key_id.clone(),
        team_id: credential.team_id.clone(),
        environment: world.into(),
        create_time: Some(time::to_proto(credential.created_at)),
    }
}

/// A key without its value.
pub fn api_key(key: &ApiKey) -> v1::ApiKey {
    v1::ApiKey {
        api_key_id: key.id.to_string(),
        workspace_id: key.workspace.to_string(),
        name: key.name.clone(),
        scopes: key.scopes.iter().map(|scope| scope.word().to_owned()).collect(),
        create_time: Some(time::to_proto(key.created_at)),
        expire_time: key.expires_at.map(time::to_proto),
    }
}

/// An activity type.
pub fn activity_type(kind: &ActivityType) -> v1::ActivityType {
    v1::ActivityType {
        activity_type: kind.name.clone(),
        ios_attributes_type: kind.ios_attributes_type.clone(),
        id_attribute: kind.id_attribute.clone(),
        run_attribute: kind.run_attribute.clone(),
        default_alert: alert(&kind.default_alert),
        join: join(kind.join).into(),
        app_may_start: Some(kind.app_may_start),
        create_time: Some(time::to_proto(kind.created_at)),
        update_time: Some(time::to_proto(kind.updated_at)),
    }
}

/// Which devices may join.
pub fn join(join: Join) -> v1::JoinRule {
    match join {
        Join::Audience => v1::JoinRule::Audience,
        Join::Open => v1::JoinRule::Open,
    }
}

/// Which devices may join; those of the audience where the caller does not say.
pub fn read_join(join: v1::JoinRule) -> Join {
    match join {
        v1::JoinRule::Unspecified | v1::JoinRule::Audience => Join::Audience,
        v1::JoinRule::Open => Join::Open,
    }
}
