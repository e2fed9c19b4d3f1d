//! Updates for some devices only: who is shown what, whose screen lights up, and what holds afterwards.

use super::*;

fn to_devices(device_ids: &[&str]) -> Target {
    let device_ids = device_ids.iter().map(|&id| id.to_owned()).collect();
    Target { device_ids, ..Target::default() }
}

impl World {
    /// A flight of ada's that shows "Scheduled" on these phones.
    async fn flying_on<const N: usize>(device_ids: [&str; N]) -> (Self, [Phone; N]) {
        let world = World::start().await;
        let mut phones = Vec::new();
        for device_id in device_ids {
            phones.push(world.ready_phone(device_id, "ada").await);
        }
        world.start_flight(&["ada"]).await;
        for phone in &phones {
            world.following(phone).await;
        }
        (world, phones.try_into().unwrap_or_else(|_| panic!("as many")))
    }

    /// Shows a status to some; returns the revision.
    async fn update_some(&self, status: &str, target: Target, alert: Option<Alert>) -> i64 {
        let request = UpdateActivityRequest {
            activity_id: FLIGHT.to_owned(),
            content_state_json: (!status.is_empty()).then(|| content(status)),
            target: Some(target),
            alert,
            ..UpdateActivityRequest::default()
        };
        let answer = self.activities().update_activity(request).await.expect("accepted");
        answer.into_inner().revision
    }
}

/// What the phone's card was shown after its start, with whether it lit up the screen.
fn shown(phone: &Phone) -> Vec<(String, bool)> {
    let card = phone.snapshot().cards[0].clone();
    let status =
        |shown: &sim::Shown| (crate::harness::status_of(&shown.content_json), shown.alerted);
    let mut all: Vec<_> = card.shown.iter().map(status).collect();
    // The start, and perhaps its content once more, in silence.
    all.retain(|(status, _)| status != "Scheduled");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_for_some_reaches_them_alone_with_its_alert() {
    let (world, [named, other]) = World::flying_on(["named", "other"]).await;
    let revision = world.update_some("Seat 3A", to_devices(&["named"]), Some(alert("3A"))).await;
    shows(&named, 1, "Seat 3A").await;
    let seen = world.settled(FLIGHT).await;
    let progress = seen.progress.expect("progress");
    assert_eq!((progress.revision, progress.routes[0].accepted), (revision, 2));
    assert_eq!(seen.activity.expect("an activity").content_state_json, content("Scheduled"));
    let row = world.subscription(FLIGHT, "named").await;
    assert_eq!((row.wanted_revision, row.delivered_revision), (revision, revision));
    let row = world.subscription(FLIGHT, "other").await;
    assert!(row.wanted_revision < revision, "it should show what everyone shows");
    assert_eq!(row.delivered_revision, row.wanted_revision);
    world.update("Gate").await;
    shows(&named, 1, "Gate").await;
    shows(&other, 1, "Gate").await;
    world.settled(FLIGHT).await;
    let gate = ("Gate".to_owned(), false);
    assert_eq!(shown(&named), [("Seat 3A".to_owned(), true), gate.clone()]);
    assert_eq!(shown(&other), [gate]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_for_everyone_overrules_one_for_some() {
    let (world, [phone]) = World::flying_on(["phone"]).await;
    world.update_some("Seat 3A", to_devices(&["phone"]), None).await;
    shows(&phone, 1, "Seat 3A").await;
    // What everyone shows, without content of its own.
    world.update_some("", to_devices(&["phone"]), None).await;
    shows(&phone, 1, "Scheduled").await;
    world.update_some("Seat 4B", to_devices(&["phone"]), None).await;
    world.update("Gate").await;
    shows(&phone, 1, "Gate").await;
    world.update_some("Seat 5C", to_devices(&["phone"]), None).await;
    shows(&phone, 1, "Seat 5C").await;
    world.end("Landed", &[]).await;
    shows(&phone, 1, "Landed").await;
    world.settled(FLIGHT).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_for_some_never_revives_what_was_ended_for_itself() {
    let (world, [ended, other]) = World::flying_on(["ended", "other"]).await;
    world.end("Off", &["ended"]).await;
    world.becomes("ended", SubscriptionState::Ended).await;
    let both = to_devices(&["ended", "other"]);
    world.update_some("Seat 3A", both, Some(alert("3A"))).await;
    shows(&other, 1, "Seat 3A").await;
    world.settled(FLIGHT).await;
    let card = ended.snapshot().cards[0].clone();
    assert_eq!(card.content_json, content("Off"));
    assert!(world.rows("ended", Operation::Update).await.is_empty());
    let row = world.subscription(FLIGHT, "ended").await;
    assert_eq!((row.state(), row.wanted_revision), (SubscriptionState::Ended, 2));
    // Its token rotates: it gets the end once more and not the update.
    world.register("ended", &sim::Card { update_token: "ab".repeat(40), ..card }).await;
    let rows = world.logged("ended", Operation::End, 2).await;
    assert!(rows.iter().all(|row| row.revision == 2));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_joins_later_and_fits_is_shown_it_too() {
    let world = World::start().await;
    world.start_flight(&["ada"]).await;
    world.settled(FLIGHT).await;
    let target = Target { contact_keys: vec!["ada".to_owned()], ..Target::default() };
    world.update_some("Seat 3A", target, None).await;
    world.settled(FLIGHT).await;
    let phone = world.ready_phone("late", "ada").await;
    joins_by_itself(&phone);
    shows(&phone, 1, "Seat 3A").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_shown_it_whether_its_start_was_made_or_not() {
    let world = World::start().await;
    let phone = world.ready_phone("phone", "ada").await;
    world.start_flight(&["ada"]).await;
    world.update_some("Seat 3A", to_devices(&["phone"]), None).await;
    shows(&phone, 1, "Seat 3A").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_between_callers_holds_for_some_as_for_everyone() {
    let (world, [phone]) = World::flying_on(["phone"]).await;
    let asked = |status: &str, device_id: &str, seconds| UpdateActivityRequest {
        activity_id: FLIGHT.to_owned(),
        content_state_json: Some(content(status)),
        target: Some(to_devices(&[device_id])),
        observed_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
        ..UpdateActivityRequest::default()
    };
    let ask = async |request: UpdateActivityRequest| {
        let answer = world.activities().update_activity(request).await.expect("answered");
        (answer.get_ref().revision, answer.get_ref().ignored)
    };
    assert_eq!(ask(asked("Seat 3A", "phone", 1_000)).await, (2, false));
    assert_eq!(ask(asked("Seat 2B", "phone", 999)).await, (2, true));
    assert_eq!(ask(asked("Seat 9F", "other", 999)).await, (3, false), "others have their own");
    let everyone = UpdateActivityRequest { target: None, ..asked("Gate", "", 500) };
    assert_eq!(ask(everyone).await, (4, false), "news for the others");
    assert_eq!(ask(asked("Seat 1A", "phone", 499)).await, (4, true));
    let stale = UpdateActivityRequest { expected_revision: Some(3), ..asked("x", "phone", 2_000) };
    let refused = world.activities().update_activity(stale).await.expect_err("another revision");
    assert_eq!(refused.code(), tonic::Code::Aborted);
    shows(&phone, 1, "Gate").await;
    world.stop().await;
}
