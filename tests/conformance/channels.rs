//! Channels: their rows, who asks Apple about one, and what the answer changes.

use crate::world::{NOW, World, after, app, at, first, transact, workspace};
use std::time::Duration;
use tidings::dispatch::steps;
use tidings::domain::channel::{Channel, Problem, Refusal, State, StoragePolicy};
use tidings::domain::channel_survey::Survey;
use tidings::domain::ids::{AppId, WorkspaceId};
use tidings::domain::outcome::Class;
use tidings::domain::push::Environment;
use tidings::store::channel_surveys;
use tidings::store::channels::{self, Filter};

const BUNDLE: &str = "com.example.flights";
const SPAN: Duration = Duration::from_secs(30);

fn survey(workspace: WorkspaceId, app: AppId) -> Survey {
    Survey {
        workspace,
        app,
        bundle_id: BUNDLE.to_owned(),
        environment: Environment::Production,
        due_at: NOW,
        claim: 0,
        claimed_until: None,
    }
}

impl World {
    fn survey(&self) -> Survey {
        survey(self.workspace, self.app)
    }

    fn wanted(&self) -> Channel {
        Channel::new(self.survey(), StoragePolicy::MostRecent, None, NOW)
    }

    async fn put(&self, row: &Channel) {
        let row = row.clone();
        transact!(self, |tx, row| channels::put(tx, row).await).unwrap();
    }

    async fn channel(&self, of: &Channel) -> Option<Channel> {
        channels::find(self.store.reader(), of.workspace, of.id).await.unwrap()
    }

    async fn all(&self) -> Vec<Channel> {
        let (reader, none) = (self.store.reader(), Filter::default());
        channels::list(reader, self.workspace, none, first(10)).await.unwrap()
    }

    async fn claim_channel(&self, of: &Channel, seconds: i64) -> Option<Channel> {
        let id = of.id;
        transact!(self, |tx| steps::claim_channel(tx, id, at(seconds), SPAN).await).unwrap()
    }

    async fn created(&self, asked: &Channel, answer: Result<&str, Refusal>) {
        let (asked, answer) = (asked.clone(), answer.map(str::to_owned));
        let settled = transact!(self, |tx, asked, answer| {
            steps::settle_creation(tx, &asked, answer, at(1)).await
        });
        settled.unwrap();
    }

    /// A survey at that second.
    async fn surveyed(&self, seconds: i64, gone: &[Channel], found: &[&str]) {
        let survey = self.survey();
        let ensured = survey.clone();
        transact!(self, |tx, ensured| channel_surveys::ensure(tx, ensured).await).unwrap();
        let claim = survey.clone();
        let claimed = transact!(self, |tx, claim| {
            steps::claim_survey(tx, &claim, at(seconds), SPAN).await
        });
        let claimed = claimed.unwrap().unwrap();
        let gone = gone.to_vec();
        let found: Vec<_> =
            found.iter().map(|id| ((*id).to_owned(), StoragePolicy::NoStorage)).collect();
        let settled = transact!(self, |tx, claimed, gone, found| {
            steps::settle_survey(tx, &claimed, (&gone, &found), false, at(seconds)).await
        });
        settled.unwrap();
    }
}

pub(crate) async fn every_field_of_a_channel_comes_back(world: World) {
    let full = Channel {
        environment: Environment::Sandbox,
        policy: StoragePolicy::NoStorage,
        state: State::Deleting,
        apple_id: Some("dHN0LXNyY2gtY2hubA==".to_owned()),
        problem: Some(Problem { reason: "Shutdown".to_owned(), class: Class::Connection }),
        attempts: 3,
        doubts: 2,
        due_at: Some(at(1)),
        claim: 4,
        claimed_until: Some(at(2)),
        created_at: at(3),
        updated_at: at(4),
        ..world.wanted()
    };
    let plain = world.wanted();
    for row in [&full, &plain] {
        world.put(row).await;
        assert_eq!(world.channel(row).await.as_ref(), Some(row));
    }
    let (reader, workspace) = (world.store.reader(), world.workspace);
    let list = async |filter, page| channels::list(reader, workspace, filter, page).await.unwrap();
    let both = list(Filter::default(), first(10)).await;
    assert_eq!(both.len(), 2);
    assert_eq!(list(Filter::default(), after(10, both[0].id)).await, both[1..]);
    let state = Filter { state: Some(State::Creating), ..Filter::default() };
    assert_eq!(list(state, first(10)).await, std::slice::from_ref(&plain));
    let sandbox = Filter { environment: Some(Environment::Sandbox), ..Filter::default() };
    assert_eq!(list(sandbox, first(10)).await, std::slice::from_ref(&full));
    let other = Filter { app: Some(AppId::generate()), ..Filter::default() };
    assert!(list(other, first(10)).await.is_empty());
    let elsewhere = WorkspaceId::generate();
    assert_eq!(channels::find(reader, elsewhere, full.id).await.unwrap(), None);
    let due = channels::due_all_workspaces(reader, at(0), 10).await.unwrap();
    assert_eq!(due, [plain.id]);
}

