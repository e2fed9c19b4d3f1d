//! Subscriptions and the members of shards.

use crate::world::{NOW, World, after, app, at, first, reason, shard, subscription, token};
use tidings::clock::Time;
use tidings::domain::activity::Activity;
use tidings::domain::change::Change;
use tidings::domain::device::{Device, FormFactor, Obstacle};
use tidings::domain::fallback::Fallback;
use tidings::domain::ids::{SubscriptionId, TokenId};
use tidings::domain::platform::Platform;
use tidings::domain::push::Environment;
use tidings::domain::revision::Target;
use tidings::domain::shard::Shard;
use tidings::domain::subscription::{
    Card, Cause, Exception, Reason, ReportedState, State, Subscription,
};
use tidings::domain::targeted::Targeted;
use tidings::domain::token::{Token, TokenKind};
use tidings::error;
use tidings::store::subscriptions::{self, SubscriptionFilter};

/// An activity with one shard, some devices and a subscription of each.
struct Crowd {
    activity: Activity,
    shard: Shard,
    devices: Vec<Device>,
    rows: Vec<Subscription>,
}

impl Crowd {
    fn new(world: &World, count: usize) -> Self {
        let activity = world.activity("FLIGHT_1");
        let shard = shard(&activity, world.app);
        let devices: Vec<Device> =
            (0..count).map(|number| world.device(&format!("d{number}"), "ada")).collect();
        let rows = devices.iter().map(|device| subscription(&shard, device)).collect();
        Crowd { activity, shard, devices, rows }
    }

    async fn write(&self, world: &World, tokens: Vec<Token>) {
        let (activity, shard) = (self.activity.clone(), self.shard.clone());
        let (devices, rows) = (self.devices.clone(), self.rows.clone());
        world
            .apply(move || Change {
                activities: vec![activity.clone()],
                shards: vec![shard.clone()],
                devices: devices.clone(),
                subscriptions: rows.clone(),
                tokens: tokens.clone(),
                ..Change::default()
            })
            .await
            .unwrap();
    }

    fn ids(&self, numbers: &[usize]) -> Vec<SubscriptionId> {
        numbers.iter().map(|&number| self.rows[number].id).collect()
    }
}

fn ids(rows: &[Subscription]) -> Vec<SubscriptionId> {
    rows.iter().map(|row| row.id).collect()
}

pub(crate) async fn every_field_of_a_subscription_comes_back(world: World) {
    let mut crowd = Crowd::new(&world, 4);
    let card = |id: Option<&str>, token: Option<TokenId>| Card {
        token,
        device_activity_id: id.map(str::to_owned),
        shown_since: token.map(|_| NOW),
    };
    crowd.rows[1] = Subscription {
        state: State::Invalidated,
        reason: Some(Reason::TokenDead("Unregistered".to_owned())),
        cause: Cause::Provider,
        version: 9,
        starts_begun: 2,
        start_doubt_until: Some(at(60)),
        card: card(Some("first"), Some(TokenId::generate())),
        second: Some(Card { shown_since: None, ..card(Some("second"), Some(TokenId::generate())) }),
        closed_card: Some("closed".to_owned()),
        exception: Some(Exception {
            delivered: 3,
            last_stamp: 1_700_000_000,
            in_flight: Some((4, at(10))),
            failed: 2,
            attempts: 5,
            retry_at: Some(at(30)),
            not_before: Some(at(20)),
        }),
        targeted: Targeted { end: 4, update: 2, alert: 3 },
        alerted: 3,
        closing: true,
        report: Some((ReportedState::Stale, at(-1))),
        created_at: at(-2),
        updated_at: at(-3),
        ..crowd.rows[1].clone()
    };
    crowd.rows[2].exception = Some(Exception::default());
    crowd.rows[2].second = Some(Card::default());
    crowd.rows[3].reason = Some(Reason::Obstacle(Obstacle::NoPushToStartToken));
    crowd.rows[3].card = card(None, Some(TokenId::generate()));
    crowd.write(&world, Vec::new()).await;
    let reader = world.store.reader();
    let read = subscriptions::by_ids(reader, &crowd.ids(&[3, 1, 0, 2])).await.unwrap();
    assert_eq!(read, crowd.rows);
    crowd.rows[1] = subscription(&crowd.shard, &crowd.devices[1]);
    crowd.rows[1].id = read[1].id;
    crowd.write(&world, Vec::new()).await;
    let read = subscriptions::by_ids(reader, &crowd.ids(&[1])).await.unwrap();
    assert_eq!(read, [crowd.rows[1].clone()], "a row is replaced as a whole");
}

