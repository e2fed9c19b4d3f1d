//! Recipients that are added to a run, and those that are taken out of it.
//!
//! Neither is a revision: nothing is asked of what the activity shows. The invariant: the rows say who is a recipient
//! at once; expansions bring the run to the devices, and away from them, behind that.

use super::activity::{Activity, Origin, State};
use super::asked::Expected;
use super::change::Change;
use super::expansion::{Audience, Expansion, Verb, Who};
use super::ids::ExpansionId;
use super::recipient::{self, Recipient};
use crate::clock::Time;
use crate::error::{Error, Reason, Result};

/// How many segments a run may have as recipients: each device is looked for in all of them.
pub const SEGMENTS_MAX: usize = 100;

/// What the backend asks.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who joins or leaves.
    pub who: Who,
    /// Who joins is started also where the person has closed the activity.
    pub restart_dismissed: bool,
    /// What the caller believes.
    pub expected: Expected,
}

/// What is known of the run.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The expansion that started it; none where only apps have.
    pub start: Option<&'a Expansion>,
    /// Which of those that are named are recipients already.
    pub recipients: &'a [Recipient],
    /// How many segments are recipients.
    pub segments: usize,
}

/// What became of it.
#[derive(Debug)]
pub struct Changed {
    /// Those that were not as asked before.
    pub changed: usize,
    /// Those that were.
    pub unchanged: usize,
    /// What to write. Recipients that leave are for the caller to delete.
    pub change: Change,
}

/// Decides about recipients that join. One that is named again is started again where it was ended.
pub fn add(activity: &Activity, asked: Asked, known: Known<'_>, now: Time) -> Result<Changed> {
    let start = check(activity, &asked, known, now)?;
    let adds_segment = asked.who.is_segment() && known.recipients.is_empty();
    if adds_segment && known.segments >= SEGMENTS_MAX {
        let message = format!("A run has at most {SEGMENTS_MAX} segments as recipients.");
        return Err(Error::new(Reason::LimitReached, message));
    }
    let audience = treated_as(start, asked.who);
    let whose = (activity.workspace, activity.key, activity.run);
    let named = recipient::recipients(whose, &audience, activity.revision);
    let counts = (named.len() - known.recipients.len(), known.recipients.len());
    let verb = if asked.restart_dismissed { Verb::JoinAgain } else { Verb::Join };
    let mut recipients: Vec<Recipient> =
        named.into_iter().map(|new| merged(new, known.recipients)).collect();
    if activity.state == State::Scheduled {
        recipients.iter_mut().for_each(Recipient::wait);
    }
    let change = Change {
        recipients,
        expansions: vec![expansion(activity, verb, audience, now)],
        ..Change::default()
    };
    Ok(Changed { changed: counts.0, unchanged: counts.1, change })
}

/// Decides about recipients that leave. Devices that another recipient leads to stay.
pub fn remove(activity: &Activity, asked: Asked, known: Known<'_>, now: Time) -> Result<Changed> {
    let start = check(activity, &asked, known, now)?;
    let audience = treated_as(start, asked.who);
    let named = recipient::ways(&audience.who).len();
    let changed = known.recipients.len();
    let nobody_has_it = changed == 0 || activity.state == State::Scheduled;
    let expansions = if nobody_has_it {
        Vec::new()
    } else {
        vec![expansion(activity, Verb::Leave, audience, now)]
    };
    let change = Change { expansions, ..Change::default() };
    Ok(Changed { changed, unchanged: named - changed, change })
}

fn check<'a>(
    activity: &Activity,
    asked: &Asked,
    known: Known<'a>,
    now: Time,
) -> Result<&'a Expansion> {
    asked.expected.check(activity.revision, activity.run)?;
    activity.check_open(now)?;
    known.start.filter(|_| activity.origin == Origin::Backend).ok_or_else(|| {
        let message = "Only apps have started this run. StartActivity adopts it, with an audience \
                       and with the alert that starts by push need.";
        Error::new(Reason::StartAlertRequired, message)
    })
}

/// All recipients of a run are treated as those that it was started for.
fn treated_as(start: &Expansion, who: Who) -> Audience {
    let mut audience = Audience { who, ..start.audience.clone() };
    audience.latest_only &= audience.is_by_contact();
    audience
}

/// One that is a recipient already goes on following its segment from where it is.
fn merged(new: Recipient, known: &[Recipient]) -> Recipient {
    match known.iter().find(|known| known.way == new.way) {
        Some(known) if known.live => Recipient { since: new.since, ..known.clone() },
        _ => new,
    }
}

