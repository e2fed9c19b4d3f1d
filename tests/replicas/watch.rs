//! Watching at one replica what either of them does.

use crate::flight::{Crew, Step};
use crate::random::Random;
use crate::world::{Client, PATIENCE, World};
use std::time::Duration;
use tidings::proto::v1::{
    Activity, ActivityState, Progress, WatchActivityRequest, WatchActivityResponse,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tonic::Streaming;

/// A watch that broke is opened again after this.
const PAUSE: Duration = Duration::from_millis(100);
/// A change by another replica is seen within this: it looks every second.
const SEEN_WITHIN: Duration = Duration::from_millis(2_500);
const UPDATES: usize = 8;

/// Watches an activity until its end has settled, however often its replica is killed meanwhile.
pub(crate) struct Watcher(JoinHandle<(Activity, Progress)>);

impl Watcher {
    pub(crate) fn begin(client: Client, activity_id: &str) -> Self {
        Watcher(tokio::spawn(watch(client, activity_id.to_owned())))
    }

    /// The last that it saw.
    pub(crate) async fn end(self) -> (Activity, Progress) {
        let last = timeout(PATIENCE, self.0).await.expect("the watch saw the end in time");
        last.expect("nothing went back")
    }
}

async fn watch(mut client: Client, activity_id: String) -> (Activity, Progress) {
    let mut revision = 0;
    loop {
        let request = WatchActivityRequest { activity_id: activity_id.clone() };
        if let Ok(watched) = client.watch_activity(request).await {
            let mut watched = watched.into_inner();
            while let Ok(Some(seen)) = watched.message().await {
                let (activity, progress) = parts(seen);
                assert!(activity.revision >= revision, "{activity_id} went back");
                revision = activity.revision;
                if activity.state() == ActivityState::Ended && is_settled(&progress) {
                    return (activity, progress);
                }
            }
        }
        crate::pass(PAUSE).await;
    }
}

fn parts(seen: WatchActivityResponse) -> (Activity, Progress) {
    (seen.activity.expect("an activity"), seen.progress.expect("progress"))
}

async fn next(watched: &mut Streaming<WatchActivityResponse>) -> (Activity, Progress) {
    parts(watched.message().await.expect("no error").expect("not the end"))
}

fn is_settled(progress: &Progress) -> bool {
    !progress.expanding && progress.routes.iter().all(|route| route.pending == 0)
}

/// On how many devices the newest revision was accepted.
pub(crate) fn accepted(progress: &Progress) -> i64 {
    progress.routes.iter().map(|route| route.accepted).sum()
}

/// On how many it was over before that.
pub(crate) fn ended(progress: &Progress) -> i64 {
    progress.routes.iter().map(|route| route.ended).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_at_one_replica_sees_what_is_asked_of_the_other_and_how_far_it_came() {
    let _shared = crate::MACHINE.read().await;
    let world = World::start().await;
    let crew = Crew::gather(&world, "crew", 2).await;
    let (mut flight, mut random) = (crew.flight(0), Random::new(1));
    let (asked, mut watched) = (vec![world.replicas[0].client()], world.replicas[1].watching());
    flight.ask(&asked, Step::Start, &mut random).await;
    let request = WatchActivityRequest { activity_id: flight.id.clone() };
    let mut watched = watched.watch_activity(request).await.expect("a watch").into_inner();
    let mut slowest = Duration::ZERO;
    let mut progress = Progress::default();
    for _ in 0..UPDATES {
        flight.ask(&asked, Step::Update, &mut random).await;
        let asked_at = Instant::now();
        let seen = async {
            loop {
                let (activity, progress) = next(&mut watched).await;
                if activity.revision == flight.newest {
                    return progress;
                }
            }
        };
        progress = timeout(PATIENCE, seen).await.expect("the change is seen");
        slowest = slowest.max(asked_at.elapsed());
    }
    println!("the slowest of {UPDATES} changes was seen after {slowest:?}");
    assert!(slowest < SEEN_WITHIN, "{slowest:?}");
    let arrived = async {
        while !is_settled(&progress) || accepted(&progress) < 2 {
            progress = next(&mut watched).await.1;
        }
    };
    timeout(PATIENCE, arrived).await.expect("it is seen how far it came");
    world.stop().await;
}
