//! `tidings migrate`.

use std::process::ExitCode;
use tidings::config::{Config, Flags};
use tidings::store::Store;
use tidings::telemetry;

/// Brings the schema up to date; `serve` does so by itself.
#[derive(clap::Args)]
pub(crate) struct Migrate {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(migrate: &Migrate, flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(flags)?;
    telemetry::init(&config.log)?;
    let store = Store::open(&config.database).await?;
    let (names, done) = if migrate.dry_run {
        (store.pending_migrations().await?, "would be applied")
    } else {
        (store.migrate().await?, "applied")
    };
    store.close().await;
    for name in &names {
        println!("{name}: {done}");
    }
    if names.is_empty() {
        println!("The schema is up to date.");
    }
    Ok(ExitCode::SUCCESS)
}
