//! What must be true in the end, whatever was done to the replicas when.

use crate::flight::{Flight, Step, lives, number_of};
use crate::random::Random;
use crate::traffic::Flown;
use crate::watch::{accepted, ended};
use crate::world::{World, wait};
use std::collections::{BTreeSet, HashMap};
use tidings::clock::{Clock, Time};
use tidings::proto::simulator_v1::{self as sim, DropReason};
use tidings::proto::v1::ActivityState;
use tidings::simulator::Phone;

/// A start without an answer is repeated after this.
const START_DOUBT_S: i64 = 60;
const STARTS_MAX: usize = 2;
const PAGE: i64 = 1_000;
/// So long before it was killed a replica may have made a push without noting what came of it.
const UNSETTLED: std::time::Duration = std::time::Duration::from_secs(5);

/// A time in which a replica, or the database, was made to fail: the only excuse for a push that is made twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbance {
    pub(crate) from: Time,
    pub(crate) until: Time,
}

impl Disturbance {
    /// From now on; it ends with `over`.
    pub(crate) fn begins() -> Self {
        let now = Clock::system().now();
        Disturbance { from: now, until: Time(i64::MAX) }
    }

    pub(crate) fn over(self) -> Self {
        Disturbance { until: Clock::system().now(), ..self }
    }

    /// A push of before it was not noted, and was made again after it.
    fn explains(&self, first: Time, second: Time) -> bool {
        first >= self.from - UNSETTLED && first <= self.until && second > self.from
    }
}

/// Everyone shows the newest state; then everything ends, and the histories are looked at.
pub(crate) async fn everything_arrives(
    world: &World,
    mut flown: Vec<Flown>,
    disturbances: &[Disturbance],
) {
    for Flown { crew, flights, .. } in &flown {
        for flight in flights {
            show_the_newest(flight, &crew.phones).await;
        }
    }
    let (clients, mut random) = (world.clients(), Random::new(1));
    for flight in flown.iter_mut().flat_map(|flown| &mut flown.flights) {
        flight.ask(&clients, Step::End, &mut random).await;
    }
    for Flown { crew, flights, .. } in &flown {
        for flight in flights {
            show_the_end(flight, &crew.phones).await;
        }
    }
    let pushes = all_pushes(world);
    for Flown { crew, flights, watchers } in flown {
        for flight in &flights {
            for phone in &crew.phones {
                starts_are_justified(flight, phone, &pushes);
                nothing_went_backwards(flight, phone);
            }
        }
        for watcher in watchers {
            let (activity, progress) = watcher.end().await;
            assert_eq!(activity.state(), ActivityState::Ended);
            assert_eq!(activity.revision, flights[0].newest, "the watch saw the last change");
            let phones = i64::try_from(crew.phones.len()).expect("few");
            // An app that says that its card has ended may be faster than the one who settles the end.
            let over = accepted(&progress) + ended(&progress);
            assert_eq!(over, phones, "{}: {progress:?}", flights[0].id);
        }
    }
    let tokens: BTreeSet<&str> = pushes.iter().map(|push| push.provider_token.as_str()).collect();
    assert_eq!(
        tokens.len(),
        1,
        "all replicas, before and after every kill, use one provider token"
    );
    let doubled = doubled(&pushes, disturbances);
    println!("{} pushes, {doubled} of them made again after a disturbance", pushes.len());
}

/// Every phone shows the newest call on one card.
pub(crate) async fn show_the_newest(flight: &Flight, phones: &[Phone]) {
    for phone in phones {
        let what = format!("shows call {} of {}", flight.newest, flight.id);
        wait(phone, &what, |phone| flight.is_shown_by(phone)).await;
    }
}

async fn show_the_end(flight: &Flight, phones: &[Phone]) {
    for phone in phones {
        wait(phone, &format!("shows the end of {}", flight.id), |phone| {
            let cards = flight.cards(phone);
            let is_last = |card: &&sim::Card| number_of(&card.content_json) == flight.newest;
            cards.iter().all(|card| !lives(card)) && cards.iter().any(is_last)
        })
        .await;
    }
}