fn expansion(activity: &Activity, verb: Verb, audience: Audience, now: Time) -> Expansion {
    Expansion {
        id: ExpansionId::generate(),
        activity: activity.key,
        run: activity.run,
        workspace: activity.workspace,
        verb,
        audience,
        cursor: String::new(),
        done: activity.state == State::Scheduled,
        created_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::expansion::Members;
    use crate::domain::ids::SegmentKey;
    use crate::domain::recipient::Way;
    use crate::domain::samples::{NOW, activity};
    use crate::domain::segment::SegmentKind;

    fn contacts(keys: &[&str]) -> Who {
        Who::ContactKeys(keys.iter().map(|key| (*key).to_owned()).collect())
    }

    fn segment(key: SegmentKey, as_of: i64) -> Who {
        Who::Segment(Members { key, kind: SegmentKind::DeviceIds, as_of })
    }

    fn asked(who: Who) -> Asked {
        Asked { who, restart_dismissed: false, expected: Expected::default() }
    }

    fn started(of: &Activity, live: bool) -> Expansion {
        let who = contacts(&["ada"]);
        let app_ids = vec!["app_1".to_owned()];
        let audience = Audience { who, app_ids, latest_only: true, live };
        expansion(of, Verb::Start, audience, NOW)
    }

    fn known<'a>(start: &'a Expansion, recipients: &'a [Recipient]) -> Known<'a> {
        Known { start: Some(start), recipients, segments: 0 }
    }

    #[test]
    fn who_joins_is_treated_as_those_whom_the_run_was_started_for() {
        let flight = Activity { revision: 7, ..activity() };
        let start = started(&flight, true);
        let joined = add(&flight, asked(contacts(&["bob", "bob"])), known(&start, &[]), NOW);
        let joined = joined.expect("joined");
        assert_eq!((joined.changed, joined.unchanged), (1, 0));
        let [row] = joined.change.recipients.as_slice() else { panic!("one") };
        assert_eq!((&row.way, row.since, row.live), (&Way::Contact("bob".to_owned()), 7, true));
        let [expansion] = joined.change.expansions.as_slice() else { panic!("one") };
        assert_eq!(expansion.verb, Verb::Join);
        assert_eq!(expansion.audience.app_ids, start.audience.app_ids);
        assert!(expansion.audience.latest_only && expansion.audience.live);
        assert!(joined.change.revisions.is_empty() && joined.change.activities.is_empty());
        let devices = Who::DeviceIds(vec!["phone".to_owned()]);
        let again = Asked { restart_dismissed: true, ..asked(devices) };
        let again = add(&flight, again, known(&start, &[]), NOW).expect("joined");
        assert_eq!(again.change.expansions[0].verb, Verb::JoinAgain);
        assert!(!again.change.expansions[0].audience.latest_only, "a device is one device");
    }

    #[test]
    fn who_is_named_again_is_newer_and_goes_on_following_from_where_it_is() {
        let flight = activity();
        let key = SegmentKey::generate();
        let start = started(&flight, true);
        let first = add(&flight, asked(segment(key, 3)), known(&start, &[]), NOW).expect("joined");
        let later = Activity { revision: 9, ..flight };
        let again =
            add(&later, asked(segment(key, 8)), known(&start, &first.change.recipients), NOW);
        let again = again.expect("joined");
        assert_eq!((again.changed, again.unchanged), (0, 1));
        assert_eq!((again.change.recipients[0].since, again.change.recipients[0].followed), (9, 3));
        assert_eq!(again.change.expansions.len(), 1, "what was ended is looked for");
    }

    #[test]
    fn who_leaves_is_looked_for_only_where_somebody_was_a_recipient() {
        let flight = activity();
        let start = started(&flight, false);
        let rows =
            add(&flight, asked(contacts(&["ada"])), known(&start, &[]), NOW).expect("joined");
        let rows = rows.change.recipients;
        let left = remove(&flight, asked(contacts(&["ada", "eve"])), known(&start, &rows), NOW);
        let left = left.expect("left");
        assert_eq!((left.changed, left.unchanged), (1, 1));
        assert_eq!(left.change.expansions[0].verb, Verb::Leave);
        let nobody = remove(&flight, asked(contacts(&["eve"])), known(&start, &[]), NOW);
        assert!(nobody.expect("nobody").change.is_empty());
    }

    #[test]
    fn nobody_joins_what_has_ended_another_run_or_what_only_apps_have_started() {
        let flight = activity();
        let start = started(&flight, false);
        let reason = |of: &Activity, run: Option<i64>, start: Option<&Expansion>| {
            let expected = Expected { revision: None, run };
            let asked = || Asked { expected, ..asked(contacts(&["bob"])) };
            let known = Known { start, recipients: &[], segments: 0 };
            let joined = add(of, asked(), known, NOW).expect_err("refused").reason;
            assert_eq!(remove(of, asked(), known, NOW).expect_err("refused").reason, joined);
            joined
        };
        let ended = Activity { state: State::Ended, ..flight.clone() };
        assert_eq!(reason(&ended, None, Some(&start)), Reason::ActivityEnded);
        assert_eq!(reason(&flight, Some(2), Some(&start)), Reason::RunMismatch);
        let by_app = Activity { origin: Origin::App, ..flight };
        assert_eq!(reason(&by_app, None, None), Reason::StartAlertRequired);
    }

    #[test]
    fn a_run_has_a_bounded_number_of_segments() {
        let flight = activity();
        let start = started(&flight, false);
        let full = Known { segments: SEGMENTS_MAX, ..known(&start, &[]) };
        let more = add(&flight, asked(segment(SegmentKey::generate(), 1)), full, NOW);
        assert_eq!(more.expect_err("full").reason, Reason::LimitReached);
        assert!(add(&flight, asked(contacts(&["bob"])), full, NOW).is_ok());
    }
}
