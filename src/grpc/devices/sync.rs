//! `SyncDevice` and `DeleteDevice`.

use super::read;
use super::token_result;
use crate::domain::sync::Verdict;
use crate::error::Result;
use crate::grpc::convert::content::to_struct;
use crate::grpc::convert::subscription::subscription;
use crate::grpc::convert::time::to_proto;
use crate::grpc::status::to_rpc_status;
use crate::grpc::validate::Violations;
use crate::grpc::{Edge, call};
use crate::proto::v1::{
    self, CardAction, DeleteDeviceRequest, DeleteDeviceResponse, SyncDeviceRequest,
    SyncDeviceResponse,
};
use crate::service::devices::{self, CardAsked, Missing, SyncAsked, SyncedCard, SyncedToken};
use crate::service::{Principal, Service};
use std::mem::take;

const TOKENS_MAX: usize = 32;
const CARDS_MAX: usize = 64;

impl Edge {
    pub(super) async fn sync(
        &self,
        principal: &Principal,
        mut request: SyncDeviceRequest,
    ) -> Result<SyncDeviceResponse> {
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((principal, "SyncDevice"), request_id, &request, &mut violations);
        let asked = read_sync(&self.service, principal, request, violations)?;
        let done = devices::sync(&self.service, &call, asked).await?;
        Ok(SyncDeviceResponse {
            tokens: done.answer.tokens.into_iter().map(token).collect(),
            cards: done.answer.cards.into_iter().map(card).collect(),
            missing: done.answer.missing.iter().map(missing).collect(),
            replayed: done.replayed,
        })
    }

    pub(super) async fn delete_one(
        &self,
        principal: &Principal,
        mut request: DeleteDeviceRequest,
    ) -> Result<DeleteDeviceResponse> {
        let mut violations = Violations::new();
        let request_id = take(&mut request.request_id);
        let call = call((principal, "DeleteDevice"), request_id, &request, &mut violations);
        violations.id("device_id", &request.device_id);
        violations.finish()?;
        let done = devices::delete(&self.service, &call, request.device_id).await?;
        Ok(DeleteDeviceResponse { replayed: done.replayed })
    }
}

fn read_sync(
    service: &Service,
    principal: &Principal,
    request: SyncDeviceRequest,
    mut violations: Violations,
) -> Result<SyncAsked> {
    violations.id("device_id", &request.device_id);
    at_most(("tokens", request.tokens.len()), TOKENS_MAX, &mut violations);
    at_most(("cards", request.cards.len()), CARDS_MAX, &mut violations);
    let mut tokens = Vec::new();
    for (index, token) in request.tokens.iter().enumerate().take(TOKENS_MAX) {
        let field = format!("tokens[{index}]");
        let of_the_call = [("request_id", &token.request_id), ("device_id", &token.device_id)];
        for (name, _) in of_the_call.iter().filter(|(_, value)| !value.is_empty()) {
            violations.add(format!("{field}.{name}"), "belongs to the call, not to one token");
        }
        let device_id = "of the call".to_owned();
        let alone = v1::RegisterTokenRequest { device_id, ..token.clone() };
        match read::token(service, principal.workspace, &alone, Violations::new()) {
            Ok(asked) => tokens.push(tokens_of(asked, &request.device_id)),
            Err(error) => violations.add_all_within(&field, error)?,
        }
    }
    let mut cards = Vec::new();
    for (index, card) in request.cards.into_iter().enumerate().take(CARDS_MAX) {
        let field = format!("cards[{index}]");
        violations.id(&format!("{field}.activity_id"), &card.activity_id);
        let id = &card.device_activity_id;
        violations.optional_id(&format!("{field}.device_activity_id"), id);
        if let Some(revision) = card.revision {
            violations.not_negative(&format!("{field}.revision"), revision);
        }
        cards.push(CardAsked {
            activity_id: card.activity_id,
            run: card.run,
            revision: card.revision,
            device_activity_id: Some(card.device_activity_id).filter(|id| !id.is_empty()),
        });
    }
    violations.finish()?;
    Ok(SyncAsked {
        device_id: request.device_id,
        activities_enabled: request.activities_enabled,
        frequent_pushes_enabled: request.frequent_pushes_enabled,
        notifications_permission: request.notifications_permission,
        tokens,
        cards,
    })
}

fn tokens_of(
    asked: crate::service::tokens::TokenAsked,
    device_id: &str,
) -> crate::service::tokens::TokenAsked {
    crate::service::tokens::TokenAsked { device_id: device_id.to_owned(), ..asked }
}

fn at_most((field, size): (&str, usize), max: usize, violations: &mut Violations) {
    if size > max {
        violations.add(field, format!("has {size} entries; at most {max} are allowed"));
    }
}

fn token(token: SyncedToken) -> v1::SyncedToken {
    match token {
        Ok((result, seen)) => v1::SyncedToken {
            result: token_result(result).into(),
            activity_id: seen.as_ref().map_or_else(String::new, |seen| seen.activity_id.clone()),
            run: seen.map_or(0, |seen| seen.subscription.place.run),
            error: None,
        },
        Err(error) => {
            v1::SyncedToken { error: Some(to_rpc_status(error)), ..v1::SyncedToken::default() }
        }
    }
}

fn card(card: SyncedCard) -> v1::SyncedCard {
    let content = card.content.as_ref();
    let action = match card.verdict {
        Verdict::Keep => CardAction::Keep,
        Verdict::Update => CardAction::Update,
        Verdict::End => CardAction::End,
    };
    v1::SyncedCard {
        activity_id: card.activity_id,
        run: card.run,
        device_activity_id: card.device_activity_id.unwrap_or_default(),
        action: action.into(),
        revision: card.revision,
        content_state: content.map(|content| to_struct(&content.state)),
        content_state_json: content.map_or_else(String::new, |c| c.state.as_str().to_owned()),
        stale_time: content.and_then(|content| content.stale_at).map(to_proto),
        dismiss_time: content.and_then(|content| content.dismiss_at).map(to_proto),
    }
}

fn missing(missing: &Missing) -> v1::MissingCard {
    let state = &missing.content.state;
    v1::MissingCard {
        subscription: Some(subscription(&missing.subscription)),
        activity_type: missing.activity_type.clone(),
        attributes: Some(to_struct(&missing.attributes)),
        attributes_json: missing.attributes.as_str().to_owned(),
        content_state: Some(to_struct(state)),
        content_state_json: state.as_str().to_owned(),
        stale_time: missing.content.stale_at.map(to_proto),
    }
}
