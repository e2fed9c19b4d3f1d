//! Devices and tokens.

use super::push::environment;
use super::time;
use crate::domain::device::{Device, FormFactor};
use crate::domain::platform::Platform;
use crate::domain::push::Environment;
use crate::domain::token::TokenKind;
use crate::proto::v1;
use crate::service::devices::{DeviceSeen, TokenSeen};
use std::fmt::Write as _;

/// How much of a fingerprint is shown: enough to tell tokens apart.
const FINGERPRINT_BYTES_SHOWN: usize = 4;

/// A device with those of its tokens that are given.
pub fn device(device: &Device, tokens: Vec<v1::Token>) -> v1::Device {
    let description = device.description.clone();
    v1::Device {
        device_id: device.device_id.clone(),
        app_id: device.app.to_string(),
        contact_key: device.contact_key.clone(),
        platform: platform(device.platform).into(),
        form_factor: form_factor(device.form_factor).into(),
        os_version: device.os_version.to_string(),
        app_version: description.app_version,
        sdk_version: description.sdk_version,
        manufacturer: description.manufacturer,
        model: description.model,
        locale: description.locale,
        environment: world(device.platform, device.environment).into(),
        activities_enabled: device.activities_enabled,
        frequent_pushes_enabled: device.frequent_pushes_enabled,
        notifications_permission: device.notifications_permission,
        tokens,
        create_time: Some(time::to_proto(device.created_at)),
        last_seen_time: Some(time::to_proto(device.last_seen_at)),
    }
}

/// A device with all of its tokens.
pub fn device_with_tokens(seen: &DeviceSeen) -> v1::Device {
    let tokens = seen.tokens.iter().map(token);
    device(&seen.device, tokens.collect())
}

/// A token without its value.
fn token(seen: &TokenSeen) -> v1::Token {
    let token = &seen.token;
    let (activity_id, run) = seen.updates.clone().unwrap_or_default();
    let (invalid_time, invalid_reason) = match &token.invalid {
        Some((at, reason)) => (Some(time::to_proto(*at)), reason.clone()),
        None => (None, String::new()),
    };
    v1::Token {
        kind: token_kind(token.kind).into(),
        environment: world(token.kind.platform(), token.environment).into(),
        activity_type: token.activity_type.clone(),
        activity_id,
        run,
        fingerprint: shown(token.fingerprint),
        token_time: Some(time::to_proto(token.token_time)),
        register_time: Some(time::to_proto(token.registered_at)),
        invalid_time,
        invalid_reason,
        doubt_time: token.doubted_at.map(time::to_proto),
        confirm_time: Some(time::to_proto(seen.confirmed_at)),
    }
}

fn shown(fingerprint: [u8; 32]) -> String {
    fingerprint.iter().take(FINGERPRINT_BYTES_SHOWN).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An operating system.
pub fn platform(platform: Platform) -> v1::Platform {
    match platform {
        Platform::Ios => v1::Platform::Ios,
        Platform::Android => v1::Platform::Android,
    }
}

/// None where the caller did not say.
pub fn read_platform(platform: v1::Platform) -> Option<Platform> {
    match platform {
        v1::Platform::Unspecified => None,
        v1::Platform::Ios => Some(Platform::Ios),
        v1::Platform::Android => Some(Platform::Android),
    }
}

/// Android has one world, which has no name.
fn world(platform: Platform, of_ios: Environment) -> v1::ApnsEnvironment {
    match platform {
        Platform::Ios => environment(of_ios),
        Platform::Android => v1::ApnsEnvironment::Unspecified,
    }
}

/// A kind of device.
pub fn form_factor(form_factor: FormFactor) -> v1::FormFactor {
    match form_factor {
        FormFactor::Unspecified => v1::FormFactor::Unspecified,
        FormFactor::Phone => v1::FormFactor::Phone,
        FormFactor::Tablet => v1::FormFactor::Tablet,
    }
}

/// A kind of device.
pub fn read_form_factor(form_factor: v1::FormFactor) -> FormFactor {
    match form_factor {
        v1::FormFactor::Unspecified => FormFactor::Unspecified,
        v1::FormFactor::Phone => FormFactor::Phone,
        v1::FormFactor::Tablet => FormFactor::Tablet,
    }
}

/// What a token is good for.
pub fn token_kind(kind: TokenKind) -> v1::TokenKind {
    match kind {
        TokenKind::PushToStart => v1::TokenKind::PushToStart,
        TokenKind::Update => v1::TokenKind::Update,
        TokenKind::ApnsDevice => v1::TokenKind::ApnsDevice,
        TokenKind::FcmToken => v1::TokenKind::FcmToken,
        TokenKind::FcmInstallationId => v1::TokenKind::FcmInstallationId,
    }
}

/// None where the caller did not say.
pub fn read_token_kind(kind: v1::TokenKind) -> Option<TokenKind> {
    match kind {
        v1::TokenKind::Unspecified => None,
        v1::TokenKind::PushToStart => Some(TokenKind::PushToStart),
        v1::TokenKind::Update => Some(TokenKind::Update),
        v1::TokenKind::ApnsDevice => Some(TokenKind::ApnsDevice),
        v1::TokenKind::FcmToken => Some(TokenKind::FcmToken),
        v1::TokenKind::FcmInstallationId => Some(TokenKind::FcmInstallationId),
    }
}
