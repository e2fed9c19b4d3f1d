//! How large the pushes of one revision are, on every route that its workspace has apps for.
//!
//! May import the payloads: what is measured here is what is built when it is sent. Apple's limit is checked by every
//! decision; Google's only where there is an Android app, whose messages carry the attributes each time.

use super::activity::Activity;
use super::activity_type::ActivityType;
use super::delivery::Provider;
use super::payload::{apns, fcm};
use super::platform::{Build, DataKeys, Platform};
use super::push::{Alert, Operation};
use super::revision::Revision;
use super::tenant::App;
use crate::error::{Error, Result};
use std::time::Duration;

/// As long as the ids of messages are.
const MESSAGE_ID: &str = "00000000-0000-0000-0000-000000000000";

/// The routes that pushes of a workspace can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// It has an iOS app.
    pub ios: bool,
    /// It has an Android app; the names that say most, where its apps differ.
    pub android: Option<DataKeys>,
}

/// The bytes of one push, by what they are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushSize {
    /// Who carries it.
    pub provider: Provider,
    /// What it is to do.
    pub operation: Operation,
    /// The bytes.
    pub size: apns::Size,
    /// The most that may be.
    pub limit: usize,
}

impl Routes {
    /// Those of these apps.
    pub fn of(apps: &[App]) -> Self {
        let mut routes = Routes::default();
        for app in apps {
            match (&app.build, routes.android) {
                (Build::Ios { .. }, _) => routes.ios = true,
                (Build::Android { .. }, Some(DataKeys::Tidings)) => {}
                (Build::Android { fcm_data_keys, .. }, _) => routes.android = Some(*fcm_data_keys),
            }
        }
        routes
    }

    fn keys(self, platform: Platform) -> Option<DataKeys> {
        self.android.filter(|_| platform == Platform::Android)
    }
}

/// The pushes that a revision can ride on, each with its size: for a device that has to be started too.
pub fn of(
    activity: &Activity,
    revision: &Revision,
    kind: &ActivityType,
    routes: Routes,
) -> Vec<PushSize> {
    let operations: &[Operation] = match revision.operation {
        Operation::End => &[Operation::End],
        Operation::Start => &[Operation::Start],
        Operation::Update | Operation::Fallback => &[Operation::Start, Operation::Update],
    };
    let mut sizes = Vec::new();
    for &operation in operations {
        let alert = revision.alert.as_ref().map(|alert| &alert.alert);
        let alert = match operation {
            Operation::Start => alert.or(Some(&activity.start_alert)),
            _ => alert,
        };
        if routes.ios {
            sizes.push(of_apple(activity, revision, kind, (operation, alert)));
        }
        if let Some(keys) = routes.keys(Platform::Android) {
            sizes.push(of_google(activity, revision, keys, (operation, alert)));
        }
    }
    if let Some(words) =
        activity.fallback.as_ref().filter(|_| revision.operation == Operation::Start)
    {
        let Activity { activity_id, run, .. } = activity;
        if routes.ios {
            let notification = apns::Notification { activity_id, run: *run, alert: words };
            sizes.push(of_fallback(Provider::Apns, notification.build().len()));
        }
        if routes.android.is_some() {
            let notification = fcm::Notification {
                activity_id,
                run: *run,
                alert: words,
                message_id: MESSAGE_ID,
                ttl: Duration::ZERO,
            };
            sizes.push(of_fallback(Provider::Fcm, notification.build().len()));
        }
    }
    sizes
}

/// An ordinary notification is all words. For Google the whole message is counted, which is a little too much.
fn of_fallback(provider: Provider, total: usize) -> PushSize {
    let size = apns::Size { attributes: 0, content_state: 0, alert: total, envelope: 0, total };
    let limit = match provider {
        Provider::Apns => apns::BODY_BYTES_MAX,
        Provider::Fcm => fcm::DATA_BYTES_MAX,
    };
    PushSize { provider, operation: Operation::Fallback, size, limit }
}

/// Refuses a notification that is too large, and what Google would not take. The largest is reported.
pub fn check(sizes: &[PushSize]) -> Result<()> {
    let (fallbacks, cards): (Vec<&PushSize>, Vec<&PushSize>) =
        sizes.iter().partition(|size| size.operation == Operation::Fallback);
    if let Some(PushSize { size, limit, .. }) = fallbacks.iter().find(|s| s.size.total > s.limit) {
        let problem = format!("makes a notification of {} bytes; at most {limit} go", size.total);
        return Err(Error::invalid_field("fallback", problem));
    }
    let of_google = cards.into_iter().filter(|size| size.provider == Provider::Fcm);
    let largest = of_google.max_by_key(|size| size.size.total);
    let Some(too_large) = largest.filter(|largest| largest.size.total > largest.limit) else {
        return Ok(());
    };
    let apns::Size { attributes, content_state, alert, envelope, total } = too_large.size;
    let size = fcm::Size { attributes, content_state, alert, envelope, total };
    let too_large = fcm::TooLarge { operation: too_large.operation, size };
    Err(Error::invalid_field("content_state", too_large.to_string()))
}

