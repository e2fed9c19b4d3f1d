//! Reads what devices register and report: every violation at once, each naming its field.

use crate::domain::device::OsVersion;
use crate::domain::ids::{AppId, WorkspaceId};
use crate::domain::platform::Platform;
use crate::domain::token::TokenKind;
use crate::error::{Error, Result};
use crate::grpc::convert::content::{self, Forms};
use crate::grpc::convert::device::{read_form_factor, read_platform, read_token_kind};
use crate::grpc::convert::push::read_environment;
use crate::grpc::convert::subscription::read_reported_state;
use crate::grpc::validate::Violations;
use crate::proto::v1;
use crate::service::Service;
use crate::service::devices::{DeviceAsked, ReportAsked};
use crate::service::tokens::{self, TokenAsked};

/// Apple promises no length; this is far above what is seen.
const TOKEN_DIGITS_MAX: usize = 400;
/// Google promises no length either.
const FCM_TOKEN_BYTES_MAX: usize = 2_048;
const DESCRIPTION_BYTES_MAX: usize = 64;
const OS_VERSION_BYTES_MAX: usize = 32;

/// Reads a registration of a device.
pub(super) fn device(
    request: &v1::RegisterDeviceRequest,
    mut violations: Violations,
) -> Result<DeviceAsked> {
    violations.id("device_id", &request.device_id);
    let app: Option<AppId> = violations.our_id("app_id", &request.app_id);
    if let Some(contact_key) = &request.contact_key {
        violations.optional_id("contact_key", contact_key);
    }
    let platform: Option<v1::Platform> = violations.known("platform", request.platform);
    if platform == Some(v1::Platform::Unspecified) {
        violations.add("platform", "is missing");
    }
    let platform = platform.and_then(read_platform);
    let form_factor: Option<v1::FormFactor> = violations.known("form_factor", request.form_factor);
    violations.text("os_version", &request.os_version, 1..=OS_VERSION_BYTES_MAX);
    let os_version: Option<OsVersion> = request.os_version.parse().ok();
    if os_version.is_none() && !request.os_version.is_empty() {
        violations.add("os_version", "must be numbers with dots between them, such as 18.2");
    }
    let environment: Option<v1::ApnsEnvironment> =
        violations.known("environment", request.environment);
    let descriptions = [
        ("app_version", &request.app_version),
        ("sdk_version", &request.sdk_version),
        ("manufacturer", &request.manufacturer),
        ("model", &request.model),
        ("locale", &request.locale),
    ];
    for (field, text) in descriptions {
        if let Some(text) = text {
            violations.text(field, text, 0..=DESCRIPTION_BYTES_MAX);
        }
    }
    violations.finish()?;
    let app = app.ok_or_else(|| Error::not_found("app", &request.app_id))?;
    Ok(DeviceAsked {
        device_id: request.device_id.clone(),
        app,
        contact_key: request.contact_key.clone(),
        platform: platform.unwrap_or(Platform::Ios),
        form_factor: form_factor
            .filter(|given| *given != v1::FormFactor::Unspecified)
            .map(read_form_factor),
        os_version: os_version.unwrap_or(OsVersion { major: 0, minor: 0 }),
        environment: environment.and_then(read_environment),
        activities_enabled: request.activities_enabled,
        frequent_pushes_enabled: request.frequent_pushes_enabled,
        notifications_permission: request.notifications_permission,
        app_version: request.app_version.clone(),
        sdk_version: request.sdk_version.clone(),
        manufacturer: request.manufacturer.clone(),
        model: request.model.clone(),
        locale: request.locale.clone(),
    })
}

