//! The table `devices`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::device::{Description, Device, OsVersion};
use crate::domain::ids::{AppId, DeviceKey, WorkspaceId};
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "devices")]
#[expect(clippy::struct_field_names, reason = "the word of the contract for a kind of device")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: Uuid,
    pub workspace_id: Uuid,
    pub device_id: String,
    pub app_id: Uuid,
    pub contact_key: String,
    pub platform: i16,
    pub form_factor: i16,
    pub os_major: i32,
    pub os_minor: i32,
    pub environment: i16,
    pub activities_enabled: bool,
    pub frequent_pushes_enabled: bool,
    pub notifications_permission: bool,
    pub app_version: String,
    pub sdk_version: String,
    pub manufacturer: String,
    pub model: String,
    pub locale: String,
    pub created_at: i64,
    pub last_seen_at: i64,
    pub deleted_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Device> for Model {
    fn from(row: Device) -> Self {
        Model {
            key: row.key.0,
            workspace_id: row.workspace.0,
            device_id: row.device_id,
            app_id: row.app.0,
            contact_key: row.contact_key,
            platform: row.platform.code(),
            form_factor: row.form_factor.code(),
            os_major: i32::from(row.os_version.major),
            os_minor: i32::from(row.os_version.minor),
            environment: row.environment.code(),
            activities_enabled: row.activities_enabled,
            frequent_pushes_enabled: row.frequent_pushes_enabled,
            notifications_permission: row.notifications_permission,
            app_version: row.description.app_version,
            sdk_version: row.description.sdk_version,
            manufacturer: row.description.manufacturer,
            model: row.description.model,
            locale: row.description.locale,
            created_at: row.created_at.0,
            last_seen_at: row.last_seen_at.0,
            deleted_at: row.deleted_at.map(|at| at.0),
        }
    }
}

impl TryFrom<Model> for Device {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let version = |part: i32| u16::try_from(part).map_err(|_| codes::corrupt("version"));
        Ok(Device {
            key: DeviceKey(model.key),
            workspace: WorkspaceId(model.workspace_id),
            device_id: model.device_id,
            app: AppId(model.app_id),
            contact_key: model.contact_key,
            platform: Code::from_code(model.platform)?,
            form_factor: Code::from_code(model.form_factor)?,
            os_version: OsVersion {
                major: version(model.os_major)?,
                minor: version(model.os_minor)?,
            },
            environment: Code::from_code(model.environment)?,
            activities_enabled: model.activities_enabled,
            frequent_pushes_enabled: model.frequent_pushes_enabled,
            notifications_permission: model.notifications_permission,
            description: Description {
                app_version: model.app_version,
                sdk_version: model.sdk_version,
                manufacturer: model.manufacturer,
                model: model.model,
                locale: model.locale,
            },
            created_at: Time(model.created_at),
            last_seen_at: Time(model.last_seen_at),
            deleted_at: model.deleted_at.map(Time),
        })
    }
}
