//! Segments: made, filled by streams, read in pages, and started for.

mod large;
mod streams;

use crate::calls::{CONTACT, Caller, refused, start, strings};
use crate::harness::{World, shows};
use tidings::proto::v1::{
    AddMembersRequest, AddMembersResponse, Audience, CreateSegmentRequest, DeleteSegmentRequest,
    DevicePreference, GetSegmentRequest, ListMembersRequest, ListSegmentsRequest,
    RemoveMembersRequest, RemoveMembersResponse, Segment, SegmentKind, StartActivityRequest,
};
use tonic::Code;

impl Caller {
    pub(crate) async fn segment(&self, segment_id: &str, kind: SegmentKind) -> Segment {
        let request = CreateSegmentRequest {
            segment_id: segment_id.to_owned(),
            kind: kind.into(),
            ..CreateSegmentRequest::default()
        };
        let made = self.segments().create_segment(request).await.expect("a segment");
        made.into_inner().segment.expect("a segment")
    }

    pub(crate) async fn add(&self, batches: Vec<AddMembersRequest>) -> AddMembersResponse {
        let done = self.segments().add_members(tokio_stream::iter(batches)).await;
        done.expect("added").into_inner()
    }

    pub(crate) async fn remove(&self, batches: Vec<RemoveMembersRequest>) -> RemoveMembersResponse {
        let done = self.segments().remove_members(tokio_stream::iter(batches)).await;
        done.expect("removed").into_inner()
    }

    pub(crate) async fn members(&self, segment_id: &str) -> Vec<String> {
        let request = ListMembersRequest {
            segment_id: segment_id.to_owned(),
            page_size: 1_000,
            ..ListMembersRequest::default()
        };
        let page = self.segments().list_members(request).await.expect("a page").into_inner();
        [page.contact_keys, page.device_ids].concat()
    }

    pub(crate) async fn delete_segment(&self, segment_id: &str) -> tonic::Result<()> {
        let request = DeleteSegmentRequest {
            segment_id: segment_id.to_owned(),
            ..DeleteSegmentRequest::default()
        };
        self.segments().delete_segment(request).await.map(drop)
    }
}

/// Contacts to add.
pub(crate) fn contacts(segment_id: &str, contact_keys: &[&str]) -> AddMembersRequest {
    AddMembersRequest {
        segment_id: segment_id.to_owned(),
        contact_keys: strings(contact_keys),
        ..AddMembersRequest::default()
    }
}

/// Devices to add.
pub(crate) fn devices(segment_id: &str, device_ids: &[&str]) -> AddMembersRequest {
    AddMembersRequest {
        segment_id: segment_id.to_owned(),
        device_ids: strings(device_ids),
        ..AddMembersRequest::default()
    }
}

/// Contacts to remove.
pub(crate) fn leaving(segment_id: &str, contact_keys: &[&str]) -> RemoveMembersRequest {
    RemoveMembersRequest {
        segment_id: segment_id.to_owned(),
        contact_keys: strings(contact_keys),
        ..RemoveMembersRequest::default()
    }
}

