//! Requests whose form is wrong: every violation at once, each naming its field, and nothing half-done.

use crate::calls::{
    CONTACT, Caller, Refused, alert, content, device, end, for_contacts, refused, start, strings,
    update, update_token,
};
use crate::harness::World;
use crate::tables::{Tables, at_rest};
use std::fmt::Debug;
use tidings::proto::v1::{
    ApplyActivityRequest, Audience, DeleteActivityRequest, DevicePreference, Dismissal,
    ExplainDeliveryRequest, Fallback, GetActivityRequest, GetDeviceRequest, ListActivitiesRequest,
    ListDeliveriesRequest, ListDevicesRequest, ListSubscriptionsRequest, RegisterTokenRequest,
    StartActivityRequest, Target, UpdateActivityRequest, WatchActivityRequest,
};
use tonic::Code;

/// An active activity and a device, at rest, and what must be the same after every refusal.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) caller: Caller,
    before: Tables,
}

pub(crate) const ACTIVE: &str = "FLIGHT_ACTIVE";
pub(crate) const DEVICE: &str = "device-1";

impl Bench {
    pub(crate) async fn new() -> Self {
        let world = World::start().await;
        let caller = world.caller();
        caller.started(ACTIVE).await;
        caller.registered(&world.app_id, DEVICE).await;
        let before = at_rest(world.database()).await;
        Bench { world, caller, before }
    }

    /// The tables are what they should stay from now on.
    pub(crate) async fn look_again(&mut self) {
        self.before = at_rest(self.world.database()).await;
    }

    /// The call was refused and has left nothing behind.
    pub(crate) async fn nothing_done<T: Debug>(
        &self,
        what: &str,
        result: tonic::Result<T>,
    ) -> Refused {
        let refused = refused(result);
        let now = Tables::read(self.world.database()).await;
        self.before.assert_unchanged(&now, what);
        refused
    }

    /// The call was refused for exactly these fields, and has left nothing behind.
    pub(crate) async fn wrong<T: Debug>(&self, fields: &[&str], result: tonic::Result<T>) {
        let refused = self.nothing_done(&fields.join(", "), result).await;
        assert_eq!(refused.code, Code::InvalidArgument, "{refused:?}");
        assert_eq!(refused.reason, "INVALID_REQUEST", "{refused:?}");
        assert_eq!(refused.fields(), fields, "{refused:?}");
        assert!(refused.violations.iter().all(|(_, description)| !description.is_empty()));
    }

    async fn wrong_start(&self, fields: &[&str], request: StartActivityRequest) {
        self.wrong(fields, self.caller.activities().start_activity(request).await).await;
    }

    async fn wrong_update(&self, fields: &[&str], request: UpdateActivityRequest) {
        self.wrong(fields, self.caller.activities().update_activity(request).await).await;
    }

