//! What holds for all devices of a run.

use super::when::when;
use super::{Finding, Weight};
use crate::clock::Time;
use crate::domain::activity::{Activity, State};
use crate::domain::revision::{Number, Run};

/// What holds for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunFinding {
    /// Another one is current.
    NotCurrent {
        /// The one that was asked about.
        run: Run,
        /// The one that is.
        current: Run,
    },
    /// It begins later.
    Scheduled(Time),
    /// It has ended.
    Ended(Time),
    /// It was over by itself.
    Expired(Time),
    /// Its audience is still being turned into subscriptions.
    AudienceExpanding,
    /// Whom this revision concerns is still being looked up.
    RevisionNotMarked(Number),
}

/// Says what holds for all devices of the run.
pub fn explain_run(activity: &Activity, run: Run, is_expanding: bool) -> Vec<Finding> {
    let is_current = run == activity.run;
    let is_marked = activity.marked_revision >= activity.revision;
    let life = match activity.state {
        State::Scheduled => Some(RunFinding::Scheduled(activity.started_at)),
        State::Active => None,
        State::Ended => activity.ended_at.map(RunFinding::Ended),
        State::Expired => activity.ended_at.map(RunFinding::Expired),
    };
    let is_marked = is_marked || activity.state == State::Scheduled;
    let findings = [
        (!is_current).then_some(RunFinding::NotCurrent { run, current: activity.run }),
        life.filter(|_| is_current),
        is_expanding.then_some(RunFinding::AudienceExpanding),
        (is_current && !is_marked).then_some(RunFinding::RevisionNotMarked(activity.revision)),
    ];
    findings.into_iter().flatten().map(Finding::Run).collect()
}

impl RunFinding {
    pub(super) fn weight(&self) -> Weight {
        match self {
            RunFinding::NotCurrent { .. } | RunFinding::Ended(_) | RunFinding::Expired(_) => {
                Weight::Fact
            }
            RunFinding::Scheduled(_)
            | RunFinding::AudienceExpanding
            | RunFinding::RevisionNotMarked(_) => Weight::Wait,
        }
    }

    pub(super) fn text(&self, now: Time) -> String {
        match self {
            RunFinding::NotCurrent { run, current } => {
                format!(
                    "This is run {run}; the current one is {current}, and nothing else is sent."
                )
            }
            RunFinding::Scheduled(at) => {
                let at = when(*at, now);
                format!("The run begins at {at}; whom it is for is looked up then.")
            }
            RunFinding::Expired(at) => {
                let at = when(*at, now);
                format!("The run was over by itself at {at}: its expire_time had come.")
            }
            RunFinding::Ended(at) => {
                let at = when(*at, now);
                format!("The run was ended at {at}; devices that are late still get the end.")
            }
            RunFinding::AudienceExpanding => {
                "The audience is still being turned into subscriptions.".to_owned()
            }
            RunFinding::RevisionNotMarked(revision) => {
                format!("Revision {revision} is accepted; whom it concerns is being looked up.")
            }
        }
    }
}
