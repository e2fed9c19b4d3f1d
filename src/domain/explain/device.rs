//! What the device and its app have said of themselves: tokens, permissions, when they last spoke; and what nobody but
//! they can know.

use super::when::when;
use super::{Case, Finding, Weight};
use crate::clock::Time;
use crate::domain::platform::Platform;
use crate::domain::push::Environment;
use crate::domain::subscription::{ReportedState, State};
use crate::domain::token::{SECOND_VERDICT, Token, TokenKind};
use std::time::Duration;

/// iOS ends a card this long after its start and ignores what is pushed to it then.
/// <https://developer.apple.com/documentation/activitykit/displaying-live-data-with-live-activities>
pub const CARD_LIFE: Duration = Duration::from_hours(8);
/// A push-to-start token that was not registered again for so long may have been replaced: Apple accepts pushes to old
/// ones for weeks.
const TOKEN_IS_OLD_AFTER: Duration = Duration::from_hours(30 * 24);
/// A device that was not heard of for so long may not have the app any more.
const SILENT_AFTER: Duration = Duration::from_hours(7 * 24);

/// What the device has said of itself, or nobody can know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of live_activity.proto")]
pub enum DeviceFinding {
    NoTokens,
    TokenDoubted { kind: TokenKind, since: Time },
    TokenOld { since: Time },
    OtherEnvironment { used: Environment, said: Environment },
    CardTooOld { started_at: Time },
    CardTakesPushesUntil(Time),
    FrequentPushesDisabled,
    AcceptedIsNotDisplayed { report: Option<(ReportedState, Time)> },
    MayBeForceStopped,
    Silent { last_seen_at: Time },
    NoCredential,
}

/// Says what the device has said of itself.
pub(super) fn explain(case: &Case<'_>) -> Vec<DeviceFinding> {
    let device = case.device;
    let mut findings = Vec::new();
    if case.tokens.is_empty() {
        findings.push(DeviceFinding::NoTokens);
    }
    findings.extend(case.tokens.iter().filter(|token| case.uses(token)).filter_map(doubted));
    findings.extend(old_start_token(case));
    findings.extend(other_environment(case));
    findings.extend(old_card(case));
    if !case.has_credential {
        findings.push(DeviceFinding::NoCredential);
    }
    if device.platform == Platform::Ios && !device.frequent_pushes_enabled {
        findings.push(DeviceFinding::FrequentPushesDisabled);
    }
    findings.extend(unknown(case));
    if case.now.since(device.last_seen_at) > SILENT_AFTER {
        findings.push(DeviceFinding::Silent { last_seen_at: device.last_seen_at });
    }
    findings
}

fn doubted(token: &Token) -> Option<DeviceFinding> {
    let since = token.doubted_at?;
    Some(DeviceFinding::TokenDoubted { kind: token.kind, since })
}

/// Of a run that is still to be started, for later the card's own token counts.
fn old_start_token(case: &Case<'_>) -> Option<DeviceFinding> {
    let waits = case.standing.as_ref().is_none_or(|standing| {
        matches!(standing.subscription.state, State::PendingStart | State::PendingToken)
    });
    let tokens = case.tokens.iter().filter(|token| waits && case.starts_by(token));
    let newest = tokens.filter(|token| token.kind == TokenKind::PushToStart);
    let since = newest.map(|token| token.registered_at).max()?;
    (case.now.since(since) > TOKEN_IS_OLD_AFTER).then_some(DeviceFinding::TokenOld { since })
}

fn other_environment(case: &Case<'_>) -> Option<DeviceFinding> {
    let said = case.device.environment;
    let used = case.standing.as_ref()?.subscription.place.environment;
    let differs = case.device.platform == Platform::Ios && used != said;
    differs.then_some(DeviceFinding::OtherEnvironment { used, said })
}

fn old_card(case: &Case<'_>) -> Option<DeviceFinding> {
    let row = case.standing.as_ref()?.subscription;
    let is_live = matches!(row.state, State::Active | State::PendingToken);
    let started_at = row.card.shown_since.or(case.started_at).filter(|_| is_live)?;
    let until = started_at + CARD_LIFE;
    let finding = if until <= case.now {
        DeviceFinding::CardTooOld { started_at }
    } else {
        DeviceFinding::CardTakesPushesUntil(until)
    };
    (case.device.platform == Platform::Ios).then_some(finding)
}

/// What a provider's word that it took a push does not say.
fn unknown(case: &Case<'_>) -> Vec<DeviceFinding> {
    let Some(standing) = &case.standing else { return Vec::new() };
    let row = standing.subscription;
    let is_over = matches!(row.state, State::Dismissed | State::Ended | State::Unreachable);
    if is_over || (row.delivered(standing.shard) == 0 && case.started_at.is_none()) {
        return Vec::new();
    }
    let mut findings = vec![DeviceFinding::AcceptedIsNotDisplayed { report: row.report }];
    if case.device.platform == Platform::Android {
        findings.push(DeviceFinding::MayBeForceStopped);
    }
    findings
}

