//! Channels: created and deleted at Apple's, and what callers are told when Apple refuses, is silent, or has others.

use crate::calls::{Caller, refused};
use crate::harness::{BUNDLE, PATIENCE, World};
use std::time::{Duration, Instant};
use tidings::domain::channel::{self as stored, CHANNELS_MAX};
use tidings::domain::ids::ChannelId;
use tidings::proto::simulator_v1 as sim;
use tidings::proto::simulator_v1::fault::Action;
use tidings::proto::v1::{
    ApnsEnvironment, Channel, ChannelState, ChannelStoragePolicy, CreateChannelRequest,
    CreateWorkspaceRequest, DeleteAppRequest, DeleteChannelRequest, GetChannelRequest,
    ListChannelsRequest, ReasonClass,
};
use tidings::store::{Lane, channels};
use tonic::Code;

impl Caller {
    /// What is left of the channel, if anything.
    pub(crate) async fn delete_channel(&self, channel_id: &str) -> Option<Channel> {
        let request = DeleteChannelRequest {
            channel_id: channel_id.to_owned(),
            ..DeleteChannelRequest::default()
        };
        let deleted = self.channels().delete_channel(request).await.expect("an answer");
        deleted.into_inner().channel
    }

    async fn channel(&self, channel_id: &str) -> tonic::Result<Channel> {
        let request = GetChannelRequest { channel_id: channel_id.to_owned() };
        let found = self.channels().get_channel(request).await?.into_inner();
        Ok(found.channel.expect("a channel"))
    }

    /// Waits until the channels are as they should be.
    async fn until_channels(&self, what: &str, fits: impl Fn(&[Channel]) -> bool) -> Vec<Channel> {
        let begun = Instant::now();
        loop {
            let list = self.channels().list_channels(ListChannelsRequest::default()).await;
            let channels = list.expect("a list").into_inner().channels;
            if fits(&channels) {
                return channels;
            }
            assert!(begun.elapsed() < PATIENCE, "never {what}; last: {channels:#?}");
        }
    }
}

impl World {
    /// A channel that Apple has.
    pub(crate) async fn channel(&self, policy: ChannelStoragePolicy) -> Channel {
        let created = self.caller().channels().create_channel(self.wanted(policy)).await;
        let channel = created.expect("an answer").into_inner().channel.expect("a channel");
        assert_eq!(channel.state(), ChannelState::Active, "{channel:?}");
        channel
    }

    pub(crate) fn wanted(&self, policy: ChannelStoragePolicy) -> CreateChannelRequest {
        CreateChannelRequest {
            app_id: self.app_id.clone(),
            storage_policy: policy.into(),
            ..CreateChannelRequest::default()
        }
    }

    async fn create(&self) -> Channel {
        let wanted = self.wanted(ChannelStoragePolicy::None);
        let created = self.caller().channels().create_channel(wanted).await;
        created.expect("an answer").into_inner().channel.expect("a channel")
    }

    /// What Apple has.
    fn at_apple(&self) -> Vec<sim::Channel> {
        self.simulator.channels(&sim::ListChannelsRequest::default())
    }

    fn channel_fault(&self, event: &str, take: bool, action: Action) -> i64 {
        let fault = sim::Fault {
            service: sim::FaultService::Channels.into(),
            event: event.to_owned(),
            take,
            count: 1,
            action: Some(action),
            ..sim::Fault::default()
        };
        self.simulator.set_fault(fault).expect("a fault")
    }
}

