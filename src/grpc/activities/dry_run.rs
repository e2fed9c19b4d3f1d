//! Calls that are only tried out.

use super::{declare, read};
use crate::domain::sizes::PushSize;
use crate::error::Result;
use crate::grpc::Edge;
use crate::grpc::convert::activity::activity;
use crate::grpc::convert::delivery::provider;
use crate::grpc::convert::push::operation;
use crate::grpc::convert::subscription::route;
use crate::grpc::convert::time::to_proto;
use crate::proto::v1::{
    self, ApplyActivityRequest, ApplyActivityResponse, EndActivityRequest, EndActivityResponse,
    StartActivityRequest, StartActivityResponse, UpdateActivityRequest, UpdateActivityResponse,
};
use crate::service::Principal;
use crate::service::activities::{self, DryRun};

impl Edge {
    pub(super) async fn try_start(
        &self,
        principal: &Principal,
        request: &StartActivityRequest,
    ) -> Result<StartActivityResponse> {
        let asked = read::start(request)?;
        let tried = activities::try_start(&self.service, principal.workspace, asked).await?;
        Ok(StartActivityResponse {
            activity: Some(activity(&tried.activity)),
            adopted: tried.adopted,
            replayed: false,
            dry_run: Some(dry_run(&tried)),
        })
    }

    pub(super) async fn try_update(
        &self,
        principal: &Principal,
        request: &UpdateActivityRequest,
    ) -> Result<UpdateActivityResponse> {
        let asked = read::update(request)?;
        let tried = activities::try_update(&self.service, principal.workspace, asked).await?;
        Ok(UpdateActivityResponse {
            revision: tried.activity.revision,
            run: tried.activity.run,
            ignored: tried.ignored,
            replayed: false,
            dry_run: Some(dry_run(&tried)),
        })
    }

    pub(super) async fn try_end(
        &self,
        principal: &Principal,
        request: &EndActivityRequest,
    ) -> Result<EndActivityResponse> {
        let asked = read::end(request)?;
        let tried = activities::try_end(&self.service, principal.workspace, asked).await?;
        Ok(EndActivityResponse {
            revision: tried.activity.revision,
            run: tried.activity.run,
            dismiss_time: tried.dismiss_at.map(to_proto),
            replayed: false,
            dry_run: Some(dry_run(&tried)),
        })
    }

    pub(super) async fn try_apply(
        &self,
        principal: &Principal,
        request: &ApplyActivityRequest,
    ) -> Result<ApplyActivityResponse> {
        let asked = read::apply(request)?;
        let (tried, action) =
            activities::try_apply(&self.service, principal.workspace, asked).await?;
        Ok(ApplyActivityResponse {
            activity: Some(activity(&tried.activity)),
            action: declare::action(action).into(),
            adopted: tried.adopted,
            ignored: tried.ignored,
            replayed: false,
            dry_run: Some(dry_run(&tried)),
        })
    }
}

fn dry_run(tried: &DryRun) -> v1::DryRun {
    let routes = tried.devices.iter().map(|(by, devices)| v1::RouteDevices {
        route: route(*by).into(),
        devices: i64::try_from(*devices).unwrap_or(i64::MAX),
    });
    v1::DryRun { pushes: tried.sizes.iter().map(push_size).collect(), routes: routes.collect() }
}

fn push_size(push: &PushSize) -> v1::PushSize {
    let bytes = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    v1::PushSize {
        provider: provider(push.provider).into(),
        operation: operation(push.operation).into(),
        bytes: bytes(push.size.total),
        bytes_max: bytes(push.limit),
        attributes_bytes: bytes(push.size.attributes),
        content_state_bytes: bytes(push.size.content_state),
        alert_bytes: bytes(push.size.alert),
        envelope_bytes: bytes(push.size.envelope),
    }
}
