//! Shards stay within their bound.

use super::*;
use crate::domain::samples::{NOW, at, shard};

#[test]
fn a_full_shard_makes_room_in_a_new_one_that_wants_what_the_run_wants() {
    let old = Shard { members: MEMBERS_MAX - 1, ..shard() };
    let mut rooms = Rooms::new(vec![old.clone()]);
    assert_eq!(rooms.take(old.workspace, old.place, 5).id, old.id);
    let new = rooms.take(old.workspace, old.place, 5).clone();
    assert_ne!(new.id, old.id);
    assert_eq!((new.members, new.wanted, new.delivered), (1, 5, 0));
    assert_eq!(rooms.take(old.workspace, old.place, 5).members, 2);
}

#[test]
fn members_of_another_place_are_not_put_together() {
    let old = shard();
    let elsewhere = Place { run: 2, ..old.place };
    let mut rooms = Rooms::new(vec![old.clone()]);
    assert_ne!(rooms.take(old.workspace, elsewhere, 5).id, old.id);
}

#[test]
fn shards_with_new_members_are_due_at_once_and_never_later_than_before() {
    let sooner = Shard { due_at: Some(at(-5)), ..shard() };
    let later = Shard { due_at: Some(at(5)), ..shard() };
    let due = Rooms::new(vec![sooner, later, shard()]).into_due_shards(NOW);
    let times: Vec<_> = due.iter().map(|shard| shard.due_at).collect();
    assert_eq!(times, [Some(at(-5)), Some(NOW), Some(NOW)]);
}