pub(crate) async fn one_process_asks_apple_about_a_channel(world: World) {
    let wanted = world.wanted();
    world.put(&wanted).await;
    let claimed = world.claim_channel(&wanted, 0).await.unwrap();
    assert_eq!((claimed.claim, claimed.doubts), (1, 1));
    assert_eq!(world.claim_channel(&wanted, 29).await, None, "somebody is asking");
    let again = world.claim_channel(&wanted, 30).await.unwrap();
    assert_eq!((again.claim, again.doubts), (2, 2));
    world.created(&again, Ok("second")).await;
    assert_eq!(world.claim_channel(&wanted, 60).await, None, "there is nothing to ask");
    world.created(&claimed, Ok("first")).await;
    let mut all = world.all().await;
    all.sort_by_key(|row| row.apple_id.clone());
    let seen: Vec<_> = all.iter().map(|row| (row.apple_id.as_deref(), row.state)).collect();
    let late = (Some("first"), State::Deleting);
    assert_eq!(seen, [late, (Some("second"), State::Active)], "the one too many is ours");
    let refusal = Refusal {
        reason: "Word".to_owned(),
        class: Class::Configuration,
        is_doubtful: false,
        retry_after: None,
    };
    world.created(&claimed, Err(refusal)).await;
    assert_eq!(world.channel(&wanted).await.unwrap().state, State::Active, "an older answer");
}

pub(crate) async fn what_only_apple_has_is_found_unless_it_may_be_ours(world: World) {
    let ours = Channel {
        state: State::Active,
        apple_id: Some("ours".to_owned()),
        due_at: None,
        ..world.wanted()
    };
    let (other, other_app) = (workspace("other"), app(world.workspace, BUNDLE));
    let other_app = tidings::domain::tenant::App { workspace: other.id, ..other_app };
    let place = survey(other.id, other_app.id);
    world.add(other, other_app).await.unwrap();
    let theirs = Channel {
        state: State::Active,
        apple_id: Some("theirs".to_owned()),
        due_at: None,
        ..Channel::new(place, StoragePolicy::NoStorage, None, NOW)
    };
    let asking = world.wanted();
    for row in [&ours, &theirs, &asking] {
        world.put(row).await;
    }
    let elsewhere = channels::elsewhere_all_workspaces(world.store.reader(), &world.survey()).await;
    assert_eq!(elsewhere.unwrap(), ["theirs"]);
    world.surveyed(0, &[], &["new"]).await;
    assert_eq!(world.all().await.len(), 2, "it may be the one that is being created");
    let asking = world.claim_channel(&asking, 0).await.unwrap();
    world.created(&asking, Ok("made")).await;
    world.surveyed(3_600, &[], &["new", "ours", "theirs", "made"]).await;
    let all = world.all().await;
    let found: Vec<_> = all.iter().filter(|row| row.state == State::Found).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].apple_id.as_deref(), Some("new"));
    assert_eq!(found[0].policy, StoragePolicy::NoStorage);
    world.surveyed(7_200, &[ours.clone(), found[0].clone()], &[]).await;
    let gone = world.channel(&ours).await.unwrap();
    assert_eq!(
        (gone.state, gone.problem.unwrap().reason.as_str()),
        (State::Failed, "CHANNEL_GONE")
    );
    assert_eq!(world.channel(found[0]).await, None);
    let places = channels::count_places(world.store.reader(), world.app, Environment::Production);
    assert_eq!(places.await.unwrap(), 1, "what Apple does not have takes none");
}