pub(crate) async fn a_device_has_one_subscription_per_run(world: World) {
    let crowd = Crowd::new(&world, 1);
    crowd.write(&world, Vec::new()).await;
    let twice = subscription(&crowd.shard, &crowd.devices[0]);
    let refused = world
        .apply(move || Change { subscriptions: vec![twice.clone()], ..Change::default() })
        .await;
    assert_eq!(reason(refused), error::Reason::Internal);
}

pub(crate) async fn subscriptions_are_found_by_device_run_and_card(world: World) {
    let mut crowd = Crowd::new(&world, 2);
    let mut next_run = Shard { id: shard(&crowd.activity, world.app).id, ..crowd.shard.clone() };
    next_run.place.run = 2;
    let mut second = subscription(&next_run, &crowd.devices[0]);
    crowd.rows[0].state = State::Ended;
    crowd.rows[0].card.device_activity_id = Some("yesterday".to_owned());
    second.card.device_activity_id = Some("today".to_owned());
    second.second = Some(Card { device_activity_id: Some("twice".to_owned()), ..Card::default() });
    crowd.write(&world, Vec::new()).await;
    let (shard, row) = (next_run.clone(), second.clone());
    world
        .apply(move || Change {
            shards: vec![shard.clone()],
            subscriptions: vec![row.clone()],
            ..Change::default()
        })
        .await
        .unwrap();
    let reader = world.store.reader();
    let (activity, device) = (crowd.activity.key, crowd.devices[0].key);
    let found = subscriptions::find(reader, activity, 2, device).await.unwrap();
    assert_eq!(found.as_ref(), Some(&second));
    assert_eq!(subscriptions::find(reader, activity, 3, device).await.unwrap(), None);
    let all = subscriptions::of_device_and_activity(reader, activity, device).await.unwrap();
    assert_eq!(all, [crowd.rows[0].clone(), second.clone()]);
    let open = subscriptions::open_of_device(reader, device).await.unwrap();
    assert_eq!(open, [second.clone()]);
    let by_card = async |card: &str| {
        let found = subscriptions::by_card(reader, device, card).await.unwrap();
        found.map(|row| row.id)
    };
    assert_eq!(by_card("yesterday").await, Some(crowd.rows[0].id));
    assert_eq!(by_card("today").await, Some(second.id));
    assert_eq!(by_card("twice").await, Some(second.id));
    assert_eq!(by_card("never").await, None);
}

