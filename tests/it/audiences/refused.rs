//! Recipients that are refused: what is wrong with the request, and what is wrong with the activity.

use super::*;
use crate::bad_input::{ACTIVE, Bench};
use crate::calls::{CONTACT, Refused, device, end, refused, update_token};
use tonic::Code;

impl Bench {
    async fn both(&self, recipients: Option<Recipients>, id: &str) -> [Refused; 2] {
        let add = AddRecipientsRequest {
            activity_id: id.to_owned(),
            recipients: recipients.clone(),
            ..AddRecipientsRequest::default()
        };
        let remove = RemoveRecipientsRequest {
            activity_id: id.to_owned(),
            recipients,
            ..RemoveRecipientsRequest::default()
        };
        let mut activities = self.caller.activities();
        let added = self.nothing_done("adding", activities.add_recipients(add).await).await;
        let remove = activities.remove_recipients(remove).await;
        [added, self.nothing_done("removing", remove).await]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recipients_are_of_exactly_one_kind_and_every_wrong_one_is_named() {
    let bench = Bench::new().await;
    let long = "x".repeat(257);
    let all = Recipients {
        contact_keys: strings(&["good", ""]),
        device_ids: strings(&["a\nb"]),
        segment_id: long.clone(),
    };
    let fields: &[&str] = &[
        "recipients.device_ids",
        "recipients.segment_id",
        "recipients.contact_keys[1]",
        "recipients.device_ids[0]",
        "recipients.segment_id",
    ];
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let many = Recipients { device_ids: many, ..Recipients::default() };
    let cases: [(Option<Recipients>, &[&str]); 4] = [
        (None, &["recipients"]),
        (Some(Recipients::default()), &["recipients"]),
        (Some(all), fields),
        (Some(many), &["recipients.device_ids"]),
    ];
    for (recipients, fields) in cases {
        for refusal in bench.both(recipients, ACTIVE).await {
            assert_eq!(refusal.code, Code::InvalidArgument);
            assert_eq!(refusal.fields(), fields, "{refusal:?}");
        }
    }
    let wrong = AddRecipientsRequest {
        request_id: long,
        activity_id: String::new(),
        ..AddRecipientsRequest::default()
    };
    let fields = ["request_id", "activity_id", "recipients"];
    bench.wrong(&fields, bench.caller.activities().add_recipients(wrong).await).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_or_leaves_what_is_not_running() {
    let mut bench = Bench::new().await;
    for refusal in bench.both(Some(contacts(&["ada"])), "NOTHING").await {
        assert_eq!((refusal.code, refusal.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    }
    for refusal in bench.both(Some(segment("nothing")), ACTIVE).await {
        assert_eq!((refusal.code, refusal.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    }
    let wrong_run = AddRecipientsRequest {
        activity_id: ACTIVE.to_owned(),
        run: Some(2),
        recipients: Some(contacts(&["ada"])),
        ..AddRecipientsRequest::default()
    };
    let wrong = bench.caller.activities().add_recipients(wrong_run).await;
    assert_eq!(bench.nothing_done("another run", wrong).await.reason, "RUN_MISMATCH");
    let caller = bench.world.caller();
    caller.devices().register_device(device(&bench.world.app_id, "app")).await.expect("a device");
    caller.devices().register_token(update_token("app", "BY_APP")).await.expect("a token");
    bench.look_again().await;
    for refusal in bench.both(Some(contacts(&[CONTACT])), "BY_APP").await {
        assert_eq!(refusal.reason, "START_ALERT_REQUIRED", "StartActivity adopts it");
    }
    caller.activities().end_activity(end(ACTIVE)).await.expect("ended");
    bench.look_again().await;
    for refusal in bench.both(Some(contacts(&["ada"])), ACTIVE).await {
        let expected = (Code::FailedPrecondition, "ACTIVITY_ENDED");
        assert_eq!((refusal.code, refusal.reason.as_str()), expected);
    }
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_mode_is_refused() {
    let bench = Bench::new().await;
    let request = StartActivityRequest { audience_mode: 9, ..start("NEW") };
    let refusal = refused(bench.caller.activities().start_activity(request).await);
    assert_eq!(refusal.fields(), ["audience_mode"]);
    bench.world.stop().await;
}
