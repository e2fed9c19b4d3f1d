//! Why a device shows what it shows.

use crate::error::Result;
use crate::grpc::Edge;
use crate::grpc::convert::activity::activity;
use crate::grpc::convert::explanation::{device, finding};
use crate::grpc::convert::time::to_proto;
use crate::grpc::validate::Violations;
use crate::proto::v1::{ExplainDeliveryRequest, ExplainDeliveryResponse};
use crate::service::explanations::{Asked, Whom};
use crate::service::{Principal, deliveries, explanations};

impl Edge {
    pub(super) async fn explain(
        &self,
        principal: &Principal,
        request: ExplainDeliveryRequest,
    ) -> Result<ExplainDeliveryResponse> {
        let asked = read(request)?;
        let workspace = principal.workspace;
        let labels = deliveries::labels(&self.service, workspace).await?;
        let explained = explanations::explain(&self.service, workspace, asked).await?;
        let now = explained.now;
        Ok(ExplainDeliveryResponse {
            activity: Some(activity(&explained.activity)),
            run: explained.run,
            findings: explained.findings.iter().map(|found| finding(found, now)).collect(),
            devices: explained.devices.iter().map(|one| device(one, labels, now)).collect(),
            has_more_devices: explained.has_more_devices,
            explain_time: Some(to_proto(now)),
        })
    }
}

fn read(request: ExplainDeliveryRequest) -> Result<Asked> {
    let mut violations = Violations::new();
    violations.id("activity_id", &request.activity_id);
    violations.optional_id("device_id", &request.device_id);
    violations.optional_id("contact_key", &request.contact_key);
    let kinds = [
        ("device_id", !request.device_id.is_empty()),
        ("contact_key", !request.contact_key.is_empty()),
    ];
    if !violations.at_most_one(&kinds) {
        violations.add("device_id", "is missing: give device_id or contact_key");
    }
    violations.finish()?;
    let ExplainDeliveryRequest { activity_id, run, device_id, contact_key } = request;
    let whom =
        if device_id.is_empty() { Whom::Contact(contact_key) } else { Whom::Device(device_id) };
    Ok(Asked { activity_id, run, whom })
}
