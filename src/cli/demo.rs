//! `tidings demo`: server, simulator and phones in one process, and one flight.
//!
//! May import everything. It talks to both sides by gRPC only, and believes nothing but what a phone says that it
//! shows: the exit code of `--once` comes from the screens.

mod flight;
mod next;
mod outcome;
mod phones;
mod summary;
mod world;

use flight::Flight;
use std::net::SocketAddr;
use std::process::ExitCode;
use tidings::config::Flags;
use world::World;

/// Flies one flight.
#[derive(clap::Args)]
pub(crate) struct Demo {
    /// End after the flight, with a summary of what each phone showed; fails if a phone that should have landed did not
    #[arg(long)]
    once: bool,
    /// Let something go wrong on the way; all of it, at different moments, if nothing is named
    #[arg(long, value_enum, value_name = "FAULT", num_args = 0..=1, default_missing_value = "all")]
    fault: Option<Fault>,
    /// Where the simulator's control service listens [default: 127.0.0.1:50052; a free port with --once]
    #[arg(long, value_name = "ADDRESS")]
    simulator_listen: Option<SocketAddr>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Fault {
    /// The update token of a phone dies: APNs answers 410
    Token,
    /// A phone has no network when the flight lands
    Offline,
    /// APNs answers 503 for a while
    Apns,
    /// FCM answers 503 for a while
    Fcm,
    /// All of it
    All,
}

impl Demo {
    fn has(&self, fault: Fault) -> bool {
        self.fault.is_some_and(|chosen| chosen == fault || chosen == Fault::All)
    }
}

pub(crate) async fn run(demo: &Demo, flags: &Flags) -> anyhow::Result<ExitCode> {
    let world = World::start(demo, flags).await?;
    // Whoever stops the demo early still gets the temporary folder removed.
    let landed = tokio::select! {
        flown = fly(demo, &world) => flown?,
        () = super::told_to_stop()? => {
            world.stop().await;
            return Ok(ExitCode::FAILURE);
        }
    };
    if !demo.once {
        let told_to_stop = super::told_to_stop()?;
        next::print(&world);
        told_to_stop.await;
    }
    world.stop().await;
    Ok(if landed || !demo.once { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Flies and tells; true if every phone that should have landed did.
async fn fly(demo: &Demo, world: &World) -> anyhow::Result<bool> {
    println!(
        "Tidings, APNs, FCM and six phones, all in this process. APNs, FCM and the phones are \
         simulated."
    );
    let mut flight = Flight::prepare(demo, world).await?;
    flight.fly().await?;
    let summary = summary::Summary::read(world).await?;
    flight.next_day().await?;
    summary.print();
    Ok(summary.everyone_landed())
}
