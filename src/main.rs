//! The command line: one file per command in `cli`.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tidings::config::Flags;

mod cli;

/// The open-source, self-hosted Live Activities server.
#[derive(Parser)]
#[command(name = "tidings", version, about)]
struct Line {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Serves. On an empty database it makes the workspace `default` and prints one key for it, once.
    Serve,
    /// Brings the schema of the database up to date.
    Migrate(cli::migrate::Migrate),
    /// Keeps the API keys of a running server.
    Keys(cli::keys::Keys),
    /// Stands in for Apple and Google, with phones, for trying things out.
    Simulator(Box<cli::simulator::Simulator>),
    /// Flies one flight: server, simulator and phones in one process, no account needed.
    Demo(cli::demo::Demo),
}

#[tokio::main]
async fn main() -> ExitCode {
    let line = Line::parse();
    let outcome = match line.command {
        Command::Serve => cli::serve::run(&line.flags).await,
        Command::Migrate(migrate) => cli::migrate::run(&migrate, &line.flags).await,
        Command::Keys(keys) => cli::keys::run(&keys).await,
        Command::Simulator(simulator) => cli::simulator::run(&simulator, &line.flags).await,
        Command::Demo(demo) => cli::demo::run(&demo, &line.flags).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("tidings: {error:#}");
        ExitCode::FAILURE
    })
}
