//! One kill: flights take off, the server dies at the chosen moment and comes back, and what was not answered is asked
//! again.

use crate::flight::{Flight, Role, Step, Traveller};
use crate::moment::{Kind, Moment, Seen};
use crate::random::Random;
use crate::remains::Remains;
use crate::talker::Talker;
use crate::world::{World, said_everything};
use futures::StreamExt;
use futures::future::join_all;
use std::fmt;
use std::time::Duration;
use tidings::simulator::Phone;
use tokio::time::Instant;

/// An audience of several batches; every fourth device is a phone, the others are mute.
const CROWD: usize = 1_100;
const CROWD_KEY: &str = "crowd";
/// What is asked of flights that go on after a kill.
const STILL_FLYING: Step = Step::Update { alerts: false };
const CALLS_AT_ONCE: usize = 64;

/// Many devices of one contact.
pub(crate) struct Crowd {
    phones: Vec<Phone>,
}

/// What became of one round.
pub(crate) struct Kill {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
    /// The moment was met.
    pub(crate) met: bool,
    in_flight: String,
    serving: Duration,
    answering: Duration,
}

impl Crowd {
    pub(crate) async fn gather(world: &World) -> Self {
        let mut phones = Vec::new();
        let mut mute = Vec::new();
        for index in 0..CROWD {
            let device_id = format!("crowd-{index}");
            if index % 4 == 0 {
                phones.push(world.phone(&device_id, "18.2", CROWD_KEY));
            } else {
                mute.push(device_id);
            }
        }
        let registered =
            mute.iter().map(|device_id| world.register_mute_device(device_id, CROWD_KEY));
        futures::stream::iter(registered).buffer_unordered(CALLS_AT_ONCE).collect::<()>().await;
        for phone in &phones {
            said_everything(phone).await;
        }
        Crowd { phones }
    }

    fn flight(&self, id: &str) -> Flight {
        let traveller =
            |phone: &Phone| Traveller { phone: phone.clone(), role: Role::Pushed, ended: None };
        Flight::new(id, CROWD_KEY, self.phones.iter().map(traveller).collect())
    }
}

/// Kills the server once. The flights go on.
pub(crate) async fn kill_once(world: &mut World, crowd: &Crowd, seed: u64) -> (Kill, Vec<Flight>) {
    let (kind, mut random) = (Kind::of(seed), Random::new(seed));
    let mut flights = Vec::new();
    for index in 0..2 + random.below(2) {
        flights.push(Flight::board(world, &format!("F{seed}-{index}"), &mut random).await);
    }
    if kind == Kind::Expansion {
        flights.push(crowd.flight(&format!("C{seed}")));
    }
    let mut talker = Talker::new(world, &format!("T{seed}")).await;
    let (moment, step) = Moment::prepare(world, kind, &mut flights, &mut random).await;
    let going = (&mut flights[..], &mut talker);
    let sight = fly_and_kill(world, going, (&moment, step), &mut random).await;
    let killed_at = Instant::now();
    let remains = Remains::read(world.folder.path()).await;
    for flight in &flights {
        let left = remains.revisions.get(&flight.id).copied().unwrap_or(0);
        let accepted = flight.newest_revision();
        assert!(left >= accepted, "revision {accepted} of {} was accepted and lost", flight.id);
    }
    let (met, in_flight) = moment.judge(&sight, &remains);
    let serving = world.restart().await;
    world.simulator.release_fault(None);
    let mut client = world.activities();
    for flight in &mut flights {
        flight.ask_again(&mut client).await;
    }
    talker.is_known().await;
    let answering = killed_at.elapsed();
    for flight in &mut flights {
        flight.repeat_any(&mut client, &mut random).await;
        if !flight.is_over() {
            let step = if flight.accepted.is_empty() { Step::Start } else { STILL_FLYING };
            // On a busy machine a call may time out; what is asked again has its effect once all the same.
            flight.ask_surely(&mut client, step).await;
            if let Some(segment) = &mut flight.segment {
                segment.join_surely().await;
            }
        }
        for traveller in &flight.travellers {
            if traveller.role == Role::Late && random.chance(50) {
                traveller.phone.release_tokens();
            }
        }
    }
    (Kill { seed, kind, met, in_flight, serving, answering }, flights)
}

/// The last flight takes the step first. All of them go on until the server is dead.
async fn fly_and_kill(
    world: &mut World,
    (flights, talker): (&mut [Flight], &mut Talker),
    (moment, step): (&Moment, Step),
    random: &mut Random,
) -> Seen {
    let (mut client, mut watching) = (world.activities(), world.activities());
    let last = flights.last_mut().expect("a flight");
    let is_crowd = moment.kind == Kind::Expansion;
    if is_crowd {
        last.ask_surely(&mut client, step).await;
    }
    let count = flights.len();
    let travels = flights.iter_mut().enumerate().map(|(index, flight)| {
        let (mut client, mut random) = (client.clone(), Random::new(random.number()));
        async move {
            // The moment needs all of its phones, and its flight to go on until then.
            let first = index + 1 == count && !is_crowd;
            if !first || flight.ask(&mut client, step).await {
                flight.travel(&mut client, &mut random, !first).await;
            }
        }
    });
    let travels = join_all(travels.collect::<Vec<_>>());
    let simulator = &world.simulator;
    let process = &mut world.process;
    let killing = async {
        moment.comes(simulator, &mut watching).await;
        let seen = moment.see(simulator);
        process.kill();
        seen
    };
    let (seen, _, ()) = tokio::join!(killing, travels, talker.talk());
    seen
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.met { "" } else { " (the moment was missed)" };
        write!(
            f,
            "seed {} {:?}{met}: {}; serving after {:?}, all answered after {:?}",
            self.seed, self.kind, self.in_flight, self.serving, self.answering
        )
    }
}
