//! Where the run stands on the device: what its subscription says.

use super::when::when;
use super::{Case, Finding, Standing, Weight};
use crate::clock::Time;
use crate::domain::device::Obstacle;
use crate::domain::fallback::Fallback;
use crate::domain::ids::TokenId;
use crate::domain::plan::STARTS_MAX;
use crate::domain::revision::Number;
use crate::domain::subscription::{Reason, State, Subscription};
use crate::domain::token::Token;
use std::time::Duration;

/// An app that was started by push registers its update token within this, where it does at all.
const TOKEN_COMES_WITHIN: Duration = Duration::from_mins(1);

/// Where the run stands on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of live_activity.proto")]
pub enum CardFinding {
    UpToDate(Number),
    Behind { delivered: Number, wanted: Number, is_tried: bool },
    StartDue,
    StartInDoubt { begun: i32, until: Time },
    StartUnknown { begun: i32 },
    NoUpdateToken { since: Time, is_late: bool },
    Dismissed(Time),
    Ended { reason: Option<Reason>, at: Time },
    EndedByTarget(Number),
    Closing(Reason),
    UpdateTokenDead { reason: String, at: Time },
    Obstacle { obstacle: Obstacle, is_started: bool },
    StartTooLate,
    SecondCard,
    FallbackSent,
    FallbackWaits,
}

/// Says where the run stands on the device; where it has none, what would stand in the way of a start.
pub(super) fn explain(case: &Case<'_>) -> Vec<CardFinding> {
    let Some(standing) = &case.standing else {
        let obstacle = case.device.obstacle().or_else(|| missing_token(case));
        return obstacle.into_iter().map(|obstacle| of_obstacle(obstacle, false)).collect();
    };
    let row = standing.subscription;
    let mut findings = Vec::new();
    findings.extend(of_state(case, standing));
    findings.extend(obstacles(case, row));
    if row.targeted.end > 0 {
        findings.push(CardFinding::EndedByTarget(row.targeted.end));
    }
    if row.second.is_some() {
        findings.push(CardFinding::SecondCard);
    }
    match row.fallback {
        Fallback::Begun => findings.push(CardFinding::FallbackSent),
        Fallback::Waiting if row.state == State::Unreachable => {
            findings.push(CardFinding::FallbackWaits);
        }
        _ => {}
    }
    findings
}

fn of_state(case: &Case<'_>, standing: &Standing<'_>) -> Option<CardFinding> {
    let row = standing.subscription;
    if let Some(reason) = row.reason_of_closing().filter(|_| is_live(row)) {
        return Some(CardFinding::Closing(reason));
    }
    Some(match row.state {
        State::PendingStart => of_start(case, row),
        State::PendingToken => {
            let since = case.started_at.unwrap_or(row.updated_at);
            let is_late = row.reason == Some(Reason::NoUpdateToken)
                || case.now.since(since) > TOKEN_COMES_WITHIN;
            CardFinding::NoUpdateToken { since, is_late }
        }
        State::Active => {
            let delivered = row.delivered(standing.shard);
            let wanted = standing.wanted?.of(row).number;
            if delivered >= wanted {
                CardFinding::UpToDate(wanted)
            } else {
                CardFinding::Behind { delivered, wanted, is_tried: standing.is_tried() }
            }
        }
        State::Dismissed => CardFinding::Dismissed(row.report.map_or(row.updated_at, |r| r.1)),
        State::Ended => CardFinding::Ended { reason: row.reason.clone(), at: row.updated_at },
        State::Invalidated => {
            let card = case.tokens.iter().find(|token| Some(token.id) == row.card.token);
            let dead = card.and_then(|token| token.invalid.clone());
            let word = row.reason.as_ref().map_or(String::new(), |r| r.word().to_owned());
            let (at, reason) = dead.unwrap_or((row.updated_at, word));
            CardFinding::UpdateTokenDead { reason, at }
        }
        State::Unreachable if row.reason == Some(Reason::StartTooLate) => CardFinding::StartTooLate,
        State::Unreachable => return None,
    })
}

