//! Reads starts, updates and ends: every violation at once, each naming its field.

use crate::domain::asked::{Expected, Presentation};
use crate::domain::content::Content;
use crate::domain::lifetime::Times;
use crate::domain::revision::Target;
use crate::domain::update::Dismissal;
use crate::error::Result;
use crate::grpc::convert::activity::read_latest_only;
use crate::grpc::convert::content::{self, Forms};
use crate::grpc::convert::push::{
    has_words, read_alert, read_alert_expiry, read_fallback, read_priority,
};
use crate::grpc::validate::{ID_BYTES_MAX, LIST_MAX, Violations};
use crate::proto::v1;
use crate::service::activities::{ApplyAsked, EndAsked, StartAsked, UpdateAsked};
use crate::service::recipients::{AudienceAsked, Named};

const FORM_FACTORS: [&str; 2] = ["PHONE", "TABLET"];
const PLATFORMS: [&str; 2] = ["IOS", "ANDROID"];

/// Reads a start.
pub(super) fn start(request: &v1::StartActivityRequest) -> Result<StartAsked> {
    read_start(request, Violations::new())
}

/// Reads how an activity should be: as its start would say it, with the time of the observation.
pub(super) fn apply(request: &v1::ApplyActivityRequest) -> Result<ApplyAsked> {
    let mut violations = Violations::new();
    if request.activity_id.is_empty() {
        violations.add("activity_id", "is missing");
    }
    if request.alert.as_ref().is_some_and(|alert| !has_words(alert)) {
        violations.add("alert", "needs a title or a body");
    }
    let observed_at = violations.time("observed_time", request.observed_time.as_ref());
    let request = request.clone();
    let start = v1::StartActivityRequest {
        request_id: request.request_id,
        activity_id: request.activity_id,
        activity_type: request.activity_type,
        external_id: request.external_id,
        attributes: request.attributes,
        attributes_json: request.attributes_json,
        content_state: request.content_state,
        content_state_json: request.content_state_json,
        audience: request.audience,
        app_ids: request.app_ids,
        device_preference: request.device_preference,
        alert: request.alert,
        priority: request.priority,
        stale_time: request.stale_time,
        relevance_score: request.relevance_score,
        expected_revision: request.expected_revision,
        validate_only: false,
        audience_mode: request.audience_mode,
        fallback: request.fallback,
        start_time: request.start_time,
        deliver_until: request.deliver_until,
        expire_time: request.expire_time,
    };
    Ok(ApplyAsked { start: read_start(&start, violations)?, observed_at })
}

fn read_start(
    request: &v1::StartActivityRequest,
    mut violations: Violations,
) -> Result<StartAsked> {
    violations.optional_id("request_id", &request.request_id);
    violations.optional_id("activity_id", &request.activity_id);
    violations.id("activity_type", &request.activity_type);
    violations.optional_id("external_id", &request.external_id);
    let attributes = Forms {
        field: "attributes",
        structure: request.attributes.as_ref(),
        json: request.attributes_json.as_deref(),
    };
    let attributes = content::read(&attributes, &mut violations);
    let content = state(
        request.content_state.as_ref(),
        request.content_state_json.as_deref(),
        &mut violations,
    );
    let audience = audience(request, &mut violations);
    let presentation = presentation(&request.shown(), &mut violations);
    let fallback = request.fallback.as_ref().map(|words| read_fallback(words, &mut violations));
    let times = Times {
        start_at: violations.time("start_time", request.start_time.as_ref()),
        deliver_until: violations.time("deliver_until", request.deliver_until.as_ref()),
        expires_at: violations.time("expire_time", request.expire_time.as_ref()),
        ..Times::default()
    };
    expected_revision(request.expected_revision, &mut violations);
    violations.finish()?;
    Ok(StartAsked {
        activity_id: Some(request.activity_id.clone()).filter(|id| !id.is_empty()),
        activity_type: request.activity_type.clone(),
        external_id: request.external_id.clone(),
        attributes,
        content,
        audience,
        presentation,
        fallback,
        times,
        expected: Expected { revision: request.expected_revision, run: None },
    })
}

