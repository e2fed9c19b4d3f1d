//! `tidings demo`.

use std::process::ExitCode;
use tidings::config::Flags;

/// Flies one flight.
#[derive(clap::Args)]
pub(crate) struct Demo {
    /// End after the flight, with a summary of what each phone showed
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(_demo: &Demo, _flags: &Flags) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::FAILURE)
}