fn of_start(case: &Case<'_>, row: &Subscription) -> CardFinding {
    let begun = row.starts_begun;
    let repeats = row.place.route.repeats_starts();
    match row.start_doubt_until.filter(|until| *until > case.now) {
        Some(until) => CardFinding::StartInDoubt { begun, until },
        None if row.reason == Some(Reason::StartUnknown) => CardFinding::StartUnknown { begun },
        None if !repeats && begun >= STARTS_MAX => CardFinding::StartUnknown { begun },
        None => CardFinding::StartDue,
    }
}

/// What keeps it from being started, and what has come to stand in the way since it was.
fn obstacles(case: &Case<'_>, row: &Subscription) -> Vec<CardFinding> {
    let is_unreachable = row.state == State::Unreachable;
    let noted = match &row.reason {
        Some(Reason::Obstacle(obstacle)) if is_unreachable => Some(*obstacle),
        _ => None,
    };
    let is_over = matches!(row.state, State::Dismissed | State::Ended);
    let present = case.device.obstacle().filter(|present| !is_over && noted != Some(*present));
    let noted = noted.map(|obstacle| of_obstacle(obstacle, false));
    let present = present.map(|obstacle| of_obstacle(obstacle, !is_unreachable));
    noted.into_iter().chain(present).collect()
}

fn of_obstacle(obstacle: Obstacle, is_started: bool) -> CardFinding {
    CardFinding::Obstacle { obstacle, is_started }
}

fn missing_token(case: &Case<'_>) -> Option<Obstacle> {
    let starts = case.tokens.iter().any(|token| case.starts_by(token));
    (!starts).then(|| case.device.obstacle_without_token())
}

/// Something is still done for it.
fn is_live(row: &Subscription) -> bool {
    matches!(row.state, State::PendingStart | State::PendingToken | State::Active)
}

impl Case<'_> {
    /// A start of the activity may go by it.
    pub(super) fn starts_by(&self, token: &Token) -> bool {
        use crate::domain::token::TokenKind::PushToStart;
        let is_of_type =
            token.kind == PushToStart && token.activity_type == self.activity.activity_type;
        token.is_good() && (is_of_type || token.kind.is_fcm())
    }

    /// The token of the card that the run follows.
    pub(super) fn card_token(&self) -> Option<TokenId> {
        self.standing.as_ref().and_then(|standing| standing.subscription.card.token)
    }
}

impl CardFinding {
    pub(super) fn weight(&self) -> Weight {
        match self {
            CardFinding::UpToDate(_)
            | CardFinding::Ended { .. }
            | CardFinding::EndedByTarget(_)
            | CardFinding::FallbackSent => Weight::Fact,
            CardFinding::StartDue
            | CardFinding::StartInDoubt { .. }
            | CardFinding::Closing(_)
            | CardFinding::SecondCard
            | CardFinding::Behind { is_tried: true, .. }
            | CardFinding::NoUpdateToken { is_late: false, .. } => Weight::Wait,
            CardFinding::Obstacle { is_started: true, .. } => Weight::Doubt,
            _ => Weight::Obstacle,
        }
    }