fn of_apple(
    activity: &Activity,
    revision: &Revision,
    kind: &ActivityType,
    (operation, alert): (Operation, Option<&Alert>),
) -> PushSize {
    let now = revision.created_at;
    let event = match operation {
        Operation::Start => apns::Event::Start {
            attributes_type: &kind.ios_attributes_type,
            attributes: &activity.attributes,
            input_push_token: true,
        },
        Operation::End => apns::Event::End { dismissal_time: revision.dismiss_at },
        Operation::Update | Operation::Fallback => apns::Event::Update,
    };
    let payload = apns::Payload {
        event,
        timestamp: now,
        content_state: &revision.content,
        alert,
        stale_time: revision.stale_at,
        relevance_score: revision.relevance_score,
    };
    let (provider, limit) = (Provider::Apns, apns::BODY_BYTES_MAX);
    PushSize { provider, operation, size: payload.size(), limit }
}

fn of_google(
    activity: &Activity,
    revision: &Revision,
    keys: DataKeys,
    (operation, alert): (Operation, Option<&Alert>),
) -> PushSize {
    let message = fcm::Message {
        keys,
        activity_id: &activity.activity_id,
        run: activity.run,
        operation,
        revision: revision.number,
        activity_type: &activity.activity_type,
        attributes: &activity.attributes,
        content_state: &revision.content,
        timestamp: revision.created_at,
        stale_time: revision.stale_at,
        dismiss_time: revision.dismiss_at,
        alert,
        message_id: MESSAGE_ID,
        ttl: Duration::ZERO,
    };
    let fcm::Size { attributes, content_state, alert, envelope, total } = message.size();
    let size = apns::Size { attributes, content_state, alert, envelope, total };
    PushSize { provider: Provider::Fcm, operation, size, limit: fcm::DATA_BYTES_MAX }
}

#[cfg(test)]
mod tests {
    use super::Operation::{End, Start, Update};
    use super::Provider::{Apns, Fcm};
    use super::*;
    use crate::domain::content::Content;
    use crate::domain::samples::{activity, activity_type, alert, alerting, end};

    const BOTH: Routes = Routes { ios: true, android: Some(DataKeys::Tidings) };

    #[test]
    fn every_push_of_a_revision_is_measured_on_every_route() {
        let (activity, kind) = (activity(), activity_type());
        let measured = |revision: &Revision| {
            let sizes = of(&activity, revision, &kind, BOTH);
            sizes.iter().map(|size| (size.provider, size.operation)).collect::<Vec<_>>()
        };
        let update = [(Apns, Start), (Fcm, Start), (Apns, Update), (Fcm, Update)];
        assert_eq!(measured(&alerting(2)), update);
        assert_eq!(measured(&end(2)), [(Apns, End), (Fcm, End)]);
        let none = Routes::default();
        assert!(of(&activity, &end(2), &kind, none).is_empty());
    }

    #[test]
    fn a_notification_is_measured_with_the_start_and_refused_where_it_is_too_large() {
        let (mut activity, kind) = (activity(), activity_type());
        let start = Revision { operation: Start, ..alerting(1) };
        let fallbacks = |activity: &Activity| {
            let mut sizes = of(activity, &start, &kind, BOTH);
            sizes.retain(|size| size.operation == Operation::Fallback);
            sizes
        };
        assert_eq!(fallbacks(&activity), []);
        activity.fallback = Some(alert("Landed"));
        let providers: Vec<_> = fallbacks(&activity).iter().map(|size| size.provider).collect();
        assert_eq!(providers, [Apns, Fcm]);
        assert!(check(&fallbacks(&activity)).is_ok());
        activity.fallback = Some(alert(&"x".repeat(4_096)));
        let refused = check(&fallbacks(&activity)).expect_err("too large").violations;
        assert_eq!(refused[0].field, "fallback");
    }

    #[test]
    fn attributes_count_in_every_message_to_android_and_only_where_there_is_an_android_app() {
        let kind = activity_type();
        let text = |bytes: usize| format!("{{\"x\":\"{}\"}}", "x".repeat(bytes));
        let mut activity = activity();
        activity.attributes = Content::from_stored(text(2_000));
        let mut revision = alerting(2);
        revision.content = Content::from_stored(text(1_900));
        let sizes = of(&activity, &revision, &kind, BOTH);
        let refused = check(&sizes).expect_err("too large for Google").violations;
        assert_eq!(refused[0].field, "content_state");
        assert!(refused[0].description.contains("Google takes 4096"), "{refused:?}");
        let update = sizes.iter().find(|s| s.operation == Operation::Update).expect("an update");
        assert!(update.size.total < 2_200, "on iOS an update has no attributes");
        let ios = of(&activity, &revision, &kind, Routes { ios: true, android: None });
        assert!(check(&ios).is_ok());
    }
}
