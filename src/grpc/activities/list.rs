//! The lists: which activities there are, and who has one.

use crate::error::Result;
use crate::grpc::Edge;
use crate::grpc::convert::activity::{activity, read_state};
use crate::grpc::convert::subscription::{read_state as read_subscription_state, subscription};
use crate::grpc::validate::Violations;
use crate::proto::v1::{
    self, ListActivitiesRequest, ListActivitiesResponse, ListSubscriptionsRequest,
    ListSubscriptionsResponse,
};
use crate::service::activities::ActivityFilter;
use crate::service::subscriptions::Filter;
use crate::service::{Principal, activities, subscriptions};
use std::mem::take;

impl Edge {
    pub(super) async fn list(
        &self,
        principal: &Principal,
        mut request: ListActivitiesRequest,
    ) -> Result<ListActivitiesResponse> {
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (principal, "ListActivities");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.optional_id("activity_type", &request.activity_type);
        violations.optional_id("contact_key", &request.contact_key);
        violations.optional_id("external_id", &request.external_id);
        let state: Option<v1::ActivityState> = violations.known("state", request.state);
        let filter = ActivityFilter {
            state: state.and_then(read_state),
            activity_type: given(&request.activity_type),
            contact_key: given(&request.contact_key),
            external_id: given(&request.external_id),
            created_after: violations.time("created_after", request.created_after.as_ref()),
            created_before: violations.time("created_before", request.created_before.as_ref()),
        };
        violations.finish()?;
        let workspace = principal.workspace;
        let found = activities::list(&self.service, workspace, &filter, &listing.page).await?;
        Ok(ListActivitiesResponse {
            activities: found.items.iter().map(activity).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        })
    }

    pub(super) async fn list_who(
        &self,
        principal: &Principal,
        mut request: ListSubscriptionsRequest,
    ) -> Result<ListSubscriptionsResponse> {
        let mut violations = Violations::new();
        let page = (take(&mut request.page_size), take(&mut request.page_token));
        let whose = (principal, "ListSubscriptions");
        let listing = self.listing(whose, (page.0, &page.1), &request, &mut violations);
        violations.id("activity_id", &request.activity_id);
        violations.optional_id("device_id", &request.device_id);
        violations.list_size("states", request.states.len());
        let mut states = Vec::new();
        for (index, state) in request.states.iter().enumerate() {
            let field = format!("states[{index}]");
            let state: Option<v1::SubscriptionState> = violations.known(&field, *state);
            states.extend(state.and_then(read_subscription_state));
        }
        violations.finish()?;
        let filter = Filter {
            activity_id: request.activity_id.clone(),
            run: request.run,
            states,
            device_id: given(&request.device_id),
        };
        let workspace = principal.workspace;
        let found = subscriptions::list(&self.service, workspace, filter, &listing.page).await?;
        Ok(ListSubscriptionsResponse {
            subscriptions: found.items.iter().map(subscription).collect(),
            next_page_token: self.next(&listing, found.next.as_deref()),
        })
    }
}

fn given(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