/// A start is not asked for again, unless nobody knows what became of it; then a minute later.
fn starts_are_justified(flight: &Flight, phone: &Phone, pushes: &[sim::Push]) {
    let id = phone.id();
    let of_phone = pushes.iter().filter(|push| push.phone_id == id);
    let starts: Vec<_> = of_phone.filter(|push| is_start_of(push, &flight.id)).collect();
    let taken = starts.iter().filter(|start| start.taken).count();
    let cards = flight.cards(&phone.snapshot()).len();
    assert_eq!(cards, taken, "{id}: a card for every start that was taken: {starts:#?}");
    assert!((1..=STARTS_MAX).contains(&starts.len()), "{id}: {starts:#?}");
    let [first, second] = starts[..] else { return };
    let gap = received(second).since(received(first)).as_secs();
    assert!(gap + 2 >= START_DOUBT_S.unsigned_abs(), "{id}: again after {gap} s: {starts:#?}");
}

fn is_start_of(push: &sim::Push, activity_id: &str) -> bool {
    let body: serde_json::Value = serde_json::from_slice(&push.body).expect("JSON");
    let attribute = body.pointer("/aps/attributes/activityId");
    body["aps"]["event"] == "start" && attribute.is_some_and(|id| *id == activity_id)
}

/// Later states after earlier ones, on every card, with rising timestamps.
fn nothing_went_backwards(flight: &Flight, phone: &Phone) {
    let phone = phone.snapshot();
    for card in flight.cards(&phone) {
        let pushed = || card.shown.iter().filter(|shown| shown.by() != sim::ShownBy::App);
        let in_order = pushed().map(|shown| number_of(&shown.content_json)).is_sorted();
        let stamps: Vec<i64> = pushed().map(|shown| shown.timestamp).collect();
        let rising = stamps.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(in_order && rising, "{} went back: {card:#?}", phone.phone_id);
    }
}

/// How many pushes were made again. Each has its explanation: were a shard sent to by two, some had none.
fn doubled(pushes: &[sim::Push], disturbances: &[Disturbance]) -> usize {
    let mut made: HashMap<&str, Vec<Time>> = HashMap::new();
    for push in pushes.iter().filter(|push| push.status == 200) {
        made.entry(&push.apns_id).or_default().push(received(push));
    }
    let mut doubled = 0;
    for (apns_id, times) in made {
        for pair in times.windows(2) {
            doubled += 1;
            let is_explained = disturbances.iter().any(|d| d.explains(pair[0], pair[1]));
            let both: Vec<_> = pushes.iter().filter(|push| push.apns_id == apns_id).collect();
            assert!(is_explained, "made twice, without a reason: {both:#?} {disturbances:?}");
        }
    }
    doubled
}

/// A timestamp that was used twice is of two senders, or of one that forgot.
pub(crate) fn no_timestamp_was_used_twice(phones: &[Phone]) {
    for phone in phones {
        let phone = phone.snapshot();
        // What was held up may come late, and older than what is shown.
        let was_shown = |drop: &sim::Drop| {
            let card = phone.cards.iter().find(|card| card.card_id == drop.card_id);
            card.is_some_and(|card| card.shown.iter().any(|s| s.timestamp == drop.timestamp))
        };
        let refused = |drop: &sim::Drop| drop.reason() == DropReason::TimestampNotNewer;
        let drops = phone.drops.iter().filter(|drop| refused(drop) && was_shown(drop));
        let drops: Vec<_> = drops.collect();
        assert!(drops.is_empty(), "{}: {drops:#?}", phone.phone_id);
    }
}

fn received(push: &sim::Push) -> Time {
    let time = push.receive_time.expect("a time");
    Time(time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000)
}

fn all_pushes(world: &World) -> Vec<sim::Push> {
    let mut pushes: Vec<sim::Push> = Vec::new();
    loop {
        let after_number = pushes.last().map_or(0, |push| push.number);
        let limit = i32::try_from(PAGE).expect("small");
        let request = sim::ListPushesRequest {
            after_number,
            page_size: limit,
            ..sim::ListPushesRequest::default()
        };
        let page = world.simulator.pushes(&request);
        if page.is_empty() {
            return pushes;
        }
        pushes.extend(page);
    }
}
