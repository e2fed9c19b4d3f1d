//! What holds a push back, what became of the last one, and what became of alerts.

use super::when::when;
use super::{Case, Finding, Standing, Weight};
use crate::clock::Time;
use crate::domain::decide::Decision;
use crate::domain::delivery::{Delivery, Status};
use crate::domain::outcome::Class;
use crate::domain::plan::Wanted;
use crate::domain::reasons;
use crate::domain::revision::Number;
use crate::domain::subscription::{State, Subscription};

/// What bears on the next push.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of live_activity.proto")]
pub enum PushFinding {
    RetryLater {
        failed: Number,
        attempts: i32,
        at: Time,
    },
    ProviderRests(Time),
    InFlight {
        revision: Number,
        until: Time,
    },
    OnePerSecond(Time),
    RefusedForGood(Number),
    AlertPending {
        revision: Number,
        expires_at: Time,
    },
    AlertExpired {
        revision: Number,
        at: Time,
    },
    LastPushFailed {
        status: Status,
        class: Option<Class>,
        reason: String,
        http_status: u16,
        at: Time,
    },
}

/// Says what bears on the next push.
pub(super) fn explain(case: &Case<'_>) -> Vec<PushFinding> {
    let mut findings = Vec::new();
    if let Some(standing) = &case.standing {
        findings.extend(waits(standing, case.now));
        findings.extend(standing.wanted.and_then(|wanted| alert(standing, wanted, case.now)));
    }
    findings.extend(case.last_push.and_then(failed));
    findings
}

fn waits(standing: &Standing<'_>, now: Time) -> Vec<PushFinding> {
    let row = standing.subscription;
    let is_sent_to = matches!(row.state, State::PendingStart | State::Active);
    if !is_sent_to && row.second.is_none() {
        return Vec::new();
    }
    let exception = row.exception.unwrap_or_default();
    let later = |at: Option<Time>| at.filter(|at| *at > now);
    let mut findings = Vec::new();
    if let Some((revision, until)) = exception.in_flight.filter(|(_, until)| *until > now) {
        findings.push(PushFinding::InFlight { revision, until });
    }
    if let Some(until) = later(exception.not_before) {
        findings.push(PushFinding::ProviderRests(until));
    }
    let wanted = standing.wanted.map_or(0, |wanted| wanted.of(row).number);
    let is_newest = exception.failed >= wanted && exception.failed > 0;
    let (failed, attempts) = (exception.failed, exception.attempts);
    match exception.retry_at {
        Some(at) if is_newest && at > now => {
            findings.push(PushFinding::RetryLater { failed, attempts, at });
        }
        None if is_newest => findings.push(PushFinding::RefusedForGood(failed)),
        _ => {}
    }
    let second_is_over = Time::from_seconds(row.last_stamp(standing.shard) + 1);
    match standing.decision {
        Some(Decision::Wait(until)) if findings.is_empty() && *until == second_is_over => {
            findings.push(PushFinding::OnePerSecond(*until));
        }
        _ => {}
    }
    findings
}

/// An alert that the device has not had, where it is not about to.
fn alert(standing: &Standing<'_>, wanted: &Wanted, now: Time) -> Option<PushFinding> {
    let row = standing.subscription;
    let is_sending = matches!(standing.decision, Some(Decision::Send(..)));
    let may_alert = matches!(row.state, State::PendingStart | State::PendingToken | State::Active);
    if !may_alert || row.closing || is_sending {
        return None;
    }
    let had = had(row, standing);
    let newest = wanted.of(row);
    let pending = wanted.alert(row, had, newest.number, now);
    if let Some(alert) = wanted.revision(pending).and_then(|r| r.alert.as_ref()) {
        return Some(PushFinding::AlertPending { revision: pending, expires_at: alert.expires_at });
    }
    let expired = newest.alert.as_ref().filter(|_| newest.number > had)?;
    Some(PushFinding::AlertExpired { revision: newest.number, at: expired.expires_at })
}

fn had(row: &Subscription, standing: &Standing<'_>) -> Number {
    if row.state == State::PendingStart {
        0
    } else {
        row.alerted.max(row.delivered(standing.shard))
    }
}

fn failed(last: &Delivery) -> Option<PushFinding> {
    let status = last.status;
    matches!(status, Status::Failed | Status::Unknown).then(|| PushFinding::LastPushFailed {
        status,
        class: last.class,
        reason: last.reason.clone(),
        http_status: last.http_status,
        at: last.sent_at,
    })
}

impl PushFinding {
    pub(super) fn weight(&self) -> Weight {
        match self {
            PushFinding::RefusedForGood(_) => Weight::Obstacle,
            PushFinding::AlertExpired { .. } => Weight::Fact,
            PushFinding::LastPushFailed { class, .. } => match class {
                Some(Class::Retry | Class::Connection | Class::ProviderToken) | None => {
                    Weight::Wait
                }
                Some(Class::Token | Class::Configuration | Class::Request | Class::Device) => {
                    Weight::Obstacle
                }
            },
            _ => Weight::Wait,
        }
    }

    pub(super) fn text(&self, now: Time) -> String {
        let at = |time: &Time| when(*time, now);
        match self {
            PushFinding::RetryLater { failed, attempts, at: next } => format!(
                "Revision {failed} was tried {attempts} times in vain and is tried again at {}; \
                 newer content goes at once.",
                at(next)
            ),
            PushFinding::ProviderRests(until) => {
                format!("The provider wants no push to this device before {}.", at(until))
            }
            PushFinding::InFlight { revision, until } => format!(
                "A push of revision {revision} is under way; its answer may come until {}.",
                at(until)
            ),
            PushFinding::OnePerSecond(until) => format!(
                "A device gets at most one push in a second; the next is free at {}.",
                at(until)
            ),
            PushFinding::RefusedForGood(revision) => format!(
                "The provider refused revision {revision} and would refuse the same push again, so \
                 it is not repeated."
            ),
            PushFinding::AlertPending { revision, expires_at } => format!(
                "The alert of revision {revision} rides on the next push, until {}.",
                at(expires_at)
            ),
            PushFinding::AlertExpired { revision, at: expired } => format!(
                "The alert of revision {revision} expired at {}; its content comes in silence.",
                at(expired)
            ),
            PushFinding::LastPushFailed { status: Status::Unknown, reason, at: sent, .. } => {
                format!(
                    "The last push, at {}, had no answer ({reason}); the device may have it.",
                    at(sent)
                )
            }
            PushFinding::LastPushFailed { reason, http_status, at: sent, .. } => {
                let status = match http_status {
                    0 => String::new(),
                    status => format!(", status {status}"),
                };
                format!("The last push, at {}, was not accepted: {reason}{status}.", at(sent))
            }
        }
    }

    pub(super) fn remedy(&self) -> &'static str {
        match self {
            PushFinding::LastPushFailed { reason, http_status, .. } => {
                reasons::remedy(*http_status, reason)
            }
            PushFinding::RefusedForGood(_) => {
                "Mend what the refusal names, then send newer content."
            }
            PushFinding::AlertExpired { .. } => {
                "Give alerts that may come later an expire_time of their own."
            }
            _ => "",
        }
    }
}

impl From<PushFinding> for Finding {
    fn from(finding: PushFinding) -> Self {
        Finding::Push(finding)
    }
}
