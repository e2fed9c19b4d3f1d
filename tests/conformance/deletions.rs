//! What was deleted: found, hidden, and removed in batches.

use crate::world::{NOW, World, at, first, revision, shard, subscription, token};
use tidings::domain::activity::{Activity, State};
use tidings::domain::change::Change;
use tidings::domain::ids::ShardId;
use tidings::domain::shard::{Place, Shard};
use tidings::domain::subscription::{Card, Subscription};
use tidings::domain::token::{Token, TokenKind};
use tidings::store::activities::{self, ActivityFilter};
use tidings::store::{Lane, deletions, expansions, revisions, shards, subscriptions, tokens};

/// How many devices each run has.
const DEVICES: usize = 3;

/// Three runs on the same devices, each with a shard, an expansion, a revision, and a token per card.
async fn three_runs(world: &World) -> (Activity, Vec<Subscription>, Vec<Token>) {
    let activity = Activity { run: 3, revision: 3, ..world.activity("FLIGHT_1") };
    let devices: Vec<_> =
        (0..DEVICES).map(|number| world.device(&format!("d{number}"), "ada")).collect();
    let (mut rows, mut cards, mut shards) = (Vec::new(), Vec::new(), Vec::new());
    let mut value = 0;
    for run in 1..=3 {
        let base = shard(&activity, world.app);
        let place = Place { run, ..base.place };
        let shard = Shard { place, id: ShardId::generate(), ..base };
        for device in &devices {
            value += 1;
            let card = token(device, TokenKind::Update, value);
            let mut row = subscription(&shard, device);
            row.card = Card { token: Some(card.id), ..Card::default() };
            cards.push(Token { subscription: Some(row.id), ..card });
            rows.push(row);
        }
        shards.push(shard);
    }
    let written = (activity.clone(), devices, shards, rows.clone(), cards.clone());
    let expansion = world.expansion(&activity, tidings::domain::expansion::Who::AllDevices);
    world
        .apply(move || {
            let (activity, devices, shards, subscriptions, tokens) = written.clone();
            let revisions = (1..=3).map(|run| {
                let mut row = revision(&activity, run);
                row.run = run;
                row
            });
            let expansions = (1..=3).map(|run| {
                let mut row = expansion.clone();
                row.run = run;
                row
            });
            Change {
                revisions: revisions.collect(),
                expansions: expansions.collect(),
                activities: vec![activity],
                devices,
                shards,
                subscriptions,
                tokens,
                ..Change::default()
            }
        })
        .await
        .unwrap();
    (activity, rows, cards)
}

pub(crate) async fn deleted_runs_are_removed_in_batches_and_nothing_else(world: World) {
    let (activity, rows, cards) = three_runs(&world).await;
    let key = activity.key;
    // The token of the first run's first card serves a card of the third by now.
    let moved = Token { subscription: Some(rows[6].id), ..cards[0].clone() };
    world.apply(move || Change { tokens: vec![moved.clone()], ..Change::default() }).await.unwrap();
    let mut batches = 0;
    let remove = || {
        world.store.write(Lane::Settle, move |tx| Box::pin(deletions::remove_runs(tx, key, 2, 2)))
    };
    while !remove().await.unwrap() {
        batches += 1;
        assert!(batches < 100, "it never ends");
    }
    assert_eq!(batches, 5, "six subscriptions, two revisions and two shards, two at a time");
    let reader = world.store.reader();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let left = subscriptions::by_ids(reader, &ids).await.unwrap();
    assert!(left.iter().all(|row| row.place.run == 3) && left.len() == DEVICES);
    let token_ids: Vec<_> = cards.iter().map(|card| card.id).collect();
    let mut left: Vec<_> = tokens::get_many(reader, &token_ids).await.unwrap();
    left.sort_by_key(|token| token.id);
    let mut expected = vec![cards[0].id, cards[6].id, cards[7].id, cards[8].id];
    expected.sort_unstable();
    assert_eq!(left.iter().map(|token| token.id).collect::<Vec<_>>(), expected);
    for (run, stays) in [(1, false), (2, false), (3, true)] {
        let shards = shards::of_run(reader, key, run).await.unwrap();
        assert_eq!(!shards.is_empty(), stays);
        assert_eq!(expansions::find(reader, key, run).await.unwrap().is_some(), stays);
        assert_eq!(revisions::get(reader, key, run).await.unwrap().is_some(), stays);
    }
}

pub(crate) async fn an_activity_with_deleted_runs_is_found_until_it_is_purged(world: World) {
    let ended = |id: &str| Activity { run: 2, state: State::Ended, ..world.activity(id) };
    let rows = [
        ended("THERE"),
        Activity { deleted_run: 2, deleted_at: Some(NOW), ..ended("LATER") },
        Activity { deleted_run: 2, deleted_at: Some(at(-9)), ..ended("FIRST") },
        Activity { deleted_run: 1, deleted_at: Some(at(-5)), ..ended("AGAIN") },
        Activity { deleted_run: 2, purged_run: 2, deleted_at: Some(NOW), ..ended("GONE") },
    ];
    let written = rows.clone();
    world
        .apply(move || Change { activities: written.to_vec(), ..Change::default() })
        .await
        .unwrap();
    let reader = world.store.reader();
    let names =
        |found: Vec<Activity>| found.into_iter().map(|row| row.activity_id).collect::<Vec<_>>();
    let left = activities::to_purge_all_workspaces(reader, 9).await.unwrap();
    assert_eq!(names(left), ["FIRST", "AGAIN", "LATER"]);
    let filter = ActivityFilter::default();
    let listed = activities::list(reader, world.workspace, &filter, first(9)).await.unwrap();
    let mut listed = names(listed);
    listed.sort_unstable();
    assert_eq!(listed, ["AGAIN", "THERE"], "a later run of a deleted id is there");
    let (key, due) = (rows[2].key, shard(&rows[2], world.app));
    let late =
        Shard { place: Place { run: 3, ..due.place }, id: ShardId::generate(), ..due.clone() };
    let due = Shard { due_at: Some(NOW), ..due };
    let late = Shard { due_at: Some(NOW), ..late };
    assert!(deletions::is_settled(reader, key, 2).await.unwrap());
    let activity = rows[2].clone();
    world
        .apply(move || Change {
            activities: vec![activity.clone()],
            shards: vec![late.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    assert!(deletions::is_settled(reader, key, 2).await.unwrap(), "a later run is another one");
    world.apply(move || Change { shards: vec![due.clone()], ..Change::default() }).await.unwrap();
    assert!(!deletions::is_settled(reader, key, 2).await.unwrap());
}
