//! Recipients that join a running activity, and those that leave it.

use crate::error::Result;
use crate::grpc::validate::Violations;
use crate::grpc::{Edge, call};
use crate::proto::v1;
use crate::service::recipients::{Named, RecipientsAsked};
use crate::service::{Principal, recipients};
use std::mem::take;

impl Edge {
    /// Adds recipients.
    pub(super) async fn add(
        &self,
        principal: &Principal,
        mut request: v1::AddRecipientsRequest,
    ) -> Result<v1::AddRecipientsResponse> {
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((principal, "AddRecipients"), request_id, &request, &mut violations);
        violations.id("activity_id", &request.activity_id);
        let recipients = read(request.recipients.as_ref(), &mut violations);
        violations.finish()?;
        let asked = RecipientsAsked {
            activity_id: request.activity_id,
            run: request.run,
            recipients,
            restart_dismissed: request.restart_dismissed,
        };
        let done = recipients::add(&self.service, &call, asked).await?;
        Ok(v1::AddRecipientsResponse {
            run: done.answer.run,
            added: done.answer.changed,
            already_there: done.answer.unchanged,
            replayed: done.replayed,
        })
    }

    /// Removes recipients.
    pub(super) async fn remove(
        &self,
        principal: &Principal,
        mut request: v1::RemoveRecipientsRequest,
    ) -> Result<v1::RemoveRecipientsResponse> {
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((principal, "RemoveRecipients"), request_id, &request, &mut violations);
        violations.id("activity_id", &request.activity_id);
        let recipients = read(request.recipients.as_ref(), &mut violations);
        violations.finish()?;
        let asked = RecipientsAsked {
            activity_id: request.activity_id,
            run: request.run,
            recipients,
            restart_dismissed: false,
        };
        let done = recipients::remove(&self.service, &call, asked).await?;
        Ok(v1::RemoveRecipientsResponse {
            run: done.answer.run,
            removed: done.answer.changed,
            not_there: done.answer.unchanged,
            replayed: done.replayed,
        })
    }
}

fn read(recipients: Option<&v1::Recipients>, violations: &mut Violations) -> Named {
    let given = recipients.cloned().unwrap_or_default();
    let kinds = [
        ("recipients.contact_keys", !given.contact_keys.is_empty()),
        ("recipients.device_ids", !given.device_ids.is_empty()),
        ("recipients.segment_id", !given.segment_id.is_empty()),
    ];
    if !violations.at_most_one(&kinds) {
        let problem = "is missing: give contact_keys, device_ids or segment_id";
        violations.add("recipients", problem);
    }
    violations.ids("recipients.contact_keys", &given.contact_keys);
    violations.ids("recipients.device_ids", &given.device_ids);
    violations.optional_id("recipients.segment_id", &given.segment_id);
    if !given.segment_id.is_empty() {
        Named::Segment(given.segment_id)
    } else if given.device_ids.is_empty() {
        Named::ContactKeys(given.contact_keys)
    } else {
        Named::DeviceIds(given.device_ids)
    }
}