pub(crate) async fn members_come_with_device_and_tokens_in_pages(world: World) {
    let mut crowd = Crowd::new(&world, 5);
    let update = token(&crowd.devices[1], TokenKind::Update, 1);
    let second = token(&crowd.devices[1], TokenKind::Update, 2);
    let start = token(&crowd.devices[2], TokenKind::PushToStart, 3);
    let newer_of_other_world = Token {
        environment: Environment::Sandbox,
        registered_at: at(9),
        ..token(&crowd.devices[2], TokenKind::PushToStart, 4)
    };
    let dead = Token {
        invalid: Some((NOW, "Unregistered".to_owned())),
        ..token(&crowd.devices[3], TokenKind::PushToStart, 5)
    };
    crowd.rows[1].card.token = Some(update.id);
    crowd.rows[1].second = Some(Card { token: Some(second.id), ..Card::default() });
    let (update_id, second_id, start_id) = (update.id, second.id, start.id);
    crowd.write(&world, vec![update, second, start, newer_of_other_world, dead]).await;
    let reader = world.store.reader();
    let mut members = subscriptions::members(reader, &crowd.shard, None, 3).await.unwrap();
    let last = members.last().map(|member| member.subscription.id);
    members.extend(subscriptions::members(reader, &crowd.shard, last, 3).await.unwrap());
    let rows: Vec<_> = members.iter().map(|member| member.subscription.clone()).collect();
    assert_eq!(rows, crowd.rows);
    let devices: Vec<_> = members.iter().map(|member| member.device.clone()).collect();
    assert_eq!(devices, crowd.devices);
    let id = |token: &Option<Token>| token.as_ref().map(|token| token.id);
    let tokens: Vec<_> = members
        .iter()
        .map(|member| (id(&member.token), id(&member.second_token), id(&member.start_token)))
        .collect();
    let none = (None, None, None);
    let expected =
        [none, (Some(update_id), Some(second_id), None), (None, None, Some(start_id)), none, none];
    assert_eq!(tokens, expected);
}

pub(crate) async fn a_member_that_asks_for_a_notification_brings_its_newest_good_token_for_one(
    world: World,
) {
    let mut crowd = Crowd::new(&world, 3);
    crowd.rows[1].fallback = Fallback::NotAsked;
    let notification = |index: usize, time: u8| Token {
        token_time: Time(NOW.0 + i64::from(time)),
        ..token(&crowd.devices[index], TokenKind::ApnsDevice, time)
    };
    let (older, newest, unasked) = (notification(0, 1), notification(0, 2), notification(1, 3));
    let other_world = Token { environment: Environment::Sandbox, ..notification(0, 4) };
    let dead = Token { invalid: Some((NOW, "Unregistered".to_owned())), ..notification(2, 5) };
    let id = newest.id;
    crowd.write(&world, vec![older, newest, unasked, other_world, dead]).await;
    let members = subscriptions::members(world.store.reader(), &crowd.shard, None, 3).await;
    let found = members.unwrap().into_iter().map(|m| m.notification_token.map(|token| token.id));
    assert_eq!(found.collect::<Vec<_>>(), [Some(id), None, None]);
}

pub(crate) async fn exceptions_are_those_that_need_something_of_their_own(world: World) {
    let mut crowd = Crowd::new(&world, 6);
    crowd.rows[1].exception = Some(Exception::default());
    crowd.rows[2].second = Some(Card::default());
    crowd.rows[3].state = State::PendingStart;
    crowd.rows[4].closing = true;
    crowd.rows[5].state = State::Dismissed;
    for (index, look_at) in [(1, at(-1)), (2, at(-3)), (3, at(5)), (4, at(0))] {
        crowd.rows[index].look_at = Some(look_at);
    }
    crowd.write(&world, Vec::new()).await;
    let (reader, shard) = (world.store.reader(), &crowd.shard);
    let look = async |now, limit| -> Vec<SubscriptionId> {
        let read = subscriptions::to_look_at(reader, shard, now, limit).await.unwrap();
        read.into_iter().map(|member| member.subscription.id).collect()
    };
    assert_eq!(look(at(0), 10).await, crowd.ids(&[2, 1, 4]));
    assert_eq!(look(at(0), 2).await, crowd.ids(&[2, 1]));
    assert_eq!(look(at(5), 10).await, crowd.ids(&[2, 1, 4, 3]));
    let rows = subscriptions::rows_to_look_at(reader, shard.id, at(-3), 10).await.unwrap();
    assert_eq!(rows, [crowd.rows[2].clone()]);
    assert_eq!(subscriptions::first_look(reader, shard.id).await.unwrap(), Some(at(-3)));
    let rows = subscriptions::rows_with_exception(reader, shard.id).await.unwrap();
    assert_eq!(rows, [crowd.rows[1].clone()]);
}

