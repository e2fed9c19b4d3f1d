//! Saying how an activity should be, and that it should be no more.

use super::read;
use crate::domain::apply::Action;
use crate::error::Result;
use crate::grpc::convert::activity::activity;
use crate::grpc::validate::Violations;
use crate::grpc::{Edge, call};
use crate::proto::v1::{
    ApplyAction, ApplyActivityRequest, ApplyActivityResponse, DeleteActivityRequest,
    DeleteActivityResponse,
};
use crate::service::{Principal, activities};
use std::mem::take;

impl Edge {
    pub(super) async fn apply(
        &self,
        principal: &Principal,
        mut request: ApplyActivityRequest,
    ) -> Result<ApplyActivityResponse> {
        if request.validate_only {
            return self.try_apply(principal, &request).await;
        }
        let asked = read::apply(&request)?;
        let request_id = take(&mut request.request_id);
        let call = call((principal, "ApplyActivity"), request_id, &request, &mut Violations::new());
        let done = activities::apply(&self.service, &call, asked).await?;
        let applied = activities::of_answer(&self.service, &done.answer.accepted).await?;
        Ok(ApplyActivityResponse {
            activity: Some(activity(&applied)),
            action: action(done.answer.action).into(),
            adopted: done.answer.accepted.adopted,
            ignored: done.answer.accepted.ignored,
            replayed: done.replayed,
            dry_run: None,
        })
    }

    pub(super) async fn delete(
        &self,
        principal: &Principal,
        mut request: DeleteActivityRequest,
    ) -> Result<DeleteActivityResponse> {
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((principal, "DeleteActivity"), request_id, &request, &mut violations);
        violations.id("activity_id", &request.activity_id);
        violations.finish()?;
        let done = activities::delete(&self.service, &call, request.activity_id).await?;
        Ok(DeleteActivityResponse { replayed: done.replayed })
    }
}

pub(super) fn action(action: Action) -> ApplyAction {
    match action {
        Action::Started => ApplyAction::Started,
        Action::Updated => ApplyAction::Updated,
        Action::Unchanged => ApplyAction::Unchanged,
    }
}
