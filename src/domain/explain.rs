//! Why a device shows what it shows: what is known of one activity run on one device, as findings with words for
//! people.
//!
//! May import rows and rules. Pure like every rule: rows and `now` go in, findings come out. Invariants: what would be
//! done now is the dispatcher's own decision, and no finding says more than the rows do - that a provider took a push
//! is never said to be a picture on a screen.

mod audience;
mod card;
mod device;
mod next;
mod push;
mod run;
mod when;

pub use audience::AudienceFinding;
pub use card::CardFinding;
pub use device::{CARD_LIFE, DeviceFinding};
pub use next::Now;
pub use push::PushFinding;
pub use run::{RunFinding, explain_run};

use super::activity::Activity;
use super::decide::Decision;
use super::delivery::Delivery;
use super::device::Device;
use super::expansion::Expansion;
use super::ids::SegmentKey;
use super::plan::Wanted;
use super::recipient::Roll;
use super::shard::Shard;
use super::subscription::Subscription;
use super::token::Token;
use crate::clock::Time;
use std::collections::HashMap;

/// All that is known of a run on a device.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The activity.
    pub activity: &'a Activity,
    /// The device.
    pub device: &'a Device,
    /// Its tokens, dead ones too.
    pub tokens: &'a [Token],
    /// The recipients of the run, as far as they concern the device.
    pub roll: &'a Roll,
    /// The caller's ids of segments among them.
    pub segments: &'a HashMap<SegmentKey, String>,
    /// How the run was started; none where only apps have.
    pub start: Option<&'a Expansion>,
    /// Its audience is still being turned into subscriptions.
    pub is_expanding: bool,
    /// What the device has of the run; none where it has nothing.
    pub standing: Option<Standing<'a>>,
    /// The newest push of the run to the device.
    pub last_push: Option<&'a Delivery>,
    /// When the newest start that was accepted was sent.
    pub started_at: Option<Time>,
    /// The app has a credential for the world of the device.
    pub has_credential: bool,
    /// The present.
    pub now: Time,
}

/// What a device has of a run.
#[derive(Clone, Debug)]
pub struct Standing<'a> {
    /// The row.
    pub subscription: &'a Subscription,
    /// Its shard.
    pub shard: &'a Shard,
    /// What the run wants of it; none where nothing is marked yet.
    pub wanted: Option<&'a Wanted>,
    /// What the dispatcher would do now.
    pub decision: Option<&'a Decision>,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// About all devices of the run.
    Run(RunFinding),
    /// About the audience.
    Audience(AudienceFinding),
    /// About where the run stands on the device.
    Card(CardFinding),
    /// About its pushes.
    Push(PushFinding),
    /// About the device.
    Device(DeviceFinding),
}

/// How a finding bears on the delivery, what matters most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It keeps the device from showing what it should, until somebody does something.
    Obstacle,
    /// It passes by itself.
    Wait,
    /// It may be the cause, which cannot be known from here.
    Doubt,
    /// A fact.
    Fact,
}

/// What is to be said of a run on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What would be done now.
    pub now: Now,
    /// What was found, what matters most first.
    pub findings: Vec<Finding>,
}

/// Says how the run stands on the device, what would be done now, and why.
pub fn explain(case: &Case<'_>) -> Explanation {
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(card::explain(case).into_iter().map(Finding::from));
    findings.extend(audience::explain(case).map(Finding::from));
    findings.extend(push::explain(case).into_iter().map(Finding::from));
    findings.extend(device::explain(case).into_iter().map(Finding::from));
    findings.sort_by_key(Finding::weight);
    Explanation { now: next::now(case), findings }
}

impl Finding {
    /// How it bears on the delivery.
    pub fn weight(&self) -> Weight {
        match self {
            Finding::Run(finding) => finding.weight(),
            Finding::Audience(finding) => finding.weight(),
            Finding::Card(finding) => finding.weight(),
            Finding::Push(finding) => finding.weight(),
            Finding::Device(finding) => finding.weight(),
        }
    }

    /// The finding in a sentence.
    pub fn text(&self, now: Time) -> String {
        match self {
            Finding::Run(finding) => finding.text(now),
            Finding::Audience(finding) => finding.text(),
            Finding::Card(finding) => finding.text(now),
            Finding::Push(finding) => finding.text(now),
            Finding::Device(finding) => finding.text(now),
        }
    }

    /// What to do about it, in a sentence; empty where nothing is to be done.
    pub fn remedy(&self) -> &'static str {
        match self {
            Finding::Run(_) => "",
            Finding::Audience(finding) => finding.remedy(),
            Finding::Card(finding) => finding.remedy(),
            Finding::Push(finding) => finding.remedy(),
            Finding::Device(finding) => finding.remedy(),
        }
    }
}

impl Standing<'_> {
    /// Something is sent, or will be by itself.
    fn is_tried(&self) -> bool {
        matches!(self.decision, None | Some(Decision::Wait(_) | Decision::Send(..)))
    }
}

#[cfg(test)]
mod tests;
