//! The table `apps`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{AppId, WorkspaceId};
use crate::domain::platform::{Build, Platform};
use crate::domain::tenant::App;
use crate::error::Error;
use crate::store::codes::{Code, corrupt};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "apps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub name: String,
    pub platform: i16,
    pub bundle_id: Option<String>,
    pub package_name: Option<String>,
    pub fcm_project_id: Option<String>,
    pub fcm_data_keys: Option<i16>,
    pub default_environment: i16,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<App> for Model {
    fn from(row: App) -> Self {
        let platform = row.build.platform().code();
        let (bundle_id, android) = match row.build {
            Build::Ios { bundle_id } => (Some(bundle_id), None),
            Build::Android { package_name, fcm_project_id, fcm_data_keys } => {
                (None, Some((package_name, fcm_project_id, fcm_data_keys.code())))
            }
        };
        let (package_name, fcm_project_id, fcm_data_keys) = match android {
            Some((name, project, keys)) => (Some(name), Some(project), Some(keys)),
            None => (None, None, None),
        };
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            name: row.name,
            platform,
            bundle_id,
            package_name,
            fcm_project_id,
            fcm_data_keys,
            default_environment: row.default_environment.code(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

fn build(model: &Model) -> Result<Build, Error> {
    let given = |text: &Option<String>| text.clone().ok_or_else(|| corrupt("app"));
    Ok(match Platform::from_code(model.platform)? {
        Platform::Ios => Build::Ios { bundle_id: given(&model.bundle_id)? },
        Platform::Android => Build::Android {
            package_name: given(&model.package_name)?,
            fcm_project_id: given(&model.fcm_project_id)?,
            fcm_data_keys: Code::from_code(model.fcm_data_keys.unwrap_or_default())?,
        },
    })
}

impl TryFrom<Model> for App {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let build = build(&model)?;
        Ok(App {
            id: AppId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            name: model.name,
            build,
            default_environment: Code::from_code(model.default_environment)?,
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