/// Reads an update.
pub(super) fn update(request: &v1::UpdateActivityRequest) -> Result<UpdateAsked> {
    let mut violations = Violations::new();
    violations.optional_id("request_id", &request.request_id);
    violations.id("activity_id", &request.activity_id);
    let content = state(
        request.content_state.as_ref(),
        request.content_state_json.as_deref(),
        &mut violations,
    );
    let presentation = presentation(&request.shown(), &mut violations);
    expected_revision(request.expected_revision, &mut violations);
    let observed_at = violations.time("observed_time", request.observed_time.as_ref());
    let target = request.target.as_ref().map(|asked| target(asked, &mut violations));
    let times = moved_times(request, &mut violations);
    violations.finish()?;
    Ok(UpdateAsked {
        activity_id: request.activity_id.clone(),
        content,
        presentation,
        expected: Expected { revision: request.expected_revision, run: request.run },
        observed_at,
        target,
        times,
    })
}

/// The times of a run are everyone's.
fn moved_times(request: &v1::UpdateActivityRequest, violations: &mut Violations) -> Times {
    let given = [("start_time", &request.start_time), ("expire_time", &request.expire_time)];
    for (field, _) in given.iter().filter(|(_, time)| time.is_some() && request.target.is_some()) {
        violations.add(*field, "is for everyone: leave out the target");
    }
    Times {
        start_at: violations.time("start_time", request.start_time.as_ref()),
        expires_at: violations.time("expire_time", request.expire_time.as_ref()),
        ..Times::default()
    }
}

/// Reads an end.
pub(super) fn end(request: &v1::EndActivityRequest) -> Result<EndAsked> {
    let mut violations = Violations::new();
    violations.optional_id("request_id", &request.request_id);
    violations.id("activity_id", &request.activity_id);
    let content = state(
        request.content_state.as_ref(),
        request.content_state_json.as_deref(),
        &mut violations,
    );
    let presentation = presentation(&request.shown(), &mut violations);
    expected_revision(request.expected_revision, &mut violations);
    let dismissal = dismissal(request.dismissal.as_ref(), &mut violations);
    let target = request.target.as_ref().map(|asked| target(asked, &mut violations));
    violations.finish()?;
    Ok(EndAsked {
        activity_id: request.activity_id.clone(),
        content,
        presentation,
        expected: Expected { revision: request.expected_revision, run: request.run },
        dismissal,
        target,
    })
}

fn state(
    structure: Option<&prost_types::Struct>,
    json: Option<&str>,
    violations: &mut Violations,
) -> Option<Content> {
    content::read(&Forms { field: "content_state", structure, json }, violations)
}

fn audience(request: &v1::StartActivityRequest, violations: &mut Violations) -> AudienceAsked {
    let given = request.audience.clone().unwrap_or_default();
    let kinds = [
        ("audience.contact_keys", !given.contact_keys.is_empty()),
        ("audience.device_ids", !given.device_ids.is_empty()),
        ("audience.all_devices", given.all_devices),
        ("audience.segment_id", !given.segment_id.is_empty()),
    ];
    if !violations.at_most_one(&kinds) {
        let problem = "is missing: give contact_keys, device_ids, all_devices or segment_id";
        violations.add("audience", problem);
    }
    violations.ids("audience.contact_keys", &given.contact_keys);
    violations.ids("audience.device_ids", &given.device_ids);
    violations.optional_id("audience.segment_id", &given.segment_id);
    violations.ids("app_ids", &request.app_ids);
    let preference: Option<v1::DevicePreference> =
        violations.known("device_preference", request.device_preference);
    let latest_only = read_latest_only(preference.unwrap_or_default());
    if latest_only && given.contact_keys.is_empty() && given.segment_id.is_empty() {
        let problem = "LATEST is about contacts: give audience.contact_keys or a segment of them";
        violations.add("device_preference", problem);
    }
    let named = if given.all_devices {
        Named::AllDevices
    } else if !given.segment_id.is_empty() {
        Named::Segment(given.segment_id)
    } else if given.device_ids.is_empty() {
        Named::ContactKeys(given.contact_keys)
    } else {
        Named::DeviceIds(given.device_ids)
    };
    let mode: Option<v1::AudienceMode> = violations.known("audience_mode", request.audience_mode);
    let live = mode == Some(v1::AudienceMode::Live);
    AudienceAsked { named, app_ids: request.app_ids.clone(), latest_only, live }
}

