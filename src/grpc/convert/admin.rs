//! Workspaces, apps, credentials, keys and activity types.

use super::device::platform;
use super::push::{alert, environment};
use super::time;
use crate::domain::activity_type::{ActivityType, Join};
use crate::domain::delivery::Labels;
use crate::domain::platform::{Build, DataKeys};
use crate::domain::tenant::{ApiKey, App, SealedCredential, Signer, Workspace};
use crate::proto::v1;

/// A tenant.
pub fn workspace(workspace: &Workspace) -> v1::Workspace {
    v1::Workspace {
        workspace_id: workspace.id.to_string(),
        name: workspace.name.clone(),
        create_time: Some(time::to_proto(workspace.created_at)),
        update_time: Some(time::to_proto(workspace.updated_at)),
        delivery_labels: labels(workspace.delivery_labels).into(),
    }
}

/// Whose words the send log has.
pub fn labels(labels: Labels) -> v1::DeliveryLabels {
    match labels {
        Labels::Tidings => v1::DeliveryLabels::Tidings,
        Labels::Dengage => v1::DeliveryLabels::Dengage,
        Labels::DengageDelivered => v1::DeliveryLabels::DengageDelivered,
    }
}

/// None where the caller does not say.
pub fn read_labels(labels: v1::DeliveryLabels) -> Option<Labels> {
    match labels {
        v1::DeliveryLabels::Unspecified => None,
        v1::DeliveryLabels::Tidings => Some(Labels::Tidings),
        v1::DeliveryLabels::Dengage => Some(Labels::Dengage),
        v1::DeliveryLabels::DengageDelivered => Some(Labels::DengageDelivered),
    }
}

/// An app.
pub fn app(app: &App) -> v1::App {
    let common = v1::App {
        app_id: app.id.to_string(),
        name: app.name.clone(),
        platform: platform(app.build.platform()).into(),
        create_time: Some(time::to_proto(app.created_at)),
        update_time: Some(time::to_proto(app.updated_at)),
        ..v1::App::default()
    };
    match &app.build {
        Build::Ios { bundle_id } => v1::App {
            bundle_id: bundle_id.clone(),
            default_environment: environment(app.default_environment).into(),
            ..common
        },
        Build::Android { package_name, fcm_project_id, fcm_data_keys } => v1::App {
            package_name: package_name.clone(),
            fcm_project_id: fcm_project_id.clone(),
            fcm_data_keys: data_keys(*fcm_data_keys).into(),
            ..common
        },
    }
}

/// The names of an Android app's keys.
fn data_keys(keys: DataKeys) -> v1::FcmDataKeys {
    match keys {
        DataKeys::Tidings => v1::FcmDataKeys::Tidings,
        DataKeys::Sendora => v1::FcmDataKeys::Sendora,
    }
}

/// None where the caller did not say.
pub fn read_data_keys(keys: v1::FcmDataKeys) -> Option<DataKeys> {
    match keys {
        v1::FcmDataKeys::Unspecified => None,
        v1::FcmDataKeys::Tidings => Some(DataKeys::Tidings),
        v1::FcmDataKeys::Sendora => Some(DataKeys::Sendora),
    }
}

/// A credential without its key.
pub fn credential(credential: &SealedCredential) -> v1::Credential {
    let (failing_since, failing_reason) = credential.failing.clone().unzip();
    let common = v1::Credential {
        credential_id: credential.id.to_string(),
        app_id: credential.app.to_string(),
        create_time: Some(time::to_proto(credential.created_at)),
        failing_time: failing_since.map(time::to_proto),
        failing_reason: failing_reason.unwrap_or_default(),
        ..v1::Credential::default()
    };
    match &credential.signer {
        Signer::ApnsKey { key_id, team_id, environment: world } => v1::Credential {
            key_id: key_id.clone(),
            team_id: team_id.clone(),
            environment: world.map_or(v1::ApnsEnvironment::Unspecified, environment).into(),
            ..common
        },
        Signer::ServiceAccount { client_email, private_key_id } => v1::Credential {
            client_email: client_email.clone(),
            private_key_id: private_key_id.clone(),
            ..common
        },
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
