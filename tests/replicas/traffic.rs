//! Crews whose flights are started and updated by either replica, one flight after another, until it is enough.

use crate::flight::{Crew, Flight, Step};
use crate::random::Random;
use crate::watch::Watcher;
use crate::world::{Client, PATIENCE, Replica, World};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How many phones follow each flight.
const PHONES: usize = 3;
/// So many updates has a flight at least and at most.
const UPDATES: std::ops::Range<usize> = 8..30;
/// The longest between two calls.
const PACE_MS_MAX: usize = 150;

/// Crews that fly.
pub(crate) struct Traffic {
    crews: Vec<JoinHandle<Flown>>,
    enough: CancellationToken,
    /// How many calls were answered.
    answered: watch::Sender<usize>,
}

/// A crew with all of its flights, and who watched the first of them at each replica.
pub(crate) struct Flown {
    pub(crate) crew: Crew,
    pub(crate) flights: Vec<Flight>,
    pub(crate) watchers: Vec<Watcher>,
}

impl Traffic {
    /// Every crew is in the air when this returns.
    pub(crate) async fn begin(world: &World, crews: usize, random: &mut Random) -> Self {
        let (enough, answered) = (CancellationToken::new(), watch::Sender::new(0));
        let mut flying = Vec::new();
        let mut started = Vec::new();
        for number in 0..crews {
            let crew = Crew::gather(world, &format!("crew-{number}"), PHONES).await;
            let watching = world.replicas.iter().map(Replica::watching).collect();
            let (took_off, has_started) = oneshot::channel();
            let random = Random::new(random.number());
            let (clients, answered) = (world.clients(), answered.clone());
            let pilot = Pilot { clients, watching, random, crew, answered };
            flying.push(tokio::spawn(pilot.fly(took_off, enough.clone())));
            started.push(has_started);
        }
        for has_started in started {
            has_started.await.expect("a crew has started");
        }
        Traffic { crews: flying, enough, answered }
    }

    /// Waits until every crew may have had an answer from now on.
    pub(crate) async fn is_answered(&self) {
        let wanted = *self.answered.borrow() + self.crews.len();
        let mut answered = self.answered.subscribe();
        let waiting = answered.wait_for(|answered| *answered >= wanted);
        let answered = timeout(PATIENCE, waiting).await.expect("calls are answered");
        drop(answered.expect("somebody asks"));
    }

    /// No more calls; what was asked was answered when this returns.
    pub(crate) async fn end(self) -> Vec<Flown> {
        self.enough.cancel();
        let mut flown = Vec::new();
        for crew in self.crews {
            flown.push(crew.await.expect("a crew"));
        }
        let calls: i64 = flown.iter().flat_map(|f| &f.flights).map(|flight| flight.newest).sum();
        let flights: usize = flown.iter().map(|flown| flown.flights.len()).sum();
        println!("{calls} calls were accepted for {flights} flights");
        flown
    }
}

/// Who flies with one crew.
struct Pilot {
    clients: Vec<Client>,
    watching: Vec<Client>,
    random: Random,
    crew: Crew,
    answered: watch::Sender<usize>,
}

impl Pilot {
    async fn fly(mut self, took_off: oneshot::Sender<()>, enough: CancellationToken) -> Flown {
        let mut took_off = Some(took_off);
        let (mut flights, mut watchers) = (Vec::new(), Vec::new());
        while !enough.is_cancelled() {
            let mut flight = self.crew.flight(flights.len());
            flight.ask(&self.clients, Step::Start, &mut self.random).await;
            if let Some(took_off) = took_off.take() {
                let begin = |client: &Client| Watcher::begin(client.clone(), &flight.id);
                watchers = self.watching.iter().map(begin).collect();
                took_off.send(()).expect("somebody waits");
            }
            let updates = UPDATES.start + self.random.below(UPDATES.len());
            for _ in 0..updates {
                if enough.is_cancelled() {
                    break;
                }
                let pace = u64::try_from(self.random.below(PACE_MS_MAX)).expect("small");
                crate::pass(Duration::from_millis(pace)).await;
                flight.ask(&self.clients, Step::Update, &mut self.random).await;
                self.answered.send_modify(|answered| *answered += 1);
            }
            flights.push(flight);
        }
        Flown { crew: self.crew, flights, watchers }
    }
}