fn refusal(status: i32, reason: &str) -> Action {
    let reason = reason.to_owned();
    Action::Answer(sim::FaultAnswer { status, reason, ..sim::FaultAnswer::default() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_is_created_listed_and_deleted_at_apples() {
    let world = World::start().await;
    let caller = world.caller();
    let stored = world.channel(ChannelStoragePolicy::MostRecent).await;
    let production = CreateChannelRequest {
        environment: ApnsEnvironment::Production.into(),
        ..world.wanted(ChannelStoragePolicy::None)
    };
    let production = caller.channels().create_channel(production).await.expect("an answer");
    let production = production.into_inner().channel.expect("a channel");
    assert_eq!(stored.environment(), ApnsEnvironment::Sandbox, "that of the app");
    let at_apple = world.at_apple();
    assert_eq!(at_apple.len(), 2);
    for (channel, environment, policy) in
        [(&stored, sim::World::Sandbox, 1), (&production, sim::World::Production, 0)]
    {
        let found = at_apple.iter().find(|one| one.channel_id == channel.apns_channel_id);
        let found = found.expect("Apple has it");
        assert_eq!((found.world(), found.storage_policy), (environment, policy));
        assert_eq!(found.bundle_id, BUNDLE);
        assert!(channel.channel_id.starts_with("chn_") && channel.problem.is_none());
        assert_eq!(&caller.channel(&channel.channel_id).await.expect("found"), channel);
    }
    let list = async |request: ListChannelsRequest| {
        let page = caller.channels().list_channels(request).await.expect("a page").into_inner();
        let ids = page.channels.into_iter().map(|one| one.channel_id).collect::<Vec<String>>();
        (ids, page.next_page_token)
    };
    let (first, page_token) =
        list(ListChannelsRequest { page_size: 1, ..Default::default() }).await;
    let next = ListChannelsRequest { page_size: 1, page_token, ..Default::default() };
    assert_eq!([first, list(next).await.0].concat(), [&*stored.channel_id, &production.channel_id]);
    let environment = ApnsEnvironment::Production.into();
    let some = ListChannelsRequest { environment, ..Default::default() };
    assert_eq!(list(some).await.0, [production.channel_id.as_str()]);
    let none = ListChannelsRequest { state: ChannelState::Failed.into(), ..Default::default() };
    assert!(list(none).await.0.is_empty());
    assert_eq!(caller.delete_channel(&stored.channel_id).await, None);
    assert_eq!(world.at_apple().len(), 1);
    let gone = refused(caller.channel(&stored.channel_id).await);
    assert_eq!((gone.code, gone.reason.as_str()), (Code::NotFound, "NOT_FOUND"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_apple_refuses_is_a_failed_channel_with_reason_and_remedy() {
    let world = World::start().await;
    world.simulator.set_broadcast_capability(BUNDLE, false);
    let failed = world.create().await;
    assert_eq!((failed.state(), failed.apns_channel_id.as_str()), (ChannelState::Failed, ""));
    let problem = failed.problem.expect("a problem");
    assert_eq!(problem.reason, "FeatureNotEnabled");
    assert_eq!(problem.reason_class(), ReasonClass::Configuration);
    assert!(problem.remedy.contains("Broadcast Capability"), "{}", problem.remedy);
    assert!(problem.link.starts_with("https://developer.apple.com/"));
    assert_eq!((problem.attempts, problem.next_attempt_time), (1, None));
    assert_eq!(world.caller().delete_channel(&failed.channel_id).await, None, "it takes no place");
    world.simulator.set_broadcast_capability(BUNDLE, true);
    world.channel(ChannelStoragePolicy::None).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_is_tried_again_and_said_so_meanwhile() {
    let world = World::start().await;
    world.channel_fault("create", false, refusal(503, "Service Unavailable"));
    let waiting = world.create().await;
    assert_eq!(waiting.state(), ChannelState::Creating);
    let problem = waiting.problem.expect("a problem");
    assert_eq!((problem.reason.as_str(), problem.attempts), ("Service Unavailable", 1));
    assert!(problem.next_attempt_time.is_some());
    let caller = world.caller();
    let there = caller.until_channels("active", |all| all[0].state() == ChannelState::Active);
    assert_eq!(there.await[0].problem, None);
    let channel_id = &waiting.channel_id;
    world.channel_fault("delete", false, refusal(500, "InternalServerError"));
    let left = caller.delete_channel(channel_id).await.expect("Apple still has it");
    assert_eq!(left.state(), ChannelState::Deleting);
    assert_eq!(left.problem.expect("a problem").reason, "InternalServerError");
    caller.until_channels("gone", <[Channel]>::is_empty).await;
    assert!(world.at_apple().is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_does_not_wait_longer_for_apple_than_five_seconds() {
    let world = World::start().await;
    let fault = world.channel_fault("create", false, Action::Hold(sim::FaultHold {}));
    let begun = Instant::now();
    let waiting = world.create().await;
    assert_eq!((waiting.state(), &waiting.problem), (ChannelState::Creating, &None));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(world.simulator.release_fault(Some(fault)));
    let caller = world.caller();
    let all = caller.until_channels("active", |all| all[0].state() == ChannelState::Active).await;
    assert_eq!(all[0].channel_id, waiting.channel_id);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_whose_answer_was_lost_is_found_and_not_deleted_unasked() {
    let world = World::start().await;
    world.channel_fault("create", true, Action::Reset(sim::FaultReset { code: 2 }));
    let waiting = world.create().await;
    assert_eq!(waiting.state(), ChannelState::Creating);
    let caller = world.caller();
    let all = caller
        .until_channels("found", |all| {
            all.len() == 2 && all.iter().any(|one| one.state() == ChannelState::Active)
        })
        .await;
    let found = all.iter().find(|one| one.state() == ChannelState::Found).expect("the lost one");
    let ours = all.iter().find(|one| one.state() == ChannelState::Active).expect("the other");
    assert_eq!(ours.channel_id, waiting.channel_id);
    assert_eq!(found.storage_policy(), ChannelStoragePolicy::None);
    assert_eq!(world.at_apple().len(), 2);
    assert_eq!(caller.delete_channel(&found.channel_id).await, None);
    let left = world.at_apple();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].channel_id, ours.apns_channel_id);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_outlives_a_restart_and_what_was_begun_goes_on() {
    let world = World::start().await;
    let kept = world.channel(ChannelStoragePolicy::None).await;
    world.channel_fault("create", false, refusal(500, "InternalServerError"));
    let waiting = world.create().await;
    assert_eq!(waiting.state(), ChannelState::Creating);
    let world = world.restart().await;
    let all = world
        .caller()
        .until_channels("active", |all| {
            all.len() == 2 && all.iter().all(|one| one.state() == ChannelState::Active)
        })
        .await;
    assert_eq!(all[0], kept);
    assert_eq!(all[1].channel_id, waiting.channel_id);
    assert_eq!(world.at_apple().len(), 2, "one each");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ten_thousandth_channel_is_the_last_by_our_count_or_by_apples() {
    let world = World::start().await;
    world.channel_fault("create", false, refusal(400, "CannotCreateChannelConfig"));
    let full = world.create().await;
    let problem = full.problem.expect("a problem");
    assert_eq!(problem.reason, "CannotCreateChannelConfig");
    assert!(problem.remedy.contains("10,000"), "{}", problem.remedy);
    let first = world.channel(ChannelStoragePolicy::None).await;
    let id = first.channel_id.parse().expect("an id");
    let filled = world.server.store().write(Lane::Accept, move |tx| {
        Box::pin(async move {
            let first = channels::hold_all_workspaces(tx, id).await?.expect("a row");
            let others = (1..CHANNELS_MAX).map(|number| stored::Channel {
                id: ChannelId::generate(),
                apple_id: Some(format!("number {number}")),
                ..first.clone()
            });
            channels::put_all(tx, others.collect()).await
        })
    });
    filled.await.expect("filled");
    let wanted = world.wanted(ChannelStoragePolicy::None);
    let refused = refused(world.caller().channels().create_channel(wanted).await);
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    let quota = refused.details.quota_failure().expect("a quota").violations[0].clone();
    assert_eq!(quota.subject, world.app_id);
    let elsewhere = CreateChannelRequest {
        environment: ApnsEnvironment::Production.into(),
        ..world.wanted(ChannelStoragePolicy::None)
    };
    world.caller().channels().create_channel(elsewhere).await.expect("another world's count");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_makes_no_second_channel() {
    let world = World::start().await;
    let caller = world.caller();
    let once = || CreateChannelRequest {
        request_id: "once".to_owned(),
        ..world.wanted(ChannelStoragePolicy::None)
    };
    let first = caller.channels().create_channel(once()).await.expect("created").into_inner();
    let again = caller.channels().create_channel(once()).await.expect("again").into_inner();
    assert!(!first.replayed && again.replayed);
    assert_eq!(first.channel, again.channel);
    assert_eq!(world.at_apple().len(), 1);
    let other =
        CreateChannelRequest { storage_policy: ChannelStoragePolicy::MostRecent.into(), ..once() };
    let reused = refused(caller.channels().create_channel(other).await);
    assert_eq!((reused.code, reused.reason.as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    let channel_id = first.channel.expect("a channel").channel_id;
    let delete =
        || DeleteChannelRequest { request_id: "gone".to_owned(), channel_id: channel_id.clone() };
    for replayed in [false, true] {
        let done = caller.channels().delete_channel(delete()).await.expect("gone").into_inner();
        assert_eq!((done.channel, done.replayed), (None, replayed));
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_workspaces_channel_is_not_there() {
    let world = World::start().await;
    let caller = world.caller();
    let channel = world.channel(ChannelStoragePolicy::None).await;
    let request =
        CreateWorkspaceRequest { name: "twin".to_owned(), ..CreateWorkspaceRequest::default() };
    let made = caller.workspaces().create_workspace(request).await.expect("a workspace");
    let workspace_id = made.into_inner().workspace.expect("a workspace").workspace_id;
    let (_, key) = caller.new_key(&workspace_id, &["channels:write"]).await;
    let twin = world.caller_with(&key);
    assert_eq!(refused(twin.channel(&channel.channel_id).await).reason, "NOT_FOUND");
    let delete =
        DeleteChannelRequest { channel_id: channel.channel_id.clone(), ..Default::default() };
    assert_eq!(refused(twin.channels().delete_channel(delete).await).reason, "NOT_FOUND");
    let create = world.wanted(ChannelStoragePolicy::None);
    assert_eq!(refused(twin.channels().create_channel(create).await).reason, "NOT_FOUND");
    assert!(twin.until_channels("read", |_| true).await.is_empty());
    assert_eq!(caller.channel(&channel.channel_id).await.expect("found"), channel);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_requests_are_refused_and_an_app_with_channels_stays() {
    let world = World::start().await;
    let caller = world.caller();
    let create = async |request| refused(caller.channels().create_channel(request).await);
    let nothing = CreateChannelRequest::default();
    assert_eq!(create(nothing).await.fields(), ["app_id", "storage_policy"]);
    let unknown = CreateChannelRequest {
        storage_policy: 7,
        environment: 9,
        ..world.wanted(ChannelStoragePolicy::None)
    };
    assert_eq!(create(unknown).await.fields(), ["environment", "storage_policy"]);
    let android = world.create_android_app("com.example.android").await;
    let android =
        CreateChannelRequest { app_id: android, ..world.wanted(ChannelStoragePolicy::None) };
    assert_eq!(create(android).await.fields(), ["app_id"]);
    let strange = CreateChannelRequest {
        app_id: "app_0".to_owned(),
        ..world.wanted(ChannelStoragePolicy::None)
    };
    assert_eq!(create(strange).await.reason, "NOT_FOUND");
    assert_eq!(refused(caller.channel("chn_0").await).reason, "NOT_FOUND");
    assert!(world.at_apple().is_empty());
    let channel = world.channel(ChannelStoragePolicy::None).await;
    let delete =
        || DeleteAppRequest { app_id: world.app_id.clone(), ..DeleteAppRequest::default() };
    let used = refused(caller.apps().delete_app(delete()).await);
    assert_eq!((used.code, used.reason.as_str()), (Code::FailedPrecondition, "IN_USE"));
    caller.delete_channel(&channel.channel_id).await;
    caller.apps().delete_app(delete()).await.expect("deleted");
    world.stop().await;
}
