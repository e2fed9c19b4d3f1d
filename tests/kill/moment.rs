//! When a server is killed: while APNs holds a push, between its answer and the settle, inside an expansion, or at any
//! time.

use crate::flight::{Client, Flight, Role, Step};
use crate::random::Random;
use crate::remains::Remains;
use crate::world::{PATIENCE, World};
use std::time::Duration;
use tidings::proto::simulator_v1::{self as sim, fault::Action};
use tidings::proto::v1::{Progress, WatchActivityRequest};
use tidings::simulator::Simulator;
use tokio::time::timeout;
use uuid::Uuid;

/// The longest that a kill is put off for chance's sake.
const DELAY_MS_MAX: usize = 400;

/// What the server is doing when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It waits for the answer to a push.
    Held,
    /// It was answered and has not settled.
    Answered,
    /// It turns an audience into subscriptions.
    Expansion,
    /// Whatever.
    Random,
}

impl Kind {
    pub(crate) const ALL: [Kind; 4] = [Kind::Held, Kind::Answered, Kind::Expansion, Kind::Random];

    /// A seed says it all, also the kind.
    pub(crate) fn of(seed: u64) -> Self {
        Kind::ALL[usize::try_from(seed % 4).expect("below four")]
    }
}

/// What to wait for.
pub(crate) struct Moment {
    pub(crate) kind: Kind,
    faults: Vec<i64>,
    /// Pushes of this flight with this event after that number are what it is about.
    flight: String,
    event: &'static str,
    after: i64,
    delay: Duration,
    subscriptions_min: i64,
}

/// What was going on when the server was killed, as the simulator saw it.
pub(crate) struct Seen {
    held: i64,
    answered: Vec<Uuid>,
    unanswered: usize,
}

impl Moment {
    /// Brings the flights to where the last of them can take the step, and lets things go wrong. Returns that step.
    pub(crate) async fn prepare(
        world: &World,
        kind: Kind,
        flights: &mut [Flight],
        random: &mut Random,
    ) -> (Self, Step) {
        let milliseconds = u64::try_from(random.below(DELAY_MS_MAX)).expect("small");
        let mut moment = Moment {
            kind,
            faults: Vec::new(),
            flight: flights.last().expect("a flight").id.clone(),
            event: "start",
            after: 0,
            delay: Duration::from_millis(milliseconds),
            subscriptions_min: *random.pick(&[1, 501]),
        };
        if matches!(kind, Kind::Expansion | Kind::Random) {
            moment.after = world.simulator.pushes_received();
            return (moment, Step::Start);
        }
        let alerts = random.chance(50);
        let steps = [
            ("start", Step::Start),
            ("start", Step::Start),
            ("update", Step::Update { alerts }),
            ("end", Step::End),
        ];
        let (event, step) = *random.pick(&steps);
        moment.event = event;
        // A connection has one stream until a push of it was answered; an answer beside a held one needs a second.
        let warm = kind == Kind::Answered || random.chance(70);
        let flying = if step == Step::Start { usize::from(warm) } else { flights.len() };
        for flight in flights.iter_mut().take(flying) {
            flight.ask_surely(&mut world.activities(), Step::Start).await;
        }
        for flight in flights.iter().take(flying) {
            flight.all_have_cards().await;
        }
        moment.after = world.simulator.pushes_received();
        let flight = flights.last().expect("a flight");
        let holds = kind == Kind::Held || random.chance(70);
        let count = 1 + usize::from(kind == Kind::Held) * random.below(2);
        let held = if holds { count } else { 0 };
        moment.hold(&world.simulator, flight, held, random);
        (moment, step)
    }

    /// Has APNs hold the next push of so many phones.
    fn hold(&mut self, simulator: &Simulator, flight: &Flight, count: usize, random: &mut Random) {
        let without = if self.event == "start" { Role::AppStarted } else { Role::Late };
        let not_here = [without, Role::Android, Role::Joiner];
        let all = flight.travellers.iter().filter(|one| !not_here.contains(&one.role));
        let mut phones: Vec<String> = all.map(|traveller| traveller.phone.id()).collect();
        for _ in 0..count {
            let phone_id = phones.remove(random.below(phones.len()));
            let fault = simulator.set_fault(sim::Fault {
                phone_id,
                event: self.event.to_owned(),
                count: 1,
                take: random.chance(50),
                action: Some(Action::Hold(sim::FaultHold {})),
                ..sim::Fault::default()
            });
            self.faults.push(fault.expect("room for a fault"));
        }
    }

