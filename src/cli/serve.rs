//! `tidings serve`.

use secrecy::ExposeSecret;
use std::process::ExitCode;
use tidings::clock::Clock;
use tidings::config::{Config, Flags};
use tidings::{server, telemetry};

pub(crate) async fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    let config = Config::load(flags)?;
    telemetry::init(&config.log)?;
    let told_to_stop = super::told_to_stop()?;
    let mut server = server::start(config, Clock::system()).await?;
    if let Some(key) = server.take_first_key() {
        // The one moment at which the key is shown: to the person at the terminal, never to the log.
        println!("The workspace \"default\" is new. This key works in it and is shown only once:");
        println!("{}", key.expose_secret());
    }
    println!("gRPC listens on {}, HTTP on {}.", server.grpc_address(), server.http_address());
    told_to_stop.await;
    tracing::info!("draining");
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
