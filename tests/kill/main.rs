//! The server is killed again and again, and what it had accepted still arrives: nothing lost, one card per device and
//! run, no phone goes backwards, the end arrives; who joins on the way is started; what an app has said is known. With
//! iPhones and Android phones. Also how the process begins and how it ends.
//!
//! `TIDINGS_TEST_SCALE` counts the kills, ten for each; `TIDINGS_SEED` repeats one of them by its printed seed.
#![expect(clippy::expect_used, reason = "what stands around a test fails the test")]
#![expect(clippy::indexing_slicing, reason = "what stands around a test fails the test")]

mod beginning;
mod check;
mod drain;
mod flight;
mod moment;
mod process;
mod random;
mod remains;
mod round;
mod segment;
mod sent;
mod talker;
mod two_cards;
mod world;

use moment::Kind;
use random::Random;
use round::{Crowd, Kill};
use tokio::time::Instant;
use uuid::Uuid;
use world::World;

/// Kills of each kind whose moment is met, for each ten.
const OF_TEN: [(Kind, usize); 4] =
    [(Kind::Held, 3), (Kind::Answered, 3), (Kind::Expansion, 2), (Kind::Random, 2)];
const SCALE_MAX: usize = 5;
/// So many kills for each one whose moment is met, at most.
const TRIES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_reversed_however_often_the_server_is_killed() {
    let mut world = World::start().await;
    let crowd = Crowd::gather(&world).await;
    let mut flights = Vec::new();
    let mut kills: Vec<Kill> = Vec::new();
    let began = Instant::now();
    let mut seeds = Seeds::read();
    while let Some(seed) = seeds.next(&kills) {
        println!("seed {seed} {:?}", Kind::of(seed));
        let (kill, more) = round::kill_once(&mut world, &crowd, seed).await;
        println!("kill {}: {kill}", kills.len() + 1);
        kills.push(kill);
        flights.extend(more);
    }
    let killed_for = began.elapsed();
    check::everything_arrives(&world, &mut flights).await;
    world.stop().await;
    for kind in Kind::ALL {
        let met = kills.iter().filter(|kill| kill.kind == kind && kill.met).count();
        println!("{kind:?}: {met} kills at their moment");
    }
    println!("{} kills in {killed_for:?}, all of it in {:?}", kills.len(), began.elapsed());
}

/// Which rounds there are.
enum Seeds {
    /// This one.
    One(Option<u64>),
    /// As many as are wanted of each kind.
    Many { random: Random, scale: usize },
}

impl Seeds {
    fn read() -> Self {
        let number = |name: &str| {
            let value = std::env::var_os(name)?.into_string().ok()?;
            Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
        };
        if let Some(seed) = number("TIDINGS_SEED") {
            return Seeds::One(Some(seed));
        }
        let scale = number("TIDINGS_TEST_SCALE").unwrap_or(1);
        let scale = usize::try_from(scale).expect("a count").clamp(1, SCALE_MAX);
        let seed = u64::try_from(Uuid::new_v4().as_u128() >> 64).expect("64 bits");
        Seeds::Many { random: Random::new(seed), scale }
    }

    /// The kind of which most is left; none when every kind has what it needs.
    fn next(&mut self, kills: &[Kill]) -> Option<u64> {
        let (random, scale) = match self {
            Seeds::One(seed) => return seed.take(),
            Seeds::Many { random, scale } => (random, *scale),
        };
        let left = |(kind, of_ten): &(Kind, usize)| {
            let met = kills.iter().filter(|kill| kill.kind == *kind && kill.met).count();
            (scale * of_ten).saturating_sub(met)
        };
        let most = OF_TEN.iter().max_by_key(|kind| left(kind)).filter(|kind| left(kind) > 0)?;
        let tried = kills.iter().filter(|kill| kill.kind == most.0).count();
        assert!(tried < scale * most.1 * TRIES, "{:?} is missed too often", most.0);
        let kind = Kind::ALL.iter().position(|kind| *kind == most.0).expect("one of them");
        // Short enough to be typed.
        let seed = u64::from(u32::try_from(random.number() >> 34).expect("30 bits")) * 4;
        Some(seed + u64::try_from(kind).expect("below four"))
    }
}
