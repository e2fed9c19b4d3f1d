//! The table `subscriptions`, and its rows as `domain` sees them.

use crate::clock::Time;
use crate::domain::ids::{
    ActivityKey, AppId, DeviceKey, ShardId, SubscriptionId, TokenId, WorkspaceId,
};
use crate::domain::shard::Place;
use crate::domain::subscription::{Card, Exception, Reason, State, Subscription};
use crate::domain::targeted::Targeted;
use crate::error::Error;
use crate::store::codes::{self, Code};
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriptions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workspace_id: Uuid,
    pub activity_key: Uuid,
    pub run: i64,
    pub app_id: Uuid,
    pub environment: i16,
    pub route: i16,
    pub shard_id: Uuid,
    pub device_key: Uuid,
    pub contact_key: String,
    pub state: i16,
    pub reason: String,
    pub cause: i16,
    pub version: i64,
    pub asked_at: i64,
    pub starts_begun: i32,
    pub start_doubt_until: Option<i64>,
    pub card_token_id: Option<Uuid>,
    pub card_id: Option<String>,
    pub card_shown_since: Option<i64>,
    pub has_second: bool,
    pub second_token_id: Option<Uuid>,
    pub second_card_id: Option<String>,
    pub closed_card_id: Option<String>,
    pub is_exceptional: bool,
    pub look_at: Option<i64>,
    pub own_delivered: Option<i64>,
    pub own_last_stamp: Option<i64>,
    pub in_flight_revision: Option<i64>,
    pub in_flight_until: Option<i64>,
    pub failed_revision: Option<i64>,
    pub attempts: Option<i32>,
    pub retry_at: Option<i64>,
    pub not_before: Option<i64>,
    pub targeted_end: i64,
    pub targeted_update: i64,
    pub targeted_alert: i64,
    pub alerted: i64,
    pub fallback: i16,
    pub closing: bool,
    pub reported_state: Option<i16>,
    pub reported_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// It differs from its shard, or asks for work of its own: such rows have an index.
fn is_exceptional(row: &Subscription) -> bool {
    row.exception.is_some()
        || row.second.is_some()
        || row.closing
        || row.state == State::PendingStart
}

impl From<Subscription> for Model {
    fn from(row: Subscription) -> Self {
        let is_exceptional = is_exceptional(&row);
        let own = row.exception;
        let (in_flight_revision, in_flight_until) =
            own.and_then(|own| own.in_flight).map(|(revision, until)| (revision, until.0)).unzip();
        let (reported_state, reported_at) = row.report.unzip();
        let has_second = row.second.is_some();
        let second = row.second.unwrap_or_default();
        Model {
            id: row.id.0,
            workspace_id: row.workspace.0,
            activity_key: row.place.activity.0,
            run: row.place.run,
            app_id: row.place.app.0,
            environment: row.place.environment.code(),
            route: row.place.route.code(),
            shard_id: row.shard.0,
            device_key: row.device.0,
            contact_key: row.contact_key,
            state: row.state.code(),
            reason: row.reason.as_ref().map_or(String::new(), |reason| reason.word().to_owned()),
            cause: row.cause.code(),
            version: row.version,
            asked_at: row.asked_at.0,
            starts_begun: row.starts_begun,
            start_doubt_until: row.start_doubt_until.map(|at| at.0),
            card_token_id: row.card.token.map(|id| id.0),
            card_id: row.card.device_activity_id,
            card_shown_since: row.card.shown_since.map(|at| at.0),
            has_second,
            second_token_id: second.token.map(|id| id.0),
            second_card_id: second.device_activity_id,
            closed_card_id: row.closed_card,
            is_exceptional,
            look_at: row.look_at.map(|at| at.0),
            own_delivered: own.map(|own| own.delivered),
            own_last_stamp: own.map(|own| own.last_stamp),
            in_flight_revision,
            in_flight_until,
            failed_revision: own.map(|own| own.failed),
            attempts: own.map(|own| own.attempts),
            retry_at: own.and_then(|own| own.retry_at).map(|at| at.0),
            not_before: own.and_then(|own| own.not_before).map(|at| at.0),
            targeted_end: row.targeted.end,
            targeted_update: row.targeted.update,
            targeted_alert: row.targeted.alert,
            alerted: row.alerted,
            fallback: row.fallback.code(),
            closing: row.closing,
            reported_state: reported_state.map(Code::code),
            reported_at: reported_at.map(|at| at.0),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        }
    }
}

impl Model {
    fn exception(&self) -> Option<Exception> {
        Some(Exception {
            delivered: self.own_delivered?,
            last_stamp: self.own_last_stamp.unwrap_or_default(),
            in_flight: self.in_flight_revision.zip(self.in_flight_until.map(Time)),
            failed: self.failed_revision.unwrap_or_default(),
            attempts: self.attempts.unwrap_or_default(),
            retry_at: self.retry_at.map(Time),
            not_before: self.not_before.map(Time),
        })
    }
}

impl TryFrom<Model> for Subscription {
    type Error = Error;

    fn try_from(model: Model) -> Result<Self, Error> {
        let exception = model.exception();
        let second = Card {
            token: model.second_token_id.map(TokenId),
            device_activity_id: model.second_card_id,
            // A card that is to be ended grows no older.
            shown_since: None,
        };
        Ok(Subscription {
            id: SubscriptionId(model.id),
            workspace: WorkspaceId(model.workspace_id),
            place: Place {
                activity: ActivityKey(model.activity_key),
                run: model.run,
                app: AppId(model.app_id),
                environment: Code::from_code(model.environment)?,
                route: Code::from_code(model.route)?,
            },
            shard: ShardId(model.shard_id),
            device: DeviceKey(model.device_key),
            contact_key: model.contact_key,
            state: Code::from_code(model.state)?,
            reason: Reason::from_word(&model.reason),
            cause: Code::from_code(model.cause)?,
            version: model.version,
            asked_at: Time(model.asked_at),
            starts_begun: model.starts_begun,
            start_doubt_until: model.start_doubt_until.map(Time),
            card: Card {
                token: model.card_token_id.map(TokenId),
                device_activity_id: model.card_id,
                shown_since: model.card_shown_since.map(Time),
            },
            second: model.has_second.then_some(second),
            closed_card: model.closed_card_id,
            exception,
            look_at: model.look_at.map(Time),
            targeted: Targeted {
                end: model.targeted_end,
                update: model.targeted_update,
                alert: model.targeted_alert,
            },
            alerted: model.alerted,
            fallback: Code::from_code(model.fallback)?,
            closing: model.closing,
            report: codes::optional(model.reported_state)?.zip(model.reported_at.map(Time)),
            created_at: Time(model.created_at),
            updated_at: Time(model.updated_at),
        })
    }
}