    pub(crate) async fn wrong_token(&self, fields: &[&str], request: RegisterTokenRequest) {
        self.wrong(fields, self.caller.devices().register_token(request).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_wrong_in_every_way_names_every_field() {
    let bench = Bench::new().await;
    let long = "x".repeat(257);
    let request = StartActivityRequest {
        request_id: long.clone(),
        validate_only: false,
        activity_id: "a\u{0}b".to_owned(),
        activity_type: String::new(),
        external_id: long.clone(),
        attributes: Some(prost_types::Struct::default()),
        attributes_json: Some("{}".to_owned()),
        content_state: Some(prost_types::Struct::default()),
        content_state_json: Some("{}".to_owned()),
        audience: None,
        app_ids: strings(&[""]),
        device_preference: 7,
        alert: Some(tidings::proto::v1::Alert { title: long.clone(), ..alert() }),
        priority: 9,
        stale_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        relevance_score: Some(f64::NAN),
        expected_revision: Some(-1),
        audience_mode: 9,
        fallback: Some(Fallback { title: long, ..Fallback::default() }),
        start_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        deliver_until: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        expire_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
    };
    let fields = [
        "request_id",
        "activity_id",
        "activity_type",
        "external_id",
        "attributes_json",
        "content_state_json",
        "audience",
        "app_ids[0]",
        "device_preference",
        "audience_mode",
        "alert.title",
        "priority",
        "relevance_score",
        "stale_time",
        "fallback.title",
        "start_time",
        "deliver_until",
        "expire_time",
        "expected_revision",
    ];
    bench.wrong_start(&fields, request).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_an_activity_should_be_is_checked_as_its_start_is() {
    let bench = Bench::new().await;
    let long = "x".repeat(257);
    let request = ApplyActivityRequest {
        request_id: long.clone(),
        external_id: long.clone(),
        attributes: Some(prost_types::Struct::default()),
        attributes_json: Some("{}".to_owned()),
        content_state_json: Some("[]".to_owned()),
        app_ids: strings(&[""]),
        device_preference: 7,
        alert: Some(tidings::proto::v1::Alert::default()),
        priority: 9,
        stale_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        relevance_score: Some(f64::NAN),
        expected_revision: Some(-1),
        observed_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        ..ApplyActivityRequest::default()
    };
    let fields = [
        "activity_id",
        "alert",
        "observed_time",
        "request_id",
        "activity_type",
        "external_id",
        "attributes_json",
        "content_state_json",
        "audience",
        "app_ids[0]",
        "device_preference",
        "priority",
        "relevance_score",
        "stale_time",
        "expected_revision",
    ];
    let result = bench.caller.activities().apply_activity(request).await;
    bench.wrong(&fields, result).await;
    let request = DeleteActivityRequest { request_id: long, activity_id: "a\nb".to_owned() };
    let result = bench.caller.activities().delete_activity(request).await;
    bench.wrong(&["request_id", "activity_id"], result).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_is_for_exactly_one_kind_of_audience() {
    let bench = Bench::new().await;
    let with = |audience| StartActivityRequest { audience, ..start("NEW") };
    bench.wrong_start(&["audience"], with(None)).await;
    bench.wrong_start(&["audience"], with(Some(Audience::default()))).await;
    let all = Audience {
        contact_keys: strings(&[CONTACT]),
        device_ids: strings(&[DEVICE]),
        all_devices: true,
        segment_id: "gold".to_owned(),
    };
    let two = Audience { all_devices: false, segment_id: String::new(), ..all.clone() };
    bench.wrong_start(&["audience.device_ids"], with(Some(two))).await;
    let fields = ["audience.device_ids", "audience.all_devices", "audience.segment_id"];
    bench.wrong_start(&fields, with(Some(all))).await;
    let many: Vec<String> = (0..1_001).map(|number| format!("contact-{number}")).collect();
    let many = Audience { contact_keys: many, ..Audience::default() };
    bench.wrong_start(&["audience.contact_keys"], with(Some(many.clone()))).await;
    let bad = for_contacts(&["good", "", "a\nb", &"x".repeat(257)]);
    let fields =
        ["audience.contact_keys[1]", "audience.contact_keys[2]", "audience.contact_keys[3]"];
    bench.wrong_start(&fields, with(Some(bad))).await;
    let latest = StartActivityRequest {
        device_preference: DevicePreference::Latest.into(),
        audience: Some(crate::calls::for_devices(&[DEVICE])),
        ..start("NEW")
    };
    bench.wrong_start(&["device_preference"], latest).await;
    let apps = StartActivityRequest { app_ids: strings(&["app_1", "x"]), ..start("NEW") };
    bench.wrong_start(&["app_ids[0]", "app_ids[1]"], apps).await;
    assert_eq!(refused(bench.caller.find("NEW").await).code, Code::NotFound);
    let most = Audience { contact_keys: many.contact_keys[1..].to_vec(), ..Audience::default() };
    bench.caller.activities().start_activity(with(Some(most))).await.expect("1,000 are taken");
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_any_text_of_1_to_256_bytes_without_control_characters() {
    let bench = Bench::new().await;
    let long = "ü".repeat(129);
    for id in ["\u{7}", "a\tb", "line\n", "a\u{85}b", "\u{7f}", &long] {
        bench.wrong_start(&["activity_id"], start(id)).await;
        bench.wrong_update(&["activity_id"], update(id, "In Air")).await;
        let ended = bench.caller.activities().end_activity(end(id)).await;
        bench.wrong(&["activity_id"], ended).await;
        bench.wrong(&["activity_id"], bench.caller.find(id).await).await;
        let app_id = &bench.world.app_id;
        let registered = bench.caller.devices().register_device(device(app_id, id)).await;
        bench.wrong(&["device_id"], registered).await;
    }
    bench.wrong_update(&["activity_id"], update("", "In Air")).await;
    bench.wrong(&["activity_id"], bench.caller.find("").await).await;
    let request = WatchActivityRequest::default();
    bench.wrong(&["activity_id"], bench.caller.activities().watch_activity(request).await).await;
    let nobody = ExplainDeliveryRequest::default();
    let nobody = bench.caller.activities().explain_delivery(nobody).await;
    bench.wrong(&["activity_id", "device_id"], nobody).await;
    let both = ExplainDeliveryRequest {
        activity_id: ACTIVE.to_owned(),
        device_id: DEVICE.to_owned(),
        contact_key: "a\nb".to_owned(),
        ..ExplainDeliveryRequest::default()
    };
    let both = bench.caller.activities().explain_delivery(both).await;
    bench.wrong(&["contact_key", "contact_key"], both).await;

    let fits = "ü".repeat(128);
    for id in ["ayse@example.com", "航班 1711 ✈", "a/b?c=d%00'\";--", " ", "..", &fits] {
        let started = bench.caller.started(id).await;
        assert_eq!(started.activity_id, id);
        assert_eq!(bench.caller.activity(id).await.activity_id, id);
        bench.caller.registered(&bench.world.app_id, id).await;
        let request = GetDeviceRequest { device_id: id.to_owned() };
        let found = bench.caller.devices().get_device(request).await.expect("found").into_inner();
        assert_eq!(found.device.expect("a device").device_id, id);
    }
    let made = bench.caller.started("").await.activity_id;
    assert!(made.starts_with("act_") && made.len() < 64, "{made}");
    assert_eq!(bench.caller.activity(&made).await.activity_id, made);
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_comes_in_one_form_in_every_call_that_takes_it() {
    let bench = Bench::new().await;
    let both = Some(prost_types::Struct::default());
    let request = UpdateActivityRequest { content_state: both.clone(), ..update(ACTIVE, "x") };
    bench.wrong_update(&["content_state_json"], request).await;
    let request = tidings::proto::v1::EndActivityRequest { content_state: both, ..end(ACTIVE) };
    let result = bench.caller.activities().end_activity(request).await;
    bench.wrong(&["content_state_json"], result).await;
    let request = RegisterTokenRequest {
        attributes: Some(prost_types::Struct::default()),
        content_state: Some(prost_types::Struct::default()),
        ..update_token(DEVICE, "NEW")
    };
    bench.wrong_token(&["attributes_json", "content_state_json"], request).await;
    for text in ["", "[]", "1", "null", "\"x\"", "{", "{}{}", "{\"a\":1,\"a\":2}", "{\"a\":NaN}"] {
        let text = Some(text.to_owned());
        let request = StartActivityRequest {
            attributes_json: text.clone(),
            content_state_json: text.clone(),
            ..start("NEW")
        };
        bench.wrong_start(&["attributes_json", "content_state_json"], request).await;
        let request = UpdateActivityRequest { content_state_json: text, ..update(ACTIVE, "x") };
        bench.wrong_update(&["content_state_json"], request).await;
    }
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_says_once_when_and_it_and_an_update_for_whom() {
    let bench = Bench::new().await;
    let ending = async |fields: &[&str], dismissal, target| {
        let request = tidings::proto::v1::EndActivityRequest { dismissal, target, ..end(ACTIVE) };
        bench.wrong(fields, bench.caller.activities().end_activity(request).await).await;
    };
    let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let all = Dismissal { immediate: true, time, after: span(1) };
    ending(&["dismissal.time", "dismissal.after"], Some(all), None).await;
    let two = Dismissal { immediate: true, after: span(1), ..Dismissal::default() };
    ending(&["dismissal.after"], Some(two), None).await;
    let negative = Dismissal { after: span(-1), ..Dismissal::default() };
    ending(&["dismissal.after"], Some(negative), None).await;
    ending(&["target"], None, Some(Target::default())).await;
    let updating = async |fields: &[&str], target: Target| {
        let request = UpdateActivityRequest { target: Some(target), ..update(ACTIVE, "x") };
        bench.wrong_update(fields, request).await;
    };
    updating(&["target"], Target::default()).await;
    let target = Target {
        device_ids: strings(&[""]),
        contact_keys: strings(&["a\nb"]),
        form_factors: strings(&["PHONE", "WATCH"]),
        platforms: strings(&["WINDOWS", "IOS"]),
        ..Target::default()
    };
    let fields = [
        "target.device_ids[0]",
        "target.contact_keys[0]",
        "target.form_factors[1]",
        "target.platforms[0]",
    ];
    ending(&fields, None, Some(target.clone())).await;
    updating(&fields, target).await;
    let target = Target { app_ids: strings(&[&bench.world.app_id, "app_1"]), ..Target::default() };
    ending(&["target.app_ids[1]"], None, Some(target.clone())).await;
    updating(&["target.app_ids[1]"], target).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_refuse_wrong_pages_and_filters() {
    let bench = Bench::new().await;
    let caller = &bench.caller;
    for page_size in [-1, 1_001, i32::MIN, i32::MAX] {
        for page_token in ["", "nonsense"] {
            let page_token = page_token.to_owned();
            let fields: &[&str] =
                if page_token.is_empty() { &["page_size"] } else { &["page_size", "page_token"] };
            let request =
                ListActivitiesRequest { page_size, page_token: page_token.clone(), ..default() };
            bench.wrong(fields, caller.activities().list_activities(request).await).await;
            let request = ListSubscriptionsRequest {
                activity_id: ACTIVE.to_owned(),
                page_size,
                page_token: page_token.clone(),
                ..default()
            };
            bench.wrong(fields, caller.activities().list_subscriptions(request).await).await;
            let request =
                ListDevicesRequest { page_size, page_token: page_token.clone(), ..default() };
            bench.wrong(fields, caller.devices().list_devices(request).await).await;
            let request = ListDeliveriesRequest { page_size, page_token, ..default() };
            bench.wrong(fields, caller.log().list_deliveries(request).await).await;
        }
    }
    let late = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let request = ListActivitiesRequest {
        state: 9,
        activity_type: "\n".to_owned(),
        created_after: late,
        ..default()
    };
    let fields = ["activity_type", "state", "created_after"];
    bench.wrong(&fields, caller.activities().list_activities(request).await).await;
    let request = ListSubscriptionsRequest { states: vec![1, 99], ..default() };
    let fields = ["activity_id", "states[1]"];
    bench.wrong(&fields, caller.activities().list_subscriptions(request).await).await;
    let request = GetActivityRequest { activity_id: content("x") + "\n" };
    bench.wrong(&["activity_id"], caller.activities().get_activity(request).await).await;
    bench.world.stop().await;
}

fn default<T: Default>() -> T {
    T::default()
}
