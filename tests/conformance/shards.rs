//! Shards: when they are due, what they want, who still fits in.

use crate::world::{NOW, World, at, shard, transact};
use tidings::domain::change::Change;
use tidings::domain::ids::ShardId;
use tidings::domain::push::Environment;
use tidings::domain::shard::{MEMBERS_MAX, Place, Shard};
use tidings::store::shards;

impl World {
    /// Writes shards of one activity, each changed by its own function.
    async fn shards(&self, change: &[fn(&mut Shard)]) -> Vec<Shard> {
        let activity = self.activity("FLIGHT_1");
        let rows: Vec<Shard> = change
            .iter()
            .map(|change| {
                let mut row = shard(&activity, self.app);
                change(&mut row);
                row
            })
            .collect();
        let written = rows.clone();
        self.apply(move || Change {
            activities: vec![activity.clone()],
            shards: written.clone(),
            ..Change::default()
        })
        .await
        .unwrap();
        rows
    }

    async fn shard(&self, id: ShardId) -> Shard {
        shards::find(self.store.reader(), id).await.unwrap().unwrap()
    }
}

pub(crate) async fn every_field_of_a_shard_comes_back(world: World) {
    let rows = world
        .shards(&[
            |_| {},
            |row| {
                row.place.environment = Environment::Sandbox;
                row.place.run = 2;
                row.members = 7;
                row.wanted = 6;
                row.delivered = 5;
                row.last_stamp = 1_700_000_001;
                row.due_at = Some(NOW);
            },
        ])
        .await;
    let ids: Vec<ShardId> = rows.iter().map(|row| row.id).collect();
    let mut read = shards::by_ids(world.store.reader(), &ids).await.unwrap();
    read.sort_by_key(|row| row.id);
    assert_eq!(read, rows);
    let of_run = shards::of_run(world.store.reader(), rows[0].place.activity, 2).await.unwrap();
    assert_eq!(of_run, [rows[1].clone()]);
}

pub(crate) async fn shards_come_due_in_order_without_those_taken(world: World) {
    let rows = world
        .shards(&[
            |row| row.due_at = Some(at(-1)),
            |row| row.due_at = Some(at(-3)),
            |_| {},
            |row| row.due_at = Some(at(0)),
            |row| row.due_at = Some(at(1)),
        ])
        .await;
    let reader = world.store.reader();
    let due = async |limit, excluding: &[ShardId]| -> Vec<ShardId> {
        let due = shards::due_all_workspaces(reader, NOW, limit, excluding).await.unwrap();
        due.into_iter().map(|row| row.id).collect()
    };
    assert_eq!(due(10, &[]).await, [rows[1].id, rows[0].id, rows[3].id]);
    assert_eq!(due(1, &[rows[1].id]).await, [rows[0].id]);
    assert_eq!(shards::next_due_all_workspaces(reader, &[]).await.unwrap(), Some(at(-3)));
}

pub(crate) async fn a_mark_raises_what_is_wanted_and_never_delays(world: World) {
    let rows = world
        .shards(&[
            |_| {},
            |row| {
                row.wanted = 9;
                row.due_at = Some(at(-5));
            },
            |row| row.due_at = Some(at(5)),
            |row| row.place.run = 2,
        ])
        .await;
    let activity = rows[0].place.activity;
    let marked = transact!(world, |tx| shards::mark(tx, activity, 1, 4, NOW).await).unwrap();
    assert_eq!(marked, 3);
    let mut now = Vec::new();
    for row in &rows {
        let row = world.shard(row.id).await;
        now.push((row.wanted, row.due_at));
    }
    assert_eq!(now, [(4, Some(NOW)), (9, Some(at(-5))), (4, Some(NOW)), (0, None)]);
}

pub(crate) async fn a_change_brings_a_shard_forward_and_never_delays(world: World) {
    let rows = world
        .shards(&[|_| {}, |row| row.due_at = Some(at(-5)), |row| row.due_at = Some(at(5)), |_| {}])
        .await;
    let ids: Vec<ShardId> = rows.iter().map(|row| row.id).collect();
    let written = rows[3].clone();
    world
        .apply(move || Change {
            shards: vec![Shard { due_at: None, ..written.clone() }],
            due: vec![
                (ids[0], NOW),
                (ids[1], NOW),
                (ids[2], NOW),
                (ids[3], at(9)),
                (ids[3], at(7)),
            ],
            ..Change::default()
        })
        .await
        .unwrap();
    let mut now = Vec::new();
    for row in &rows {
        now.push(world.shard(row.id).await.due_at);
    }
    assert_eq!(now, [Some(NOW), Some(at(-5)), Some(NOW), Some(at(7))]);
    let written = rows[1].clone();
    world
        .apply(move || Change {
            shards: vec![Shard { due_at: None, ..written.clone() }],
            ..Change::default()
        })
        .await
        .unwrap();
    assert_eq!(world.shard(rows[1].id).await.due_at, None, "a row is written as given");
}

pub(crate) async fn a_shard_behind_that_nothing_wakes_is_found(world: World) {
    let rows = world
        .shards(&[
            |row| row.wanted = 1,
            |row| {
                row.wanted = 1;
                row.due_at = Some(NOW);
            },
            |row| {
                row.wanted = 1;
                row.delivered = 1;
            },
        ])
        .await;
    let behind = shards::behind_all_workspaces(world.store.reader(), 10).await.unwrap();
    assert_eq!(behind, [rows[0].clone()]);
}

pub(crate) async fn a_place_has_room_until_its_shard_is_full(world: World) {
    let rows =
        world.shards(&[|row| row.members = MEMBERS_MAX, |row| row.members = MEMBERS_MAX - 1]).await;
    let place = rows[0].place;
    let reader = world.store.reader();
    assert_eq!(shards::with_room(reader, &place).await.unwrap(), Some(rows[1].clone()));
    for elsewhere in
        [Place { run: 2, ..place }, Place { environment: Environment::Sandbox, ..place }]
    {
        assert_eq!(shards::with_room(reader, &elsewhere).await.unwrap(), None);
    }
}
