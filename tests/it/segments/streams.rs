//! Streams of members: counted, idempotent by batch, refused with everything that is wrong, and bounded.

use super::{contacts, devices, leaving};
use crate::bad_input::Bench;
use crate::calls::{CONTACT, refused, strings};
use crate::harness::World;
use tidings::proto::v1::{
    AddMembersRequest, CreateSegmentRequest, GetSegmentRequest, ListMembersRequest,
    RemoveMembersRequest, SegmentKind,
};
use tonic::Code;

fn named(request_id: &str, batch: AddMembersRequest) -> AddMembersRequest {
    AddMembersRequest { request_id: request_id.to_owned(), ..batch }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_counts_what_it_added_and_removed() {
    let world = World::start().await;
    let caller = world.caller();
    caller.segment("gold", SegmentKind::ContactKeys).await;
    let batches = vec![
        contacts("gold", &["ada", "bob", "ada"]),
        contacts("", &["bob", "cyd"]),
        contacts("gold", &[]),
    ];
    let added = caller.add(batches).await;
    assert_eq!((added.batches, added.batches_replayed), (3, 0));
    assert_eq!((added.added, added.already_there, added.member_count), (3, 2, 3));
    assert_eq!(caller.members("gold").await, ["ada", "bob", "cyd"]);
    let removed = caller.remove(vec![leaving("gold", &["bob", "nobody", "bob"])]).await;
    assert_eq!((removed.batches, removed.removed, removed.not_there), (1, 1, 2));
    assert_eq!(removed.member_count, 2);
    assert_eq!(caller.members("gold").await, ["ada", "cyd"]);
    let again = caller.add(vec![contacts("gold", &["bob"])]).await;
    assert_eq!((again.added, again.member_count), (1, 3));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_sent_again_has_no_second_effect() {
    let world = World::start().await;
    let caller = world.caller();
    caller.segment("gold", SegmentKind::ContactKeys).await;
    let batches = || {
        let second = named("2", contacts("", &["cyd", "ada"]));
        vec![named("1", contacts("gold", &["ada", "bob"])), second]
    };
    let first = caller.add(batches()).await;
    assert_eq!((first.added, first.already_there, first.member_count), (3, 1, 3));
    caller.remove(vec![leaving("gold", &["bob"])]).await;
    let again = caller.add(batches()).await;
    assert_eq!((again.batches, again.batches_replayed), (2, 2));
    assert_eq!((again.added, again.already_there), (3, 1), "as it was counted first");
    assert_eq!(again.member_count, 2, "who was removed meanwhile is not added by a repeat");
    // The segment may be repeated or left out: the batch is the same.
    let whole = named("2", contacts("gold", &["cyd", "ada"]));
    assert_eq!(caller.add(vec![whole]).await.batches_replayed, 1);
    let reused = vec![named("1", contacts("gold", &["eve"]))];
    let reused = refused(caller.segments().add_members(tokio_stream::iter(reused)).await);
    assert_eq!((reused.code, reused.reason.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_batch_names_every_wrong_entry_and_says_what_is_kept() {
    let world = World::start().await;
    let caller = world.caller();
    caller.segment("gold", SegmentKind::ContactKeys).await;
    let long = "x".repeat(257);
    let wrong = AddMembersRequest {
        segment_id: "silver".to_owned(),
        request_id: long.clone(),
        contact_keys: strings(&["good", "", "a\u{0}b", &long]),
        device_ids: strings(&["", "phone"]),
    };
    let batches = vec![contacts("gold", &["ada"]), contacts("", &["bob"]), wrong];
    let never = contacts("", &["never"]);
    let batches = batches.into_iter().chain([never]);
    let refusal = refused(caller.segments().add_members(tokio_stream::iter(batches)).await);
    assert_eq!((refusal.code, refusal.reason.as_str()), (Code::InvalidArgument, "INVALID_REQUEST"));
    let fields = [
        "segment_id",
        "request_id",
        "device_ids",
        "contact_keys[1]",
        "contact_keys[2]",
        "contact_keys[3]",
        "device_ids[0]",
    ];
    assert_eq!(refusal.fields(), fields, "{refusal:?}");
    assert_eq!(refusal.metadata["batches_kept"], "2");
    assert_eq!(caller.members("gold").await, ["ada", "bob"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_wrong_with_a_segment_is_refused_and_changes_nothing() {
    let mut bench = Bench::new().await;
    let caller = bench.world.caller();
    caller.segment("gold", SegmentKind::ContactKeys).await;
    bench.look_again().await;
    let long = "x".repeat(257);
    let create = CreateSegmentRequest {
        request_id: long.clone(),
        segment_id: "a\nb".to_owned(),
        kind: SegmentKind::Unspecified.into(),
    };
    let fields = ["request_id", "segment_id", "kind"];
    bench.wrong(&fields, caller.segments().create_segment(create.clone()).await).await;
    let unknown = CreateSegmentRequest { kind: 9, ..create };
    bench.wrong(&fields, caller.segments().create_segment(unknown).await).await;
    let get = GetSegmentRequest { segment_id: String::new() };
    bench.wrong(&["segment_id"], caller.segments().get_segment(get).await).await;
    let list = ListMembersRequest {
        segment_id: long,
        page_size: 1_001,
        page_token: "no token".to_owned(),
    };
    let fields = ["page_size", "page_token", "segment_id"];
    bench.wrong(&fields, caller.segments().list_members(list).await).await;
    let add = async |batches: Vec<AddMembersRequest>| {
        caller.segments().add_members(tokio_stream::iter(batches)).await
    };
    bench.wrong(&["segment_id"], add(vec![]).await).await;
    bench.wrong(&["segment_id"], add(vec![contacts("", &["ada"])]).await).await;
    bench.wrong(&["device_ids"], add(vec![devices("gold", &["phone"])]).await).await;
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let many = AddMembersRequest { contact_keys: many, ..contacts("gold", &[]) };
    bench.wrong(&["contact_keys"], add(vec![many]).await).await;
    let gone = bench.nothing_done("none", add(vec![contacts("none", &[CONTACT])]).await).await;
    assert_eq!((gone.code, gone.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    let remove = RemoveMembersRequest { device_ids: strings(&["x"]), ..leaving("gold", &[]) };
    let removed = caller.segments().remove_members(tokio_stream::iter(vec![remove])).await;
    bench.wrong(&["device_ids"], removed).await;
    bench.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_read_in_pages() {
    let world = World::start().await;
    let caller = world.caller();
    caller.segment("phones", SegmentKind::DeviceIds).await;
    caller.add(vec![devices("phones", &["c", "a", "B", "d", "e"])]).await;
    let (mut seen, mut page_token) = (Vec::new(), String::new());
    loop {
        let segment_id = "phones".to_owned();
        let request = ListMembersRequest { segment_id, page_size: 2, page_token };
        let page = caller.segments().list_members(request).await.expect("a page").into_inner();
        assert!(page.device_ids.len() <= 2 && page.contact_keys.is_empty());
        seen.extend(page.device_ids);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["B", "a", "c", "d", "e"]);
    world.stop().await;
}