/// Reads a registration of a token, and seals its value.
pub(super) fn token(
    service: &Service,
    workspace: WorkspaceId,
    request: &v1::RegisterTokenRequest,
    mut violations: Violations,
) -> Result<TokenAsked> {
    violations.id("device_id", &request.device_id);
    let kind: Option<v1::TokenKind> = violations.known("kind", request.kind);
    if kind == Some(v1::TokenKind::Unspecified) {
        violations.add("kind", "is missing");
    }
    let kind = kind.and_then(read_token_kind);
    let value = token_value(("token", &request.token), kind, &mut violations);
    let replaces = match request.replaces.as_str() {
        "" => None,
        text => Some(token_value(("replaces", text), kind, &mut violations)),
    };
    let environment: Option<v1::ApnsEnvironment> =
        violations.known("environment", request.environment);
    let token_time = violations.time("token_time", request.token_time.as_ref());
    violations.optional_id("activity_type", &request.activity_type);
    violations.optional_id("activity_id", &request.activity_id);
    violations.optional_id("device_activity_id", &request.device_activity_id);
    violations.optional_id("external_id", &request.external_id);
    let attributes = Forms {
        field: "attributes",
        structure: request.attributes.as_ref(),
        json: request.attributes_json.as_deref(),
    };
    let attributes = content::read(&attributes, &mut violations);
    let state = Forms {
        field: "content_state",
        structure: request.content_state.as_ref(),
        json: request.content_state_json.as_deref(),
    };
    let content = content::read(&state, &mut violations);
    match kind {
        Some(TokenKind::PushToStart) => check_push_to_start(request, &mut violations),
        Some(TokenKind::ApnsDevice) => {
            refuse_of_cards(request, ("activity_type", &request.activity_type), &mut violations);
        }
        _ => {}
    }
    violations.finish()?;
    let value = tokens::seal(service, workspace, &value)?;
    Ok(TokenAsked {
        id: value.id,
        device_id: request.device_id.clone(),
        kind: kind.unwrap_or(TokenKind::Update),
        fingerprint: value.fingerprint,
        sealed: value.sealed,
        environment: environment.and_then(read_environment),
        token_time,
        replaces: replaces.map(|old| tokens::fingerprint(service, &old)),
        activity_type: request.activity_type.clone(),
        activity_id: request.activity_id.clone(),
        run: request.run,
        device_activity_id: Some(request.device_activity_id.clone()).filter(|id| !id.is_empty()),
        attributes,
        content,
        external_id: request.external_id.clone(),
    })
}

/// A push-to-start token belongs to a type; what is about one activity means nothing there, and is not ignored.
fn check_push_to_start(request: &v1::RegisterTokenRequest, violations: &mut Violations) {
    if request.activity_type.is_empty() {
        violations.add("activity_type", "is missing: a push-to-start token starts one type");
    }
    refuse_of_cards(request, ("activity_type", ""), violations);
}

/// Refuses what belongs to one activity, and one field more.
fn refuse_of_cards(
    request: &v1::RegisterTokenRequest,
    (field, value): (&str, &str),
    violations: &mut Violations,
) {
    let of_cards = [
        (field, !value.is_empty()),
        ("activity_id", !request.activity_id.is_empty()),
        ("run", request.run.is_some()),
        ("device_activity_id", !request.device_activity_id.is_empty()),
        ("attributes", request.attributes.is_some()),
        ("attributes_json", request.attributes_json.is_some()),
        ("content_state", request.content_state.is_some()),
        ("content_state_json", request.content_state_json.is_some()),
        ("external_id", !request.external_id.is_empty()),
    ];
    for (field, _) in of_cards.iter().filter(|(_, given)| *given) {
        violations.add(*field, "belongs to the token of one activity, not to this kind");
    }
}

/// Apple's tokens are hexadecimal, and the same in either case; Google's are taken as they are.
fn token_value(
    (field, text): (&str, &str),
    kind: Option<TokenKind>,
    violations: &mut Violations,
) -> String {
    if kind.is_some_and(TokenKind::is_fcm) {
        violations.length(field, text, 1..=FCM_TOKEN_BYTES_MAX);
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            violations.add(field, "may have visible ASCII characters only");
        }
        return text.to_owned();
    }
    violations.length(field, text, 1..=TOKEN_DIGITS_MAX);
    if !is_hexadecimal(text) {
        violations.add(field, "must be hexadecimal, two digits a byte");
    }
    text.to_ascii_lowercase()
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.len().is_multiple_of(2)
}

/// The token that is revoked may be Apple's or Google's: what a device has of these values is meant.
pub(super) fn revoked(
    request: &v1::RevokeTokenRequest,
    violations: &mut Violations,
) -> [String; 2] {
    let text = &request.token;
    violations.length("token", text, 1..=FCM_TOKEN_BYTES_MAX);
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        violations.add("token", "may have visible ASCII characters only");
    }
    [text.clone(), text.to_ascii_lowercase()]
}

/// Reads a report.
pub(super) fn report(
    request: &v1::ReportActivityStateRequest,
    mut violations: Violations,
) -> Result<ReportAsked> {
    violations.id("device_id", &request.device_id);
    violations.id("activity_id", &request.activity_id);
    violations.optional_id("device_activity_id", &request.device_activity_id);
    let state: Option<v1::ReportedState> = violations.known("state", request.state);
    if state == Some(v1::ReportedState::Unspecified) {
        violations.add("state", "is missing");
    }
    violations.finish()?;
    let state = state.and_then(read_reported_state);
    Ok(ReportAsked {
        device_id: request.device_id.clone(),
        activity_id: request.activity_id.clone(),
        run: request.run,
        device_activity_id: Some(request.device_activity_id.clone()).filter(|id| !id.is_empty()),
        state: state.ok_or_else(|| Error::invalid_field("state", "is missing"))?,
    })
}