impl Case<'_> {
    /// A push of the run may go by it.
    fn uses(&self, token: &Token) -> bool {
        token.is_good() && (self.starts_by(token) || self.card_token() == Some(token.id))
    }
}

impl DeviceFinding {
    pub(super) fn weight(&self) -> Weight {
        match self {
            DeviceFinding::NoTokens
            | DeviceFinding::NoCredential
            | DeviceFinding::CardTooOld { .. } => Weight::Obstacle,
            DeviceFinding::TokenDoubted { .. }
            | DeviceFinding::TokenOld { .. }
            | DeviceFinding::OtherEnvironment { .. }
            | DeviceFinding::MayBeForceStopped
            | DeviceFinding::Silent { .. } => Weight::Doubt,
            DeviceFinding::FrequentPushesDisabled
            | DeviceFinding::CardTakesPushesUntil(_)
            | DeviceFinding::AcceptedIsNotDisplayed { .. } => Weight::Fact,
        }
    }

    pub(super) fn text(&self, now: Time) -> String {
        match self {
            DeviceFinding::NoTokens => "The app has registered no token.".to_owned(),
            DeviceFinding::TokenDoubted { kind, since } => format!(
                "The provider said at {} that the {} is dead, of a time before the app \
                 registered it last; from {} on such a word counts.",
                when(*since, now),
                name(*kind),
                when(*since + SECOND_VERDICT, now)
            ),
            DeviceFinding::TokenOld { since } => format!(
                "The push-to-start token was registered at {} and not since; Apple accepts \
                 starts by old tokens without making a card.",
                when(*since, now)
            ),
            DeviceFinding::OtherEnvironment { used, said } => format!(
                "Pushes go to {}, where the token was registered, and the device says that its \
                 build belongs to {}.",
                world(*used),
                world(*said)
            ),
            DeviceFinding::CardTooOld { started_at } => format!(
                "The card was started at {}; iOS ignores pushes to it 8 hours after that.",
                when(*started_at, now)
            ),
            DeviceFinding::CardTakesPushesUntil(until) => {
                let until = when(*until, now);
                format!("iOS takes pushes to the card until {until}; it gets its end before that.")
            }
            DeviceFinding::FrequentPushesDisabled => {
                "The app has not said that the person allows frequent updates, so iOS may hold \
                 back some of high priority."
                    .to_owned()
            }
            DeviceFinding::AcceptedIsNotDisplayed { report } => accepted(*report, now),
            DeviceFinding::MayBeForceStopped => {
                "Android gives nothing to an app that was force-stopped until the person opens \
                 it, and tells nobody; Google accepts its messages all the same."
                    .to_owned()
            }
            DeviceFinding::Silent { last_seen_at } => format!(
                "The app was last heard of at {}; it may have been removed.",
                when(*last_seen_at, now)
            ),
            DeviceFinding::NoCredential => {
                "The app has no credential for the world of this device's tokens.".to_owned()
            }
        }
    }

    pub(super) fn remedy(&self) -> &'static str {
        match self {
            DeviceFinding::NoTokens => {
                "Check that this build calls RegisterToken, and that it may show live activities."
            }
            DeviceFinding::TokenOld { .. } | DeviceFinding::Silent { .. } => {
                "Let the person open the app, which registers its tokens again."
            }
            DeviceFinding::OtherEnvironment { .. } => {
                "Check which environment the app registers: builds from Xcode are of the sandbox."
            }
            DeviceFinding::CardTooOld { .. } => "End this run and start the next one.",
            DeviceFinding::FrequentPushesDisabled => {
                "Send silent updates with normal priority, which is the default."
            }
            DeviceFinding::MayBeForceStopped => {
                "If nothing appears, ask whether the app was stopped in the settings; opening it \
                 helps."
            }
            DeviceFinding::NoCredential => "Add one with CreateCredential.",
            DeviceFinding::TokenDoubted { .. }
            | DeviceFinding::CardTakesPushesUntil(_)
            | DeviceFinding::AcceptedIsNotDisplayed { .. } => "",
        }
    }
}

fn accepted(report: Option<(ReportedState, Time)>, now: Time) -> String {
    let said = match report {
        None => "has said nothing of its card".to_owned(),
        Some((state, at)) => {
            let state = match state {
                ReportedState::Active => "is on the screen",
                ReportedState::Stale => "is on the screen, with content past its stale time",
                ReportedState::Dismissed => "was removed by the person",
                ReportedState::Ended => "has ended",
            };
            format!("said at {} that its card {state}", when(at, now))
        }
    };
    format!("That a provider accepts a push does not say that it is displayed. The app {said}.")
}

fn name(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::PushToStart => "push-to-start token",
        TokenKind::Update => "update token",
        TokenKind::ApnsDevice => "token for ordinary notifications",
        TokenKind::FcmToken => "FCM token",
        TokenKind::FcmInstallationId => "Firebase installation id",
    }
}

fn world(environment: Environment) -> &'static str {
    match environment {
        Environment::Sandbox => "the sandbox",
        Environment::Production => "production",
    }
}

impl From<DeviceFinding> for Finding {
    fn from(finding: DeviceFinding) -> Self {
        Finding::Device(finding)
    }
}
