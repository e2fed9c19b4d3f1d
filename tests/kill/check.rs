//! What must be true in the end, whatever was killed when.

use crate::flight::{Flight, Role, Step, Traveller, number_of};
use crate::sent::{Begun, Sent, starts_of};
use crate::world::{PATIENCE, World, wait};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tidings::proto::simulator_v1::{self as sim, CardState};
use tidings::proto::v1::{
    Delivery, DeliveryStatus, ListDeliveriesRequest, ListSubscriptionsRequest, Operation,
    Subscription, SubscriptionState,
};
use tokio::time::{Instant, interval};

/// A start without an answer is repeated after this.
const START_DOUBT_S: i64 = 60;
/// After this no answer comes any more.
const ANSWER_MAX: Duration = Duration::from_secs(25);
const STARTS_MAX: usize = 2;
const LOOK: Duration = Duration::from_millis(500);
const PAGE: i32 = 1_000;

/// The ids of the devices whose two starts were both lost: only the device can tell, and it has nothing to tell.
type Unknown = HashSet<String>;

/// Everyone who should shows the newest state; then everything ends, and the histories are looked at.
pub(crate) async fn everything_arrives(world: &World, flights: &mut [Flight]) {
    let mut unknown = HashMap::new();
    for flight in flights.iter().filter(|flight| !flight.is_over()) {
        unknown.insert(flight.id.clone(), starts_are_known(world, flight).await);
    }
    let late = flights.iter().flat_map(|flight| &flight.travellers);
    for traveller in late.filter(|traveller| traveller.role == Role::Late) {
        traveller.phone.release_tokens();
    }
    for flight in flights.iter().filter(|flight| !flight.is_over()) {
        all_show_the_newest(flight, &unknown[&flight.id]).await;
    }
    for flight in flights.iter_mut().filter(|flight| !flight.is_over()) {
        flight.ask_surely(&mut world.activities(), Step::End).await;
    }
    let sent = Sent::read(world);
    for flight in flights.iter() {
        all_have_ended(flight, &sent).await;
    }
    // Ends do not start anything: the record of starts is complete.
    for flight in flights.iter() {
        let accepted = accepted_starts(world, flight).await;
        let revision = flight.revision(&mut world.activities()).await;
        assert_eq!(revision, flight.newest_revision(), "{}: one call, one effect", flight.id);
        for traveller in &flight.travellers {
            let starts = starts_of(flight, traveller, &sent);
            let accepted = accepted.get(&traveller.phone.id()).map_or(&[][..], Vec::as_slice);
            starts_are_justified(flight, traveller, &starts, accepted);
            nothing_went_backwards(flight, traveller);
        }
    }
    for role in [Role::Android, Role::Joiner] {
        println!("{role:?}: {} phones have had a card", with_cards(flights, role));
    }
    let unknown: usize = unknown.values().map(HashSet::len).sum();
    println!("{unknown} starts were lost twice and stay unknown, as they should");
}

fn with_cards(flights: &[Flight], role: Role) -> usize {
    let of_flight = flights.iter().map(|flight| {
        let those = flight.travellers.iter().filter(|traveller| traveller.role == role);
        those.filter(|one| !cards(flight, &one.phone.snapshot()).is_empty()).count()
    });
    of_flight.sum()
}

/// Waits until every start was answered, or given up after two of them.
async fn starts_are_known(world: &World, flight: &Flight) -> Unknown {
    let mut ticks = interval(LOOK);
    let began = Instant::now();
    let patience = Duration::from_secs(START_DOUBT_S.unsigned_abs()) + PATIENCE;
    let mut quiet_since = None;
    loop {
        ticks.tick().await;
        let pending = pending_starts(world, flight).await;
        if pending.iter().all(|pending| pending.reason == "START_UNKNOWN") {
            let quiet_since: Instant = *quiet_since.get_or_insert_with(Instant::now);
            if pending.is_empty() || quiet_since.elapsed() > ANSWER_MAX {
                return pending.iter().map(|pending| pending.device_id.clone()).collect();
            }
        } else {
            quiet_since = None;
        }
        assert!(began.elapsed() < patience, "{}: not started: {pending:#?}", flight.id);
    }
}

async fn all_show_the_newest(flight: &Flight, unknown: &Unknown) {
    for traveller in flight.travellers.iter().filter(|traveller| flight.is_aboard(traveller)) {
        if unknown.contains(&traveller.phone.id()) {
            let could_tell = traveller.role != Role::Android;
            let seen = traveller.phone.snapshot();
            assert!(!could_tell || cards(flight, &seen).is_empty(), "it could tell");
            continue;
        }
        let wanted = flight.wanted(traveller);
        let what = format!("shows state {wanted} of {} on one card", flight.id);
        wait(&traveller.phone, &what, |phone| {
            let living: Vec<_> = cards(flight, phone).into_iter().filter(|c| lives(c)).collect();
            living.len() == 1 && number_of(&living[0].content_json) == wanted
        })
        .await;
    }
}