fn target(asked: &v1::Target, violations: &mut Violations) -> Target {
    violations.ids("target.device_ids", &asked.device_ids);
    violations.ids("target.contact_keys", &asked.contact_keys);
    violations.ids("target.app_ids", &asked.app_ids);
    words(("target.form_factors", &asked.form_factors), &FORM_FACTORS, violations);
    words(("target.platforms", &asked.platforms), &PLATFORMS, violations);
    let target = Target {
        device_ids: sorted(&asked.device_ids),
        contact_keys: sorted(&asked.contact_keys),
        app_ids: asked.app_ids.clone(),
        form_factors: sorted(&asked.form_factors),
        platforms: sorted(&asked.platforms),
    };
    if target.is_empty() {
        violations.add("target", "selects nothing; leave it out to mean everyone");
    }
    target
}

/// Each is one of these words.
fn words((field, given): (&str, &[String]), known: &[&str], violations: &mut Violations) {
    violations.list_size(field, given.len());
    for (index, word) in given.iter().enumerate().take(LIST_MAX) {
        if !known.contains(&word.as_str()) {
            let problem = format!("must be one of {}", known.join(", "));
            violations.add(format!("{field}[{index}]"), problem);
        }
    }
}

/// The same target has one form, by which it is known again.
fn sorted(words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    words.sort_unstable();
    words.dedup();
    words
}

fn dismissal(asked: Option<&v1::Dismissal>, violations: &mut Violations) -> Dismissal {
    let Some(asked) = asked else { return Dismissal::Default };
    let kinds = [
        ("dismissal.immediate", asked.immediate),
        ("dismissal.time", asked.time.is_some()),
        ("dismissal.after", asked.after.is_some()),
    ];
    violations.at_most_one(&kinds);
    let time = violations.time("dismissal.time", asked.time.as_ref());
    let after = violations.span("dismissal.after", asked.after.as_ref());
    match (time, after) {
        _ if asked.immediate => Dismissal::Immediate,
        (Some(time), _) => Dismissal::At(time),
        (None, Some(after)) => Dismissal::After(after),
        (None, None) => Dismissal::Default,
    }
}

fn expected_revision(revision: Option<i64>, violations: &mut Violations) {
    if let Some(revision) = revision {
        violations.not_negative("expected_revision", revision);
    }
}

/// What the three requests say about how to show something.
struct Shown<'a> {
    alert: Option<&'a v1::Alert>,
    priority: i32,
    stale_time: Option<&'a prost_types::Timestamp>,
    relevance_score: Option<f64>,
    needs_words: bool,
}

impl v1::StartActivityRequest {
    fn shown(&self) -> Shown<'_> {
        Shown {
            alert: self.alert.as_ref(),
            priority: self.priority,
            stale_time: self.stale_time.as_ref(),
            relevance_score: self.relevance_score,
            needs_words: false,
        }
    }
}

impl v1::UpdateActivityRequest {
    fn shown(&self) -> Shown<'_> {
        Shown {
            alert: self.alert.as_ref(),
            priority: self.priority,
            stale_time: self.stale_time.as_ref(),
            relevance_score: self.relevance_score,
            needs_words: true,
        }
    }
}

impl v1::EndActivityRequest {
    fn shown(&self) -> Shown<'_> {
        Shown {
            alert: self.alert.as_ref(),
            priority: self.priority,
            stale_time: None,
            relevance_score: None,
            needs_words: true,
        }
    }
}

fn presentation(shown: &Shown<'_>, violations: &mut Violations) -> Presentation {
    let alert = shown.alert.map(|alert| read_alert("alert", alert, violations));
    if alert.as_ref().is_some_and(|a| shown.needs_words && a.title.is_empty() && a.body.is_empty())
    {
        violations.add("alert", "needs a title or a body");
    }
    let alert_expires_at =
        shown.alert.and_then(|alert| read_alert_expiry("alert", alert, violations));
    let priority: Option<v1::Priority> = violations.known("priority", shown.priority);
    if shown.relevance_score.is_some_and(|score| !score.is_finite()) {
        violations.add("relevance_score", "must be a finite number");
    }
    Presentation {
        alert,
        alert_expires_at,
        priority: priority.and_then(read_priority),
        stale_at: violations.time("stale_time", shown.stale_time),
        relevance_score: shown.relevance_score,
    }
}

const _: () = assert!(ID_BYTES_MAX == 256, "the size that the proto files promise");
