//! The stream of updates: answered after commit, in the order of each activity, bounded, and not ended by a bad item.

use crate::calls::{Caller, content, end, for_contacts, start, update};
use crate::harness::{PATIENCE, World};
use std::collections::HashMap;
use std::time::Duration;
use tidings::proto::v1::stream_updates_request::Item;
use tidings::proto::v1::stream_updates_response::Result as Answer;
use tidings::proto::v1::{StartActivityRequest, StreamUpdatesRequest, StreamUpdatesResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

/// A sender that has not moved for so long stands.
const STAND: Duration = Duration::from_secs(1);

/// A stream that is open in both directions.
struct Open {
    items: mpsc::Sender<StreamUpdatesRequest>,
    answers: Streaming<StreamUpdatesResponse>,
}

impl Open {
    async fn new(caller: &Caller) -> Self {
        let (items, receiver) = mpsc::channel(1);
        let answers = caller.activities().stream_updates(ReceiverStream::new(receiver)).await;
        Open { items, answers: answers.expect("a stream").into_inner() }
    }

    async fn send(&self, sequence: i64, item: Item) {
        let request = StreamUpdatesRequest { sequence, item: Some(item) };
        self.items.send(request).await.expect("the stream is open");
    }

    async fn answer(&mut self) -> StreamUpdatesResponse {
        let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
        answer.expect("in time").expect("no error").expect("not the end")
    }

    /// No more items: the answers that are due come, and then the end.
    async fn finish(mut self) -> Vec<StreamUpdatesResponse> {
        drop(self.items);
        let mut rest = Vec::new();
        loop {
            let answer = tokio::time::timeout(PATIENCE, self.answers.message()).await;
            match answer.expect("the stream ends after its items").expect("no error") {
                Some(answer) => rest.push(answer),
                None => return rest,
            }
        }
    }
}

fn revision(answer: &StreamUpdatesResponse) -> i64 {
    match answer.result.as_ref().expect("a result") {
        Answer::Start(start) => start.activity.as_ref().expect("an activity").revision,
        Answer::Update(update) => update.revision,
        Answer::End(end) => end.revision,
        Answer::Error(error) => panic!("{error:?}"),
    }
}

fn code(answer: &StreamUpdatesResponse) -> Code {
    match answer.result.as_ref().expect("a result") {
        Answer::Error(error) => Code::from(error.code),
        done => panic!("it was done: {done:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_one_activity_keep_their_order_and_others_do_not_wait() {
    let world = World::start().await;
    let caller = world.caller();
    let open = Open::new(&caller).await;
    let ids = ["A", "B", "C", "D"];
    let (items, mut sequence) = (open.items.clone(), 0);
    let mut expected = HashMap::new();
    let mut all = Vec::new();
    for round in 1..=40 {
        for id in ids {
            let item = match round {
                1 => Item::Start(start(id)),
                40 => Item::End(end(id)),
                _ => Item::Update(update(id, &format!("{id}-{round}"))),
            };
            sequence += 1;
            expected.insert(sequence, round);
            all.push(StreamUpdatesRequest { sequence, item: Some(item) });
        }
    }
    let count = all.len();
    let sender = tokio::spawn(async move {
        for item in all {
            items.send(item).await.expect("the stream is open");
        }
    });
    let answers = open.finish_after(sender).await;
    assert_eq!(answers.len(), count, "every item is answered once");
    for answer in &answers {
        assert_eq!(revision(answer), expected[&answer.sequence], "sequence {}", answer.sequence);
    }
    for id in ids {
        let activity = caller.activity(id).await;
        assert_eq!((activity.revision, activity.content_state_json), (40, content("Landed")));
    }
    world.stop().await;
}

impl Open {
    /// Waits for whoever sends on a clone, and reads meanwhile.
    async fn finish_after(self, sender: tokio::task::JoinHandle<()>) -> Vec<StreamUpdatesResponse> {
        let (answers, sent) = tokio::join!(self.finish(), sender);
        sent.expect("sent");
        answers
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_item_is_answered_with_its_status_and_ends_nothing() {
    let world = World::start().await;
    let caller = world.caller();
    let mut open = Open::new(&caller).await;
    open.send(7, Item::Update(update("NEVER", "x"))).await;
    let answer = open.answer().await;
    assert_eq!((answer.sequence, code(&answer)), (7, Code::NotFound));
    let Some(Answer::Error(within)) = answer.result else { panic!("no error") };
    let unary = caller.activities().update_activity(update("NEVER", "x")).await.expect_err("none");
    assert_eq!((within.code, within.message.as_str()), (unary.code() as i32, unary.message()));
    let same = prost::Message::encode_to_vec(&within);
    assert_eq!(same, unary.details(), "the same details as the unary call");

    open.items.send(StreamUpdatesRequest { sequence: 8, item: None }).await.expect("open");
    let answer = open.answer().await;
    assert_eq!((answer.sequence, code(&answer)), (8, Code::InvalidArgument));
    open.send(9, Item::Start(start("\n"))).await;
    assert_eq!(code(&open.answer().await), Code::InvalidArgument);
    // The same number again is the caller's affair.
    open.send(9, Item::Start(start("A"))).await;
    assert_eq!(revision(&open.answer().await), 1);
    let mut once = update("A", "x");
    once.request_id = "once".to_owned();
    for replayed in [false, true] {
        open.send(10, Item::Update(once.clone())).await;
        let answer = open.answer().await;
        assert_eq!(revision(&answer), 2);
        let Some(Answer::Update(done)) = answer.result else { panic!("not an update") };
        assert_eq!(done.replayed, replayed, "items share request ids with unary calls");
    }
    assert!(caller.activities().update_activity(once).await.expect("known").into_inner().replayed);
    assert!(open.finish().await.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_comes_after_its_commit() {
    let world = World::start().await;
    let caller = world.caller();
    let mut open = Open::new(&caller).await;
    open.send(0, Item::Start(start("A"))).await;
    open.answer().await;
    for sequence in 2..40 {
        let commits = world.server.store().commits();
        open.send(sequence, Item::Update(update("A", &sequence.to_string()))).await;
        let answer = open.answer().await;
        assert!(world.server.store().commits() > commits, "a commit lies before the answer");
        assert_eq!(revision(&answer), sequence);
        assert!(caller.activity("A").await.revision >= sequence, "what was answered is seen");
    }
    assert!(open.finish().await.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_does_not_read_is_slowed_down_and_loses_nothing() {
    // What HTTP/2 itself holds back is some thousand items of this size.
    const MANY: i64 = 8_000;
    let world = World::start().await;
    let caller = world.caller();
    let open = Open::new(&caller).await;
    let items = open.items.clone();
    let wrong_keys = vec!["\n"; 300];
    let bad = StartActivityRequest { audience: Some(for_contacts(&wrong_keys)), ..start("A") };
    let bad = Item::Start(bad);
    let (progress, sent) = tokio::sync::watch::channel(0);
    let sender = tokio::spawn(async move {
        for sequence in 1..=MANY {
            let item = StreamUpdatesRequest { sequence, item: Some(bad.clone()) };
            items.send(item).await.expect("the stream is open");
            progress.send_replace(sequence);
        }
    });
    // Nothing is read until the sender has come to a stand.
    let mut watched = sent.clone();
    let moves = async |watched: &mut tokio::sync::watch::Receiver<i64>| {
        matches!(tokio::time::timeout(STAND, watched.changed()).await, Ok(Ok(())))
    };
    while moves(&mut watched).await {}
    let stood = *sent.borrow();
    assert!((256..MANY).contains(&stood), "the sender stood still at {stood}");
    let answers = open.finish_after(sender).await;
    let mut sequences: Vec<i64> = answers.iter().map(|answer| answer.sequence).collect();
    sequences.sort_unstable();
    assert!(sequences.into_iter().eq(1..=MANY), "every item is answered once");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_of_a_caller_who_has_gone_are_done_or_not_and_the_server_goes_on() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    for _ in 0..20 {
        let open = Open::new(&caller).await;
        for sequence in 0..50 {
            open.send(sequence, Item::Update(update("A", "x"))).await;
        }
        drop(open);
    }
    let revision = caller.activity("A").await.revision;
    assert!((1..=1 + 20 * 50).contains(&revision));
    caller.ended("A").await;
    world.stop().await;
}
