//! The table `recipients`, and its rows as `domain` sees them.

use crate::domain::ids::{ActivityKey, WorkspaceId};
use crate::domain::recipient::{Recipient, Way};
use crate::error::{Error, Result};
use crate::store::codes::corrupt;
use sea_orm::entity::prelude::*;

/// How the kinds of ways are stored.
pub(in crate::store) const CONTACT: i16 = 1;
pub(in crate::store) const DEVICE: i16 = 2;
pub(in crate::store) const SEGMENT: i16 = 3;
pub(in crate::store) const EVERYONE: i16 = 4;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "recipients")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub activity_key: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub run: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: i16,
    #[sea_orm(primary_key, auto_increment = false)]
    pub value: String,
    pub workspace_id: Uuid,
    pub segment_key: Option<Uuid>,
    pub live: bool,
    pub since: i64,
    pub as_of: i64,
    pub followed: i64,
    pub cursor: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A way as its two columns: the kind and the value.
pub(in crate::store) fn columns(way: &Way) -> (i16, String) {
    match way {
        Way::Contact(key) => (CONTACT, key.clone()),
        Way::Device(id) => (DEVICE, id.clone()),
        Way::Segment(key) => (SEGMENT, key.to_string()),
        Way::Everyone => (EVERYONE, String::new()),
    }
}

impl From<Recipient> for Model {
    fn from(row: Recipient) -> Self {
        let (kind, value) = columns(&row.way);
        let segment_key = match &row.way {
            Way::Segment(key) => Some(key.0),
            Way::Contact(_) | Way::Device(_) | Way::Everyone => None,
        };
        Model {
            activity_key: row.activity.0,
            run: row.run,
            kind,
            value,
            workspace_id: row.workspace.0,
            segment_key,
            live: row.live,
            since: row.since,
            as_of: row.as_of,
            followed: row.followed,
            cursor: row.cursor,
        }
    }
}

impl TryFrom<Model> for Recipient {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self> {
        let way = match model.kind {
            CONTACT => Way::Contact(model.value),
            DEVICE => Way::Device(model.value),
            SEGMENT => {
                Way::Segment(model.value.parse().map_err(|_| corrupt("segment of a recipient"))?)
            }
            EVERYONE => Way::Everyone,
            _ => return Err(corrupt("kind of a recipient")),
        };
        Ok(Recipient {
            activity: ActivityKey(model.activity_key),
            run: model.run,
            workspace: WorkspaceId(model.workspace_id),
            way,
            live: model.live,
            since: model.since,
            as_of: model.as_of,
            followed: model.followed,
            cursor: model.cursor,
        })
    }
}
