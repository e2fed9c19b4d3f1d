//! Deleting an activity or a device: at once for callers, and row by row behind that. May import `activity`, `device`,
//! `subscription` and `change`.
//! Invariant: what is left keeps the id's type, run and revision, so that nothing that comes late is taken for new.

use super::activity::{Activity, State};
use super::change::Change;
use super::content::Content;
use super::device::{Description, Device};
use super::push::Alert;
use super::revision::Run;
use super::subscription::Subscription;
use crate::clock::Time;
use crate::error::{Error, Reason, Result};
use std::time::Duration;

/// Ends that are still under way have this long before the rows go by which they are sent.
pub const PURGE_GRACE: Duration = Duration::from_mins(5);

/// Decides about a deletion.
pub fn delete(existing: &Activity, now: Time) -> Result<Change> {
    if existing.state == State::Active {
        let message = format!("\"{}\" is active; end it first.", existing.activity_id);
        return Err(Error::new(Reason::InUse, message).with("run", existing.run));
    }
    let mut activity = existing.clone();
    activity.deleted_run = activity.run;
    activity.deleted_at = Some(now);
    activity.updated_at = now;
    Ok(Change { activities: vec![activity], ..Change::default() })
}

/// Gives the runs up to this one up, where they are over and were not given up before: what is left of them goes.
pub fn forget(existing: &Activity, up_to: Run, now: Time) -> Option<Activity> {
    let is_over = up_to < existing.run || existing.state.is_over();
    let is_new = up_to > existing.deleted_run && up_to <= existing.run;
    (is_over && is_new).then(|| Activity {
        deleted_run: up_to,
        deleted_at: Some(now),
        ..existing.clone()
    })
}

/// The rows of deleted runs may go: everything is marked, and nothing is under way any more or it took too long.
pub fn may_purge(activity: &Activity, is_settled: bool, now: Time) -> bool {
    let is_marked = activity.marked_revision == activity.revision;
    let took_too_long = activity.deleted_at.is_none_or(|at| now.since(at) >= PURGE_GRACE);
    is_marked && (is_settled || took_too_long)
}

/// A deleted device: nothing by which anybody knows it is left, and its id is free.
pub fn without_identity(device: &Device, now: Time) -> Device {
    Device {
        device_id: device.key.to_string(),
        contact_key: String::new(),
        description: Description::default(),
        deleted_at: Some(now),
        ..device.clone()
    }
}

/// A deleted device may go: everything that it could be sent was sent, or that took too long.
pub fn may_purge_device(device: &Device, subscriptions: &[Subscription], now: Time) -> bool {
    let Some(deleted_at) = device.deleted_at else { return false };
    subscriptions.iter().all(Subscription::is_over) || now.since(deleted_at) >= PURGE_GRACE
}

/// Nothing is left of the deleted runs. Where no new one has begun, the activity's own words go too.
pub fn purged(mut activity: Activity) -> Activity {
    if activity.is_deleted() {
        activity.external_id = String::new();
        activity.attributes = Content::empty();
        activity.content = Content::empty();
        activity.start_alert = Alert::default();
        activity.fallback = None;
        activity.observed_at = None;
    }
    activity.purged_run = activity.deleted_run;
    activity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::{NOW, active, activity, at, device, shard};
    use crate::domain::subscription;

    fn deleted() -> Activity {
        let ended = Activity { state: State::Ended, run: 2, revision: 9, ..activity() };
        let mut change = delete(&ended, NOW).unwrap();
        change.activities.pop().unwrap()
    }

    #[test]
    fn an_active_one_is_not_deleted() {
        assert_eq!(delete(&activity(), NOW).unwrap_err().reason, Reason::InUse);
    }

    #[test]
    fn only_runs_that_are_over_are_given_up_and_only_once() {
        let active = Activity { run: 3, deleted_run: 1, ..activity() };
        let up_to = |activity: &Activity, run| forget(activity, run, NOW).map(|a| a.deleted_run);
        assert_eq!([1, 2, 3, 4].map(|run| up_to(&active, run)), [None, Some(2), None, None]);
        let ended = Activity { state: State::Ended, ..active };
        assert_eq!(up_to(&ended, 3), Some(3));
        assert_eq!(up_to(&Activity { deleted_run: 3, ..ended }, 3), None);
    }

    #[test]
    fn what_is_left_keeps_type_run_and_revision_and_no_word_of_the_caller() {
        let content = Content::from_stored(r#"{"seat":"3A"}"#.to_owned());
        let before = Activity { external_id: "TK1".to_owned(), content, ..deleted() };
        let left = purged(before.clone());
        assert!(before.is_deleted() && left.is_deleted());
        assert_eq!((left.activity_type.as_str(), left.run, left.revision), ("flight_status", 2, 9));
        assert_eq!((left.external_id.as_str(), left.content), ("", Content::empty()));
        assert_eq!((left.deleted_run, left.purged_run), (2, 2));
        let restarted = purged(Activity { run: 3, state: State::Active, ..before.clone() });
        assert!(!restarted.is_deleted());
        assert_eq!(restarted.content, before.content, "the next run is another one");
    }

    #[test]
    fn a_deleted_device_is_nobodys_and_stays_until_its_cards_are_ended_or_for_five_minutes() {
        let device = device("ada");
        let deleted = without_identity(&device, NOW);
        assert_eq!((deleted.key, deleted.contact_key.as_str()), (device.key, ""));
        assert_ne!(deleted.device_id, device.device_id, "its id is free for another one");
        let shard = shard();
        let shown = [Subscription { closing: true, ..active(&shard) }];
        assert!(!may_purge_device(&deleted, &shown, at(299)));
        assert!(may_purge_device(&deleted, &shown, at(300)));
        let ended = [Subscription { state: subscription::State::Ended, ..active(&shard) }];
        assert!(may_purge_device(&deleted, &ended, NOW));
        assert!(!may_purge_device(&device, &ended, at(9_999)), "it was not deleted");
    }

    #[test]
    fn rows_stay_until_the_end_is_sent_or_for_five_minutes() {
        let marked = Activity { marked_revision: 9, ..deleted() };
        assert!(may_purge(&marked, true, NOW));
        assert!(!may_purge(&marked, false, at(299)) && may_purge(&marked, false, at(300)));
        let unmarked = Activity { marked_revision: 8, ..deleted() };
        assert!(!may_purge(&unmarked, true, at(3_000)), "its end is not even marked");
    }
}
