//! Saying how an activity should be: a start, an update, or nothing, whichever leads there. May import `start` and
//! `update`, whose rules hold. Invariant: said twice, it does nothing the second time.

use super::activity::{Activity, Origin, State};
use super::asked::Expected;
use super::change::Change;
use super::content::Content;
use super::expansion::{Audience, Members, Who};
use super::lifetime::Times;
use super::push::Alert;
use super::revision::Revision;
use super::start::{self, Identity, Start, Started};
use super::update::{self, Update, Updated};
use super::words::Words;
use crate::clock::Time;
use crate::error::{Error, Reason, Result};
use serde::{Deserialize, Serialize};

/// What an active activity of the backend is compared with.
#[derive(Clone, Debug)]
pub struct Present {
    /// As it is.
    pub activity: Activity,
    /// The newest revision for everyone of the current run.
    pub newest: Option<Revision>,
    /// Whom the current run is for.
    pub audience: Option<Audience>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// It was not active.
    Started,
    /// It showed something else.
    Updated,
    /// It was so already.
    Unchanged,
}

/// What became of it.
#[derive(Debug)]
pub struct Applied {
    /// As it is now.
    pub activity: Activity,
    /// What was done.
    pub action: Action,
    /// Only apps had started it before.
    pub adopted: bool,
    /// The observation was older than the one shown.
    pub ignored: bool,
    /// What to write.
    pub change: Change,
}

/// Decides what leads to what is asked.
pub fn apply(
    present: Option<&Present>,
    asked: Start,
    observed_at: Option<Time>,
    now: Time,
) -> Result<Applied> {
    let active = present.filter(|present| {
        let Activity { state, origin, .. } = &present.activity;
        !state.is_over() && *origin == Origin::Backend
    });
    match active {
        None => begin(present.map(|present| &present.activity), asked, observed_at, now),
        Some(present) => go_on(present, asked, observed_at, now),
    }
}

fn begin(
    existing: Option<&Activity>,
    asked: Start,
    observed_at: Option<Time>,
    now: Time,
) -> Result<Applied> {
    let Started { mut activity, adopted, mut change } = start::start(existing, asked, now)?;
    activity.observed_at = observed_at;
    change.activities = vec![activity.clone()];
    Ok(Applied { activity, action: Action::Started, adopted, ignored: false, change })
}

fn go_on(present: &Present, asked: Start, observed_at: Option<Time>, now: Time) -> Result<Applied> {
    let Present { activity, newest, audience } = present;
    if activity.activity_type != asked.activity_type.name {
        return Err(start::type_mismatch(activity));
    }
    asked.expected.check(activity.revision, activity.run)?;
    check_run(activity, audience.as_ref(), &asked)?;
    let shown = |newest: &Revision| {
        let content =
            asked.content.as_ref().is_none_or(|c| c.as_str() == activity.content.as_str());
        let presentation = &asked.presentation;
        content
            && newest.stale_at == presentation.stale_at
            && newest.relevance_score == presentation.relevance_score
    };
    let moves = moves(activity, asked.times, now);
    let is_so = newest.as_ref().is_some_and(shown) && moves == Times::default();
    let update = Update {
        content: asked.content,
        presentation: asked.presentation,
        expected: Expected::default(),
        observed_at,
        target: None,
        observed_by_target: None,
        times: moves,
    };
    let updated = update::update(activity, update, &asked.activity_type, now)?;
    if updated.ignored || is_so {
        return Ok(unchanged(activity, &updated, observed_at));
    }
    let Updated { activity, change, .. } = updated;
    let action = Action::Updated;
    Ok(Applied { activity, action, adopted: false, ignored: false, change })
}

/// Which of the times that are asked are others than those of the run. That it should have begun is so once it has.
fn moves(activity: &Activity, asked: Times, now: Time) -> Times {
    let is_scheduled = activity.state == State::Scheduled;
    let start_at = asked.start_at.filter(|at| is_scheduled || *at > now);
    Times {
        start_at: start_at.filter(|at| *at != activity.started_at),
        expires_at: asked.expires_at.filter(|at| *at != activity.expires_at),
        ..Times::default()
    }
}

/// It is so already. That it was seen so later is noted: what was seen before is news no more.
fn unchanged(activity: &Activity, updated: &Updated, observed_at: Option<Time>) -> Applied {
    let mut activity = activity.clone();
    let mut change = Change::default();
    if !updated.ignored && observed_at > activity.observed_at {
        activity.observed_at = observed_at;
        change.activities.push(activity.clone());
    }
    let (action, ignored) = (Action::Unchanged, updated.ignored);
    Applied { activity, action, adopted: false, ignored, change }
}

/// What belongs to a run cannot change while it is active.
fn check_run(activity: &Activity, audience: Option<&Audience>, asked: &Start) -> Result<()> {
    let identity = Identity {
        activity_id: &activity.activity_id,
        run: activity.run,
        activity_type: &asked.activity_type,
    };
    let attributes = match &asked.attributes {
        Some(given) => same(&identity.write_into(given)?, &activity.attributes),
        None => true,
    };
    let external_id = asked.external_id.is_empty() || asked.external_id == activity.external_id;
    let audience = audience.is_none_or(|audience| sorted(audience) == sorted(&asked.audience));
    let fallback = says_the_same(asked.fallback.as_ref(), activity.fallback.as_ref());
    let parts = [
        ("attributes", attributes),
        ("external_id", external_id),
        ("audience", audience),
        ("fallback", fallback),
    ];
    let others: Vec<&str> =
        parts.iter().filter(|(_, same)| !same).map(|(field, _)| *field).collect();
    if others.is_empty() {
        return Ok(());
    }
    let message = format!(
        "\"{}\" is active with other values of {}, which belong to its run; end it first.",
        activity.activity_id,
        others.join(" and ")
    );
    Err(Error::new(Reason::ActivityActive, message)
        .with("run", activity.run)
        .with("revision", activity.revision)
        .with("fields", others.join(",")))
}

/// What is given of the words is what is there.
fn says_the_same(given: Option<&Alert>, kept: Option<&Alert>) -> bool {
    let Some(given) = given else { return true };
    let same = |given: &Words, kept: &Words| given.is_empty() || given == kept;
    kept.is_some_and(|kept| {
        same(&given.title, &kept.title)
            && same(&given.subtitle, &kept.subtitle)
            && same(&given.body, &kept.body)
            && (given.sound.is_empty() || given.sound == kept.sound)
    })
}

/// The same values, in whatever order and with whatever spaces.
fn same(one: &Content, other: &Content) -> bool {
    let read = |content: &Content| serde_json::from_str::<serde_json::Value>(content.as_str()).ok();
    one.as_str() == other.as_str() || read(one).is_some_and(|one| Some(one) == read(other))
}

/// The same audience has one form.
fn sorted(audience: &Audience) -> Audience {
    let sort = |words: &[String]| {
        let mut words = words.to_vec();
        words.sort_unstable();
        words.dedup();
        words
    };
    let who = match &audience.who {
        Who::ContactKeys(keys) => Who::ContactKeys(sort(keys)),
        Who::DeviceIds(ids) => Who::DeviceIds(sort(ids)),
        // The same segment, however it was when the run began.
        Who::Segment(members) => Who::Segment(Members { as_of: 0, ..*members }),
        Who::AllDevices => Who::AllDevices,
    };
    let Audience { latest_only, live, .. } = *audience;
    Audience { who, app_ids: sort(&audience.app_ids), latest_only, live }
}

#[cfg(test)]
mod tests;
