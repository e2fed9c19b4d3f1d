//! What becomes of a channel as Apple answers.

use super::*;
use crate::domain::channel_survey::{SURVEY_INTERVAL, compare};
use std::collections::BTreeSet;

const NOW: Time = Time(1_790_000_000_000);
const SPAN: Duration = Duration::from_secs(30);

fn wanted() -> Channel {
    let survey = Survey {
        workspace: WorkspaceId::generate(),
        app: AppId::generate(),
        bundle_id: "com.example.flights".into(),
        environment: Environment::Production,
        due_at: NOW,
        claim: 0,
        claimed_until: None,
    };
    Channel::new(survey, StoragePolicy::MostRecent, None, NOW)
}

fn refusal(class: Class, is_doubtful: bool) -> Refusal {
    Refusal { reason: "Word".into(), class, is_doubtful, retry_after: None }
}

fn active(apple_id: &str) -> Channel {
    wanted().claimed(NOW, SPAN).created(Ok(apple_id.into()), NOW)
}

#[test]
fn a_channel_is_asked_for_until_apple_gives_one() {
    let channel = wanted().claimed(NOW, SPAN);
    assert_eq!((channel.doubts, channel.due_at), (1, Some(NOW + SPAN)), "noted beforehand");
    let again = channel.created(Err(refusal(Class::Retry, false)), NOW);
    assert_eq!((again.state, again.doubts), (State::Creating, 0));
    assert_eq!(again.due_at, Some(NOW + Duration::from_secs(5)));
    let lost = again.claimed(NOW, SPAN).created(Err(refusal(Class::Connection, true)), NOW);
    assert_eq!((lost.state, lost.doubts), (State::Creating, 1), "Apple may have made one");
    let there = lost.claimed(NOW, SPAN).created(Ok("id".into()), NOW);
    assert_eq!((there.state, there.doubts, there.due_at), (State::Active, 1, None));
    assert_eq!((there.apple_id.as_deref(), &there.problem), (Some("id"), &None));
}

#[test]
fn what_does_not_pass_by_itself_or_does_not_pass_in_time_fails() {
    let refused = wanted().claimed(NOW, SPAN);
    let refused = refused.created(Err(refusal(Class::Configuration, false)), NOW);
    assert_eq!((refused.state, refused.due_at), (State::Failed, None));
    assert_eq!(refused.problem.as_ref().unwrap().reason, "Word");
    assert_eq!(refused.unwanted(NOW), None, "there is nothing to delete at Apple's");
    let mut channel = wanted();
    for attempt in 1..=CREATE_ATTEMPTS_MAX {
        channel = channel.claimed(NOW, SPAN).created(Err(refusal(Class::Retry, false)), NOW);
        let goes_on = attempt < CREATE_ATTEMPTS_MAX;
        assert_eq!(channel.state == State::Creating, goes_on, "{attempt}");
    }
}

#[test]
fn who_is_told_to_wait_waits() {
    let rest = Some(Duration::from_mins(7));
    let slow = Refusal { retry_after: rest, ..refusal(Class::Retry, false) };
    let channel = wanted().claimed(NOW, SPAN).created(Err(slow), NOW);
    assert_eq!(channel.due_at, Some(NOW + Duration::from_mins(7)));
}

#[test]
fn a_channel_that_is_unwanted_before_apple_was_asked_is_gone_at_once() {
    assert_eq!(wanted().unwanted(NOW), None);
    let asking = wanted().claimed(NOW, SPAN).unwanted(NOW).unwrap();
    assert_eq!((asking.state, asking.errand()), (State::Deleting, None));
    assert_eq!(asking.due_at, Some(NOW + SPAN), "the answer is waited for");
    let answered = asking.created(Ok("id".into()), NOW);
    assert_eq!((answered.state, answered.due_at), (State::Deleting, Some(NOW)));
    assert_eq!(answered.errand(), Some(Errand::Delete("id".into())));
}

#[test]
fn a_deletion_is_asked_for_until_apple_has_it_no_more() {
    let unwanted = active("id").unwanted(NOW).unwrap().claimed(NOW, SPAN);
    let refused = unwanted.clone().deleted(Err(refusal(Class::Configuration, false)), NOW);
    let refused = refused.expect("it still costs a place");
    assert_eq!((refused.state, refused.due_at.is_some()), (State::Deleting, true));
    assert_eq!(unwanted.clone().deleted(Ok(()), NOW), None);
    let none = Refusal { reason: "ChannelNotRegistered".into(), ..refusal(Class::Token, false) };
    assert_eq!(unwanted.deleted(Err(none), NOW), None);
}

#[test]
fn apples_list_and_our_rows_are_compared() {
    let (ours, missing, asked_for) = (active("ours"), active("missing"), wanted());
    let rows = [ours, missing.clone(), asked_for];
    let elsewhere = BTreeSet::from(["other tenant's".to_owned()]);
    let listed = ["other tenant's", "ours", "unknown"].map(str::to_owned);
    let differences = compare(&rows, &elsewhere, &listed);
    assert_eq!(differences.unknown, ["unknown"]);
    assert_eq!(differences.gone, std::slice::from_ref(&missing));
    let gone = missing.gone(NOW);
    assert_eq!((gone.state, gone.unwanted(NOW)), (State::Failed, None));
}

#[test]
fn a_survey_that_found_too_much_goes_on_at_once() {
    let survey = Survey::of(&wanted(), NOW).claimed(NOW, SPAN);
    assert_eq!(survey.due_at, NOW + SPAN, "where its process dies another one makes it");
    assert_eq!(survey.clone().done(true, NOW).due_at, NOW);
    assert_eq!(survey.done(false, NOW).due_at, NOW + SURVEY_INTERVAL);
}