    /// Waits for it.
    pub(crate) async fn comes(&self, simulator: &Simulator, client: &mut Client) {
        let came = match self.kind {
            Kind::Held => simulator.wait_for(PATIENCE, |s| self.held(s) > 0).await,
            Kind::Answered => {
                let fits = |simulator: &Simulator| {
                    let holds = self.faults.is_empty() || self.held(simulator) > 0;
                    holds && !self.pushes(simulator, true).is_empty()
                };
                return assert!(simulator.wait_for(PATIENCE, fits).await, "no push was answered");
            }
            Kind::Expansion => return self.expands(client).await,
            Kind::Random => true,
        };
        assert!(came, "no push was held");
        // Anything may happen meanwhile, but nothing is waited for.
        timeout(self.delay, std::future::pending::<()>()).await.ok();
    }

    /// Watches until there are subscriptions and more to come.
    async fn expands(&self, client: &mut Client) {
        let request = WatchActivityRequest { activity_id: self.flight.clone() };
        let watched = client.watch_activity(request).await.expect("a watch");
        let mut watched = watched.into_inner();
        let inside = async {
            while let Some(seen) = watched.message().await.expect("a message") {
                let progress = seen.progress.expect("progress");
                if !progress.expanding || subscriptions(&progress) >= self.subscriptions_min {
                    return;
                }
            }
        };
        timeout(PATIENCE, inside).await.expect("the audience is expanded");
    }

    pub(crate) fn see(&self, simulator: &Simulator) -> Seen {
        let answered = self.pushes(simulator, true).iter().map(apns_id).collect();
        let unanswered = self.pushes(simulator, false).len();
        Seen { held: self.held(simulator), answered, unanswered }
    }

    /// Whether the server was killed when it should be, and what it left in flight.
    pub(crate) fn judge(&self, seen: &Seen, remains: &Remains) -> (bool, String) {
        let lost = seen.answered.iter().filter(|id| !remains.settled.contains(id)).count();
        let expanded = remains.expanding.get(&self.flight).copied().unwrap_or(0);
        let met = match self.kind {
            Kind::Held => seen.held > 0,
            Kind::Answered => lost > 0,
            Kind::Expansion => expanded > 0,
            Kind::Random => true,
        };
        let in_flight = format!(
            "{} pushes: {} held, {} unanswered, {lost} answered and not settled; \
             {expanded} subscriptions of an unfinished audience",
            self.event, seen.held, seen.unanswered
        );
        (met, in_flight)
    }

    fn held(&self, simulator: &Simulator) -> i64 {
        let status = self.faults.iter().filter_map(|fault| simulator.fault(*fault));
        status.map(|status| status.holding).sum()
    }

    fn pushes(&self, simulator: &Simulator, answered: bool) -> Vec<sim::Push> {
        let request = sim::ListPushesRequest {
            after_number: self.after,
            ..sim::ListPushesRequest::default()
        };
        let ours = format!("{}-", self.flight);
        let mut pushes = simulator.pushes(&request);
        pushes.retain(|push| {
            let is_answered = push.status == 200;
            let fits = self.kind == Kind::Random || push.phone_id.starts_with(&ours);
            fits && is_answered == answered && (answered || push.status == 0)
        });
        pushes
    }
}

fn subscriptions(progress: &Progress) -> i64 {
    let of_route = progress.routes.iter().map(|route| {
        route.pending
            + route.accepted
            + route.pending_token
            + route.failed
            + route.dismissed
            + route.unreachable
    });
    of_route.sum()
}

fn apns_id(push: &sim::Push) -> Uuid {
    push.apns_id.parse().expect("an id")
}