pub(crate) fn for_segment(segment_id: &str) -> Audience {
    Audience { segment_id: segment_id.to_owned(), ..Audience::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_made_listed_and_deleted() {
    let world = World::start().await;
    let caller = world.caller();
    let gold = caller.segment("gold", SegmentKind::ContactKeys).await;
    assert_eq!((gold.segment_id.as_str(), gold.member_count), ("gold", 0));
    let made = caller.segment("", SegmentKind::DeviceIds).await;
    assert!(made.segment_id.starts_with("seg_"), "{made:?}");
    let again = CreateSegmentRequest {
        segment_id: "gold".to_owned(),
        kind: SegmentKind::DeviceIds.into(),
        ..CreateSegmentRequest::default()
    };
    let taken = refused(caller.segments().create_segment(again).await);
    assert_eq!((taken.code, taken.reason.as_str()), (Code::AlreadyExists, "ALREADY_EXISTS"));
    caller.add(vec![contacts("gold", &["ada", "bob"])]).await;
    let get = || GetSegmentRequest { segment_id: "gold".to_owned() };
    let found = caller.segments().get_segment(get()).await.expect("found").into_inner();
    let found = found.segment.expect("a segment");
    assert_eq!((found.member_count, found.kind()), (2, SegmentKind::ContactKeys));
    let mut listed = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListSegmentsRequest { page_size: 1, page_token };
        let page = caller.segments().list_segments(request).await.expect("a page").into_inner();
        listed.extend(page.segments.into_iter().map(|segment| segment.segment_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, ["gold".to_owned(), made.segment_id]);
    caller.delete_segment("gold").await.expect("deleted");
    let gone = refused(caller.segments().get_segment(get()).await);
    assert_eq!((gone.code, gone.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    assert_eq!(refused(caller.delete_segment("gold").await).reason, "NOT_FOUND");
    let anew = caller.segment("gold", SegmentKind::ContactKeys).await;
    assert_eq!(anew.member_count, 0, "the id is free, and its members are gone");
    assert!(caller.members("gold").await.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_starts_on_the_devices_of_its_segments_members() {
    let world = World::start().await;
    let caller = world.caller();
    let names = [("ada-1", "ada"), ("ada-2", "ada"), ("bob-1", "bob"), ("eve-1", "eve")];
    let phones = names.map(|(device, contact)| world.phone(device, "18.2", contact));
    for phone in &phones {
        world.said_everything(phone).await;
    }
    caller.segment("gold", SegmentKind::ContactKeys).await;
    caller.add(vec![contacts("gold", &["ada", "bob", "nobody"])]).await;
    caller.segment("test", SegmentKind::DeviceIds).await;
    caller.add(vec![devices("test", &["ada-2", "eve-1", "nothing"])]).await;
    for (segment, expected) in
        [("gold", ["ada-1", "ada-2", "bob-1"].as_slice()), ("test", &["ada-2", "eve-1"])]
    {
        let audience = Some(for_segment(segment));
        let request = StartActivityRequest { audience, ..start(segment) };
        caller.activities().start_activity(request).await.expect("started");
        world.settled(segment).await;
        let mut who = world.subscriptions(segment, None).await;
        who.sort_by(|one, other| one.device_id.cmp(&other.device_id));
        let ids: Vec<&str> = who.iter().map(|one| one.device_id.as_str()).collect();
        assert_eq!(ids, expected);
        let by_contact = segment == "gold";
        assert!(who.iter().all(|one| one.contact_key.is_empty() != by_contact));
    }
    shows(&phones[0], 1, "Scheduled").await;
    shows(&phones[3], 1, "Scheduled").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_is_one_device_for_each_member_of_a_segment_of_contacts() {
    let world = World::start().await;
    let caller = world.caller();
    for (device, contact) in [("ada-1", "ada"), ("ada-2", "ada"), ("bob-1", "bob")] {
        let phone = world.phone(device, "18.2", contact);
        world.said_everything(&phone).await;
    }
    caller.segment("gold", SegmentKind::ContactKeys).await;
    caller.add(vec![contacts("gold", &["ada", "bob"])]).await;
    let latest = |activity_id: &str, segment_id: &str| StartActivityRequest {
        audience: Some(for_segment(segment_id)),
        device_preference: DevicePreference::Latest.into(),
        ..start(activity_id)
    };
    caller.activities().start_activity(latest("A", "gold")).await.expect("started");
    world.settled("A").await;
    let mut who: Vec<String> =
        world.subscriptions("A", None).await.into_iter().map(|one| one.device_id).collect();
    who.sort_unstable();
    assert_eq!(who, ["ada-2", "bob-1"]);
    caller.segment("devices", SegmentKind::DeviceIds).await;
    let wrong = refused(caller.activities().start_activity(latest("B", "devices")).await);
    assert_eq!(wrong.fields(), ["device_preference"], "a device has no latest device");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fixed_audience_stays_what_it_was_at_the_start() {
    let world = World::start().await;
    let caller = world.caller();
    let phone = world.phone("first", "18.2", CONTACT);
    let late = world.phone("late", "18.2", "late");
    world.said_everything(&phone).await;
    world.said_everything(&late).await;
    caller.segment("gold", SegmentKind::ContactKeys).await;
    caller.add(vec![contacts("gold", &[CONTACT])]).await;
    let request = StartActivityRequest { audience: Some(for_segment("gold")), ..start("A") };
    caller.activities().start_activity(request).await.expect("started");
    shows(&phone, 1, "Scheduled").await;
    caller.add(vec![contacts("gold", &["late"])]).await;
    caller.remove(vec![leaving("gold", &[CONTACT])]).await;
    world.said_everything(&phone).await;
    caller.activities().update_activity(crate::calls::update("A", "Boarding")).await.expect("ok");
    shows(&phone, 1, "Boarding").await;
    let who = world.subscriptions("A", None).await;
    assert_eq!(who.len(), 1, "{who:?}");
    caller.delete_segment("gold").await.expect("nothing reads it any more");
    caller.activities().update_activity(crate::calls::update("A", "In Air")).await.expect("ok");
    shows(&phone, 1, "In Air").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_for_a_segment_that_is_not_there_is_refused() {
    let world = World::start().await;
    let caller = world.caller();
    let request = StartActivityRequest { audience: Some(for_segment("none")), ..start("A") };
    let gone = refused(caller.activities().start_activity(request).await);
    assert_eq!((gone.code, gone.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    let resource = gone.details.resource_info().expect("a resource").clone();
    assert_eq!(
        (resource.resource_type.as_str(), resource.resource_name.as_str()),
        ("segment", "none")
    );
    world.stop().await;
}
