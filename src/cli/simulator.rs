//! `tidings simulator`.

use anyhow::Context;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tidings::clock::Clock;
use tidings::config::{Config, Flags};
use tidings::{simulator, telemetry};

/// Listens as Apple does, in both worlds, and as Google does, and offers phones by a gRPC service of its own.
#[derive(clap::Args)]
pub(crate) struct Simulator {
    /// Where its control service listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:50052")]
    listen: SocketAddr,
    /// Where the world of Xcode's builds listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2197")]
    sandbox_listen: SocketAddr,
    /// Where the world of the App Store's builds listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2198")]
    production_listen: SocketAddr,
    /// Where broadcasts in the sandbox may go, beside its APNs
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2202")]
    sandbox_broadcast_listen: SocketAddr,
    /// Where broadcasts in production may go, beside its APNs
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2203")]
    production_broadcast_listen: SocketAddr,
    /// Where channels of the sandbox are managed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2195")]
    sandbox_manage_listen: SocketAddr,
    /// Where channels of production are managed
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2196")]
    production_manage_listen: SocketAddr,
    /// Where FCM and Google's access tokens listen, with TLS and without
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2199")]
    fcm_listen: SocketAddr,
    /// Where the key file of its service account is written
    #[arg(long, value_name = "FILE", default_value = "simulator-service-account.json")]
    service_account_file: PathBuf,
    /// Where its certificate is written, for `apns.ca_file` and `fcm.ca_file`
    #[arg(long, value_name = "FILE", default_value = "simulator-ca.pem")]
    ca_file: PathBuf,
}

pub(crate) async fn run(options: &Simulator, flags: &Flags) -> anyhow::Result<ExitCode> {
    telemetry::init(&Config::load(flags)?.log)?;
    let config = simulator::Config {
        control_listen: options.listen,
        sandbox_listen: options.sandbox_listen,
        production_listen: options.production_listen,
        sandbox_broadcast_listen: options.sandbox_broadcast_listen,
        production_broadcast_listen: options.production_broadcast_listen,
        sandbox_manage_listen: options.sandbox_manage_listen,
        production_manage_listen: options.production_manage_listen,
        fcm_listen: options.fcm_listen,
        ..simulator::Config::default()
    };
    let simulator = simulator::start(config, Clock::system()).await?;
    std::fs::write(&options.ca_file, simulator.ca_pem())
        .with_context(|| format!("{} cannot be written", options.ca_file.display()))?;
    std::fs::write(&options.service_account_file, simulator.service_account_json())
        .with_context(|| format!("{} cannot be written", options.service_account_file.display()))?;
    println!(
        "Control by gRPC (tidings.simulator.v1) and by JSON (POST /v1/<method>) on {}.",
        simulator.control_address()
    );
    println!("Point a server at it with:");
    println!("  TIDINGS__APNS__SANDBOX_URL={}", simulator.sandbox_url());
    println!("  TIDINGS__APNS__PRODUCTION_URL={}", simulator.production_url());
    println!("  TIDINGS__APNS__SANDBOX_MANAGE_URL={}", simulator.sandbox_manage_url());
    println!("  TIDINGS__APNS__PRODUCTION_MANAGE_URL={}", simulator.production_manage_url());
    println!("  TIDINGS__APNS__CA_FILE={}", options.ca_file.display());
    println!("  TIDINGS__FCM__BASE_URL={}", simulator.fcm_url());
    println!("  TIDINGS__FCM__TOKEN_URL={}", simulator.fcm_token_url());
    println!("  TIDINGS__FCM__CA_FILE={}", options.ca_file.display());
    println!(
        "An Android app of the project `{}` sends with the service account in {}.",
        simulator.project_id(),
        options.service_account_file.display()
    );
    super::told_to_stop()?.await;
    simulator.shutdown().await;
    Ok(ExitCode::SUCCESS)
}