    pub(super) fn text(&self, now: Time) -> String {
        match self {
            CardFinding::UpToDate(revision) => {
                format!("The provider accepted revision {revision}, which the device should show.")
            }
            CardFinding::Behind { delivered: 0, wanted, .. } => {
                format!("The device should show revision {wanted} and was delivered none.")
            }
            CardFinding::Behind { delivered, wanted, .. } => format!(
                "The device should show revision {wanted}; the last one accepted is {delivered}."
            ),
            CardFinding::StartDue => "The run is to be started on the device.".to_owned(),
            CardFinding::StartInDoubt { begun, until } => format!(
                "{} without an answer so far; evidence from the device is waited for until {}.",
                starts(*begun),
                when(*until, now)
            ),
            CardFinding::StartUnknown { begun } => format!(
                "{} without an answer; another one could make another card, so none is sent.",
                starts(*begun)
            ),
            CardFinding::NoUpdateToken { since, .. } => format!(
                "The start was accepted at {}, and the app has not registered an update token \
                 since: nothing can be sent to the card.",
                when(*since, now)
            ),
            CardFinding::Dismissed(at) => {
                format!("The person closed the card at {}.", when(*at, now))
            }
            CardFinding::Ended { reason: None, at } => {
                format!("The card was ended, or the app said so, at {}.", when(*at, now))
            }
            CardFinding::Ended { reason: Some(reason), at } => {
                format!("It is over here since {}. {}", when(*at, now), reason.sentence())
            }
            CardFinding::EndedByTarget(revision) => {
                format!("Revision {revision}, an end with a target, ends the run on this device.")
            }
            CardFinding::Closing(reason) => {
                format!("What the device shows is being ended. {}", reason.sentence())
            }
            CardFinding::UpdateTokenDead { reason, at } => {
                format!("The update token is dead since {}: {reason}.", when(*at, now))
            }
            CardFinding::Obstacle { obstacle, is_started: false } => obstacle.sentence().to_owned(),
            CardFinding::Obstacle { obstacle, is_started: true } => {
                format!("It has this run, but by now: {}", obstacle.sentence())
            }
            CardFinding::StartTooLate => Reason::StartTooLate.sentence().to_owned(),
            CardFinding::SecondCard => {
                "There are two cards of this run on the device; the one registered first is ended."
                    .to_owned()
            }
            CardFinding::FallbackSent => {
                "An ordinary notification was sent, or begun to be, instead of a card.".to_owned()
            }
            CardFinding::FallbackWaits => "An ordinary notification is asked for, and there is no \
                 token for one, or the person allows none."
                .to_owned(),
        }
    }

    pub(super) fn remedy(&self) -> &'static str {
        match self {
            CardFinding::StartUnknown { .. } => {
                "Let the person open the app: its SyncDevice tells what is on the screen."
            }
            CardFinding::NoUpdateToken { is_late: true, .. } => {
                "iOS does not wake an app that was force-quit, and may hold the token back \
                 until the person allows live activities on the Lock Screen. The token comes \
                 when the app opens; check that it observes pushTokenUpdates of every activity."
            }
            CardFinding::StartTooLate => {
                "Let the person open the app, or name the device with AddRecipients; give starts \
                 that may come later a later deliver_until."
            }
            CardFinding::Dismissed(_) => {
                "Respect it; the next run starts anew, and AddRecipients with restart_dismissed \
                 starts this one again."
            }
            CardFinding::UpdateTokenDead { .. } => {
                "The run goes on when the app registers another token for it; the card may be gone."
            }
            CardFinding::Behind { is_tried: false, .. } => {
                "See what the provider said of the last push; newer content is tried anew."
            }
            CardFinding::Obstacle { obstacle, .. } => remedy_of(*obstacle),
            CardFinding::FallbackWaits => {
                "Let the app register its token for ordinary notifications \
                 (TOKEN_KIND_APNS_DEVICE)."
            }
            _ => "",
        }
    }
}

fn starts(begun: i32) -> String {
    if begun == 1 { "One start was sent".to_owned() } else { format!("{begun} starts were sent") }
}

fn remedy_of(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::OsCannotStartByPush => {
            "Let the app start the activity and register its update token, or send a fallback."
        }
        Obstacle::ActivitiesDisabled | Obstacle::NotificationsDisabled => {
            "The person can allow them in the app's settings; the run starts when the app says so."
        }
        Obstacle::NoPushToStartToken => {
            "Check that the app registers every value of pushToStartTokenUpdates for this type, \
             and that its build supports live activities."
        }
        Obstacle::PushToStartTokenRejected => {
            "The app registers a new one when it is opened; check its environment."
        }
        Obstacle::NoFcmToken => "Check that the app registers its FCM token or installation id.",
    }
}

impl From<CardFinding> for Finding {
    fn from(finding: CardFinding) -> Self {
        Finding::Card(finding)
    }
}
