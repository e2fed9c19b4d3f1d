//! The words of explanations.

use super::delivery::delivery;
use super::device::device_with_tokens;
use super::push::operation;
use super::subscription::subscription;
use super::time::to_proto;
use crate::clock::Time;
use crate::domain::delivery::Labels;
use crate::domain::device::Obstacle;
use crate::domain::explain::{
    AudienceFinding, CardFinding, DeviceFinding, Finding, Now, PushFinding, RunFinding, Weight,
};
use crate::domain::plan::Kind;
use crate::proto::v1::{self, FindingCode as Code};
use crate::service::explanations::DeviceExplained;

/// One device, and how the run stands on it.
pub fn device(explained: &DeviceExplained, labels: Labels, now: Time) -> v1::DeviceExplanation {
    let explanation = &explained.explanation;
    let deliveries = explained.deliveries.iter().map(|row| delivery(row, labels));
    v1::DeviceExplanation {
        device: Some(device_with_tokens(&explained.device)),
        subscription: explained.subscription.as_ref().map(subscription),
        now: Some(next_step(&explanation.now, now)),
        findings: explanation.findings.iter().map(|found| finding(found, now)).collect(),
        deliveries: deliveries.collect(),
    }
}

/// One thing that was found.
pub fn finding(finding: &Finding, now: Time) -> v1::Finding {
    v1::Finding {
        code: code(finding).into(),
        weight: weight(finding.weight()).into(),
        text: finding.text(now),
        remedy: finding.remedy().to_owned(),
    }
}

fn next_step(next: &Now, now: Time) -> v1::NextStep {
    let action = match next {
        Now::Nothing(_) | Now::Rest(..) => v1::NextAction::Nothing,
        Now::Wait(_) | Now::NotMarked => v1::NextAction::Wait,
        Now::Send(_) => v1::NextAction::Send,
        Now::GiveUp(..) => v1::NextAction::GiveUp,
        Now::NotSubscribed => v1::NextAction::NotSubscribed,
    };
    let (revision, alert_revision) = match next {
        Now::Send(plan) => (plan.revision, plan.alert),
        _ => (0, 0),
    };
    let time = match next {
        Now::Rest(_, until) | Now::Wait(until) => Some(to_proto(*until)),
        _ => None,
    };
    let operation = next.kind().map(Kind::operation).map(operation);
    v1::NextStep {
        action: action.into(),
        text: next.text(now),
        operation: operation.unwrap_or_default().into(),
        revision,
        alert_revision,
        time,
    }
}

fn weight(weight: Weight) -> v1::FindingWeight {
    match weight {
        Weight::Obstacle => v1::FindingWeight::Obstacle,
        Weight::Wait => v1::FindingWeight::Wait,
        Weight::Doubt => v1::FindingWeight::Doubt,
        Weight::Fact => v1::FindingWeight::Fact,
    }
}

fn code(finding: &Finding) -> Code {
    match finding {
        Finding::Run(finding) => match finding {
            RunFinding::NotCurrent { .. } => Code::RunNotCurrent,
            RunFinding::Ended(_) => Code::RunEnded,
            RunFinding::Expired(_) => Code::RunExpired,
            RunFinding::Scheduled(_) => Code::RunScheduled,
            RunFinding::AudienceExpanding => Code::AudienceExpanding,
            RunFinding::RevisionNotMarked(_) => Code::RevisionNotMarked,
        },
        Finding::Audience(finding) => match finding {
            AudienceFinding::In(_) => Code::InAudience,
            AudienceFinding::JoinedByItself => Code::JoinedByItself,
            AudienceFinding::NotIn { .. } => Code::NotInAudience,
            AudienceFinding::AppNotMeant => Code::AppNotMeant,
            AudienceFinding::CameLater(_) => Code::CameLater,
            AudienceFinding::AnotherDeviceChosen => Code::AnotherDeviceChosen,
            AudienceFinding::Arriving => Code::Arriving,
        },
        Finding::Card(finding) => code_of_card(finding),
        Finding::Push(finding) => match finding {
            PushFinding::RetryLater { .. } => Code::RetryLater,
            PushFinding::ProviderRests(_) => Code::ProviderRests,
            PushFinding::InFlight { .. } => Code::InFlight,
            PushFinding::OnePerSecond(_) => Code::OnePerSecond,
            PushFinding::RefusedForGood(_) => Code::RefusedForGood,
            PushFinding::AlertPending { .. } => Code::AlertPending,
            PushFinding::AlertExpired { .. } => Code::AlertExpired,
            PushFinding::LastPushFailed { .. } => Code::LastPushFailed,
        },
        Finding::Device(finding) => match finding {
            DeviceFinding::NoTokens => Code::NoTokens,
            DeviceFinding::TokenDoubted { .. } => Code::TokenDoubted,
            DeviceFinding::TokenOld { .. } => Code::TokenOld,
            DeviceFinding::OtherEnvironment { .. } => Code::OtherEnvironment,
            DeviceFinding::CardTooOld { .. } => Code::CardTooOld,
            DeviceFinding::CardTakesPushesUntil(_) => Code::CardTakesPushesUntil,
            DeviceFinding::FrequentPushesDisabled => Code::FrequentPushesDisabled,
            DeviceFinding::AcceptedIsNotDisplayed { .. } => Code::AcceptedIsNotDisplayed,
            DeviceFinding::MayBeForceStopped => Code::MayBeForceStopped,
            DeviceFinding::Silent { .. } => Code::DeviceSilent,
            DeviceFinding::NoCredential => Code::NoCredential,
        },
    }
}

fn code_of_card(finding: &CardFinding) -> Code {
    match finding {
        CardFinding::UpToDate(_) => Code::UpToDate,
        CardFinding::Behind { .. } => Code::Behind,
        CardFinding::StartDue => Code::StartDue,
        CardFinding::StartInDoubt { .. } => Code::StartInDoubt,
        CardFinding::StartUnknown { .. } => Code::StartUnknown,
        CardFinding::NoUpdateToken { .. } => Code::NoUpdateToken,
        CardFinding::Dismissed(_) => Code::Dismissed,
        CardFinding::Ended { .. } => Code::Ended,
        CardFinding::EndedByTarget(_) => Code::EndedByTarget,
        CardFinding::Closing(_) => Code::Closing,
        CardFinding::UpdateTokenDead { .. } => Code::UpdateTokenDead,
        CardFinding::Obstacle { obstacle, .. } => match obstacle {
            Obstacle::OsCannotStartByPush => Code::OsCannotStartByPush,
            Obstacle::ActivitiesDisabled => Code::ActivitiesDisabled,
            Obstacle::NotificationsDisabled => Code::NotificationsDisabled,
            Obstacle::NoPushToStartToken => Code::NoPushToStartToken,
            Obstacle::PushToStartTokenRejected => Code::PushToStartTokenRejected,
            Obstacle::NoFcmToken => Code::NoFcmToken,
        },
        CardFinding::StartTooLate => Code::StartTooLate,
        CardFinding::SecondCard => Code::SecondCard,
        CardFinding::FallbackSent => Code::FallbackSent,
        CardFinding::FallbackWaits => Code::FallbackWaits,
    }
}
