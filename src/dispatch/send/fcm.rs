//! A message as Google takes it.

use super::{Ready, alert, dismissal, revision};
use crate::clock::Time;
use crate::dispatch::steps::{Planned, Work};
use crate::domain::payload::fcm::{self, DATA_BYTES_MAX, Message, Notification};
use crate::domain::plan::Kind;
use crate::domain::platform::{Build, DataKeys};
use crate::domain::token::TokenKind;
use crate::provider::fcm::{Batch, Push, ServiceAccount, Target};
use bytes::Bytes;
use std::sync::Arc;
use uuid::Uuid;

/// Messages that one service account sends.
pub(super) fn batch(work: &Work, account: Arc<ServiceAccount>, ready: Vec<Ready>) -> Batch {
    let project_id = match &work.app.build {
        Build::Android { fcm_project_id, .. } => fcm_project_id.as_str(),
        Build::Ios { .. } => "",
    };
    let pushes = ready.into_iter().map(|Ready { index, device, kind, token, body, .. }| Push {
        index,
        device,
        target: match kind {
            TokenKind::FcmInstallationId => Target::InstallationId(token),
            _ => Target::Token(token),
        },
        message: body,
    });
    let pushes = pushes.collect();
    Batch { project_id: Arc::from(project_id), credential: account, pushes }
}

/// The message without its target, and whether Google takes it.
pub(super) fn build(work: &Work, planned: &Planned, (stamp, now): (i64, Time)) -> (Bytes, bool) {
    let plan = &planned.plan;
    let revision = revision(work, plan);
    let operation = plan.kind.operation();
    let alert = alert(work, plan);
    let message_id = message_id(work, planned).to_string();
    if plan.kind == Kind::Fallback {
        let notification = Notification {
            activity_id: &work.activity.activity_id,
            run: work.shard.place.run,
            alert: &alert.unwrap_or_default(),
            message_id: &message_id,
            ttl: fcm::ttl(operation, None, now),
        };
        return (notification.build(), true);
    }
    let until = match plan.kind {
        Kind::Start => Some(work.wanted.deliver_until(&planned.subscription)),
        _ => revision.stale_at,
    };
    let message = Message {
        keys: match work.app.build {
            Build::Android { fcm_data_keys, .. } => fcm_data_keys,
            Build::Ios { .. } => DataKeys::Tidings,
        },
        activity_id: &work.activity.activity_id,
        run: work.shard.place.run,
        operation,
        revision: plan.revision,
        activity_type: &work.activity.activity_type,
        attributes: &work.activity.attributes,
        content_state: &revision.content,
        timestamp: Time::from_seconds(stamp),
        stale_time: revision.stale_at,
        dismiss_time: dismissal(work, planned, now),
        alert: alert.as_ref(),
        message_id: &message_id,
        ttl: fcm::ttl(operation, until, now),
    };
    let fits = message.size().total <= DATA_BYTES_MAX;
    (message.build(), fits)
}

/// The same for all devices and for a resend: the app knows what it had.
fn message_id(work: &Work, planned: &Planned) -> Uuid {
    let run = work.shard.place.run;
    let name = format!("{run}/{}/{:?}", planned.plan.revision, planned.plan.kind);
    Uuid::new_v5(&work.activity.key.0, name.as_bytes())
}
