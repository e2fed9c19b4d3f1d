//! What a run wants of some members: as the dispatcher weighs it, and as an explanation tells it.

use super::on::On;
use super::revisions::{self, AlertSpan};
use crate::clock::Time;
use crate::domain::activity::{Activity, State as ActivityState};
use crate::domain::plan::Wanted;
use crate::domain::revision::Number;
use crate::domain::shard::Shard;
use crate::domain::subscription::{State, Subscription};
use crate::error::Result;

/// How many alerts of a run are looked at; older ones are superseded anyway.
const ALERTS_MAX: u64 = 16;

/// What the run wants, as far as the activity is marked; none where nothing is.
pub async fn of_members(
    on: &impl On,
    shard: &Shard,
    activity: &Activity,
    (members, now): (&[&Subscription], Time),
) -> Result<Option<Wanted>> {
    let (key, run, up_to) = (activity.key, shard.place.run, activity.marked_revision);
    let newest = revisions::newest_for_everyone(on, key, run, up_to).await?;
    let Some(newest) = newest else { return Ok(None) };
    let span = AlertSpan { activity: key, run, up_to };
    let mut others = revisions::with_live_alert(on, &span, now, ALERTS_MAX).await?;
    let mut targeted: Vec<Number> = Vec::new();
    for member in members {
        let starts = member.state == State::PendingStart;
        let had = if starts { 0 } else { member.alerted.max(member.delivered(shard)) };
        targeted.push(member.targeted.wanted(newest.number));
        targeted.extend(Some(member.targeted.alert).filter(|alert| *alert > had));
    }
    targeted.sort_unstable();
    targeted.dedup();
    targeted.retain(|number| *number != newest.number);
    others.extend(revisions::get_many(on, key, &targeted).await?);
    let has_expired = activity.state == ActivityState::Expired && activity.run == run;
    let deliver_for = activity.deliver_for;
    Ok(Some(Wanted { run, newest, others, deliver_for, has_expired }))
}
