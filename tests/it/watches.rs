//! Watching an activity: its present state first, then every change, until it ended and its ends have settled.

use crate::calls::{Caller, content, refused, start, update};
use crate::harness::{PATIENCE, World};
use tidings::proto::simulator_v1 as sim;
use tidings::proto::v1::stream_updates_request::Item;
use tidings::proto::v1::{
    Activity, ActivityState, Progress, StreamUpdatesRequest, StreamUpdatesResponse,
    WatchActivityRequest, WatchActivityResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

struct Watch(Streaming<WatchActivityResponse>);

impl Watch {
    async fn new(caller: &Caller, activity_id: &str) -> Self {
        let request = WatchActivityRequest { activity_id: activity_id.to_owned() };
        let watched = caller.activities().watch_activity(request).await;
        Watch(watched.expect("a watch").into_inner())
    }

    async fn next(&mut self) -> Option<(Activity, Progress)> {
        let message = tokio::time::timeout(PATIENCE, self.0.message()).await;
        let message = message.expect("in time").expect("no error")?;
        Some((message.activity.expect("an activity"), message.progress.expect("progress")))
    }

    async fn until(&mut self, fits: impl Fn(&Activity, &Progress) -> bool) -> (Activity, Progress) {
        loop {
            let (activity, progress) = self.next().await.expect("not the end");
            if fits(&activity, &progress) {
                return (activity, progress);
            }
        }
    }

    /// All that still comes, until the end.
    async fn rest(mut self) -> Vec<(Activity, Progress)> {
        let mut all = Vec::new();
        while let Some(message) = self.next().await {
            all.push(message);
        }
        all
    }
}

fn pending(progress: &Progress) -> i64 {
    progress.routes.iter().map(|route| route.pending).sum()
}

fn accepted(progress: &Progress) -> i64 {
    progress.routes.iter().map(|route| route.accepted).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_message_is_the_present_state_and_every_change_follows() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    caller.activities().update_activity(update("A", "In Air")).await.expect("updated");
    let mut first = Watch::new(&caller, "A").await;
    let mut second = Watch::new(&caller, "A").await;
    for watch in [&mut first, &mut second] {
        let (activity, progress) = watch.next().await.expect("the present state");
        assert_eq!((activity.revision, progress.revision), (2, 2));
        assert_eq!(activity.content_state_json, content("In Air"));
    }
    for revision in 3..8 {
        caller.activities().update_activity(update("A", "x")).await.expect("updated");
        for watch in [&mut first, &mut second] {
            watch.until(|activity, _| activity.revision == revision).await;
        }
    }
    drop(second);
    caller.ended("A").await;
    let rest = first.rest().await;
    assert_eq!(rest.last().expect("the end").0.state(), ActivityState::Ended);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_ends_when_the_ends_have_settled_and_not_before() {
    let world = World::start().await;
    let caller = world.caller();
    world.shows_it("A").await;
    let mut watch = Watch::new(&caller, "A").await;
    watch.until(|_, progress| accepted(progress) == 1 && pending(progress) == 0).await;
    let held = world.simulator.set_fault(sim::Fault {
        event: "end".to_owned(),
        count: 1,
        action: Some(sim::fault::Action::Hold(sim::FaultHold {})),
        ..sim::Fault::default()
    });
    let held = held.expect("a fault");
    caller.ended("A").await;
    let (activity, progress) =
        watch.until(|activity, p| activity.revision == 2 && pending(p) == 1).await;
    assert_eq!((activity.state(), progress.revision), (ActivityState::Ended, 2));
    let simulator = &world.simulator;
    let holds = |simulator: &tidings::simulator::Simulator| {
        simulator.fault(held).is_some_and(|fault| fault.holding == 1)
    };
    assert!(simulator.wait_for(PATIENCE, holds).await, "Apple has the end and does not answer");
    let mut second = Watch::new(&caller, "A").await;
    let (_, progress) = second.next().await.expect("the present state");
    assert_eq!(pending(&progress), 1);
    assert!(simulator.release_fault(Some(held)));
    for watch in [watch, second] {
        let (_, last) = watch.rest().await.pop().expect("a last state");
        assert_eq!(pending(&last), 0, "{last:?}");
    }
    let ended = Watch::new(&caller, "A").await.rest().await;
    assert_eq!(ended.len(), 1, "an activity that is over: its state, and the end");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_sees_the_next_run_begin() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    let mut watch = Watch::new(&caller, "A").await;
    watch.next().await.expect("the present state");
    drop(watch);
    caller.ended("A").await;
    caller.activities().start_activity(start("A")).await.expect("the next run");
    let mut watch = Watch::new(&caller, "A").await;
    let (activity, _) = watch.next().await.expect("the present state");
    assert_eq!((activity.run, activity.revision, activity.state()), (2, 3, ActivityState::Active));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_streams_are_told_that_the_server_stops() {
    let world = World::start().await;
    let caller = world.caller();
    caller.started("A").await;
    let mut watch = Watch::new(&caller, "A").await;
    watch.next().await.expect("the present state");
    let (items, mut answers) = open_stream(&caller).await;
    let stopped = tokio::spawn(world.stop());
    for told in [last_word(&mut watch.0).await, last_word(&mut answers).await] {
        assert_eq!(refused::<()>(Err(told)).code, Code::Unavailable);
    }
    drop(items);
    stopped.await.expect("stopped");
}

/// What a stream that does not end well says at last.
async fn last_word<T>(stream: &mut Streaming<T>) -> Status {
    loop {
        match tokio::time::timeout(PATIENCE, stream.message()).await.expect("in time") {
            Ok(message) => assert!(message.is_some(), "it ended without a word"),
            Err(status) => return status,
        }
    }
}

/// A stream of updates with an item answered, so that the server has it.
async fn open_stream(
    caller: &Caller,
) -> (mpsc::Sender<StreamUpdatesRequest>, Streaming<StreamUpdatesResponse>) {
    let (items, requests) = mpsc::channel(1);
    let item = Some(Item::Update(update("A", "Boarding")));
    items.send(StreamUpdatesRequest { sequence: 1, item }).await.expect("room");
    let answers = caller.activities().stream_updates(ReceiverStream::new(requests)).await;
    let mut answers = answers.expect("a stream").into_inner();
    answers.message().await.expect("an answer").expect("not the end");
    (items, answers)
}