pub(crate) async fn a_target_selects_what_fits_every_kind_of_selector(world: World) {
    let mut crowd = Crowd::new(&world, 4);
    crowd.devices[1].form_factor = FormFactor::Tablet;
    crowd.devices[2].platform = Platform::Android;
    "bob".clone_into(&mut crowd.devices[2].contact_key);
    "bob".clone_into(&mut crowd.rows[2].contact_key);
    // The third was named itself; it is ada's all the same. The second came by bob and is ada's by now.
    crowd.rows[3].contact_key = String::new();
    crowd.write(&world, Vec::new()).await;
    let place = (world.workspace, crowd.activity.key, 1);
    let matching = async |target: &Target, last, limit| {
        let reader = world.store.reader();
        ids(&subscriptions::matching(reader, place, target, last, limit).await.unwrap())
    };
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let all = Target::default;
    let elsewhere = app(world.workspace, "com.example.crew").id.to_string();
    let here = world.app.to_string();
    let cases = [
        (all(), vec![0, 1, 2, 3]),
        (Target { device_ids: words(&["d0", "d2", "d9"]), ..all() }, vec![0, 2]),
        (Target { contact_keys: words(&["ada"]), ..all() }, vec![0, 1, 3]),
        (Target { contact_keys: words(&["bob"]), ..all() }, vec![2]),
        (Target { app_ids: words(&[&here]), ..all() }, vec![0, 1, 2, 3]),
        (Target { app_ids: words(&[&elsewhere, "nonsense"]), ..all() }, vec![]),
        (Target { form_factors: words(&["TABLET"]), ..all() }, vec![1]),
        (Target { form_factors: words(&["PHONE", "TABLET"]), ..all() }, vec![0, 1, 2, 3]),
        (Target { form_factors: words(&["FRIDGE"]), ..all() }, vec![]),
        (Target { platforms: words(&["IOS"]), ..all() }, vec![0, 1, 3]),
        (Target { platforms: words(&["ANDROID"]), ..all() }, vec![2]),
        (
            Target {
                contact_keys: words(&["ada"]),
                form_factors: words(&["PHONE"]),
                device_ids: words(&["d0", "d1", "d2"]),
                app_ids: words(&[&here]),
                platforms: words(&["IOS", "ANDROID"]),
            },
            vec![0],
        ),
    ];
    for (target, expected) in cases {
        assert_eq!(matching(&target, None, 10).await, crowd.ids(&expected), "{target:?}");
    }
    assert_eq!(matching(&all(), Some(crowd.devices[0].key), 2).await, crowd.ids(&[1, 2]));
}

pub(crate) async fn subscriptions_are_listed_with_device_and_shard(world: World) {
    let mut crowd = Crowd::new(&world, 4);
    crowd.rows[1].state = State::Dismissed;
    crowd.rows[2].state = State::Ended;
    crowd.write(&world, Vec::new()).await;
    let all = SubscriptionFilter {
        activity: crowd.activity.key,
        run: 1,
        states: Vec::new(),
        device_id: None,
    };
    let list = async |filter: &SubscriptionFilter, page| {
        let reader = world.store.reader();
        subscriptions::list(reader, world.workspace, filter, page).await.unwrap()
    };
    let page = list(&all, first(2)).await;
    assert_eq!(page[1].subscription, crowd.rows[1]);
    assert_eq!(page[1].device_id, "d1");
    assert_eq!(page[1].shard, crowd.shard);
    let numbers = async |filter: &SubscriptionFilter, page| {
        let listed = list(filter, page).await;
        listed.into_iter().map(|row| row.device_id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(numbers(&all, after(2, crowd.rows[1].id)).await, "d2 d3");
    let states = vec![State::Ended, State::Dismissed];
    assert_eq!(numbers(&SubscriptionFilter { states, ..all.clone() }, first(9)).await, "d1 d2");
    let device_id = Some("d3".to_owned());
    assert_eq!(numbers(&SubscriptionFilter { device_id, ..all.clone() }, first(9)).await, "d3");
    assert_eq!(numbers(&SubscriptionFilter { run: 2, ..all }, first(9)).await, "");
}