/// The end is on every phone that was started; a phone that took no start needs none.
async fn all_have_ended(flight: &Flight, sent: &Sent) {
    for traveller in &flight.travellers {
        let starts = starts_of(flight, traveller, sent);
        let started = starts.iter().any(|start| start.taken) || traveller.role == Role::AppStarted;
        if !started {
            let phone = traveller.phone.snapshot();
            assert!(cards(flight, &phone).is_empty(), "a card that nobody started: {phone:#?}");
            continue;
        }
        let wanted = flight.wanted(traveller);
        let what = format!("ended with state {wanted} of {}", flight.id);
        wait(&traveller.phone, &what, |phone| {
            let cards = cards(flight, phone);
            let shows_end =
                |card: &&sim::Card| number_of(&card.content_json) == wanted && !lives(card);
            cards.iter().all(|card| !lives(card)) && cards.iter().any(shows_end)
        })
        .await;
    }
}

/// A start that APNs was asked for is not asked for again, unless nobody knew what became of it; then a minute later,
/// and never a third time.
fn starts_are_justified(
    flight: &Flight,
    traveller: &Traveller,
    starts: &[Begun],
    accepted: &[Delivery],
) {
    let cards = cards(flight, &traveller.phone.snapshot()).len();
    let (id, role) = (traveller.phone.id(), traveller.role);
    if role == Role::AppStarted {
        assert_eq!((starts.len(), cards), (0, 1), "{id}: the app had started it");
        return;
    }
    let taken = starts.iter().filter(|start| start.taken).count();
    // An app on Android has one notification for an activity, however often it is started.
    let wanted = if role == Role::Android { taken.min(1) } else { taken };
    assert_eq!(cards, wanted, "{id}: a card for every start that was taken: {starts:#?}");
    assert!(starts.len() <= STARTS_MAX, "{id}: {starts:#?}");
    assert!(accepted.len() <= 1, "{id}: two accepted starts: {accepted:#?}");
    if role == Role::Android {
        // Its start may be repeated at once: the app shows it once, whatever came before the kill.
        return;
    }
    let [first, second] = starts else { return };
    let gap = second.received - first.received;
    assert!(gap >= START_DOUBT_S - 2, "{id}: the second start came after {gap} s");
    if let Some(accepted) = accepted.first() {
        let sent = accepted.send_time.expect("a time").seconds;
        let of_second = (sent - second.received).abs() < START_DOUBT_S / 2;
        assert!(of_second, "{id}: the first was known to be accepted: {accepted:#?} {starts:#?}");
    }
}

/// Later states after earlier ones, on every card, with rising timestamps.
fn nothing_went_backwards(flight: &Flight, traveller: &Traveller) {
    let phone = traveller.phone.snapshot();
    // An app on Android goes by revisions, and passes over one that it has shown.
    let is_android = traveller.role == Role::Android;
    for card in cards(flight, &phone) {
        let pushed = || card.shown.iter().filter(|shown| shown.by() != sim::ShownBy::App);
        let in_order = pushed().map(|shown| number_of(&shown.content_json)).is_sorted();
        let stamps: Vec<i64> = pushed().map(|shown| shown.timestamp).collect();
        let rising = stamps.windows(2).all(|pair| pair[0] < pair[1]) || is_android;
        let revisions = pushed().map(|shown| shown.revision).collect::<Vec<_>>();
        let newer = revisions.is_sorted_by(|a, b| a < b) || !is_android;
        assert!(in_order && rising && newer, "{} went back: {card:#?}", phone.phone_id);
    }
    let wrong: Vec<_> = phone
        .drops
        .iter()
        .filter(|drop| drop.reason() == sim::DropReason::TimestampNotNewer && !is_android)
        .collect();
    assert!(wrong.is_empty(), "{}: a timestamp was used twice: {wrong:#?}", phone.phone_id);
}

fn cards<'a>(flight: &Flight, phone: &'a sim::Phone) -> Vec<&'a sim::Card> {
    phone.cards.iter().filter(|card| card.activity_id == flight.id).collect()
}

fn lives(card: &sim::Card) -> bool {
    matches!(card.state(), CardState::Active | CardState::Stale)
}

async fn pending_starts(world: &World, flight: &Flight) -> Vec<Subscription> {
    let mut request = ListSubscriptionsRequest {
        activity_id: flight.id.clone(),
        states: vec![SubscriptionState::PendingStart.into()],
        page_size: PAGE,
        ..ListSubscriptionsRequest::default()
    };
    let mut all = Vec::new();
    loop {
        let page = world.activities().list_subscriptions(request.clone()).await.expect("a list");
        let page = page.into_inner();
        all.extend(page.subscriptions);
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}

/// The starts that the server knows to be accepted, by device.
async fn accepted_starts(world: &World, flight: &Flight) -> HashMap<String, Vec<Delivery>> {
    let mut request = ListDeliveriesRequest {
        activity_id: flight.id.clone(),
        operation: Operation::Start.into(),
        status: DeliveryStatus::Accepted.into(),
        page_size: PAGE,
        ..ListDeliveriesRequest::default()
    };
    let mut all: HashMap<String, Vec<Delivery>> = HashMap::new();
    loop {
        let page = world.log().list_deliveries(request.clone()).await.expect("a log").into_inner();
        for delivery in page.deliveries {
            all.entry(delivery.device_id.clone()).or_default().push(delivery);
        }
        if page.next_page_token.is_empty() {
            return all;
        }
        request.page_token = page.next_page_token;
    }
}
