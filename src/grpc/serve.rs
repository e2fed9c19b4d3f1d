//! The listening side of gRPC: every service with its limits, health and reflection.

use super::auth::AuthLayer;
use super::deadline::DeadlineLayer;
use super::{Config, Edge};
use crate::listener::{BoundedListener, SILENCE_MAX};
use crate::proto::{FILE_DESCRIPTOR_SET, v1};
use crate::service::Service;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use v1::activity_type_service_server::ActivityTypeServiceServer;
use v1::api_key_service_server::ApiKeyServiceServer;
use v1::app_service_server::AppServiceServer;
use v1::channel_service_server::ChannelServiceServer;
use v1::delivery_service_server::DeliveryServiceServer;
use v1::device_service_server::DeviceServiceServer;
use v1::live_activity_service_server::LiveActivityServiceServer;
use v1::segment_service_server::SegmentServiceServer;
use v1::workspace_service_server::WorkspaceServiceServer;

/// A connection that does not answer a ping is closed.
const PING_AFTER: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Who answers pings is not silent.
const _: () = assert!(PING_AFTER.as_secs() + PING_TIMEOUT.as_secs() < SILENCE_MAX.as_secs());
/// A peer that opens streams and resets them is cut off.
/// <https://www.cve.org/CVERecord?id=CVE-2023-44487>
const PENDING_RESETS_MAX: usize = 20;
const HEADERS_BYTES_MAX: u32 = 16 * 1024;

/// What reflection shows: the public services, not those of the simulator in the same binary.
const SERVICES: [&str; 10] = [
    "tidings.v1.LiveActivityService",
    "tidings.v1.DeviceService",
    "tidings.v1.DeliveryService",
    "tidings.v1.ActivityTypeService",
    "tidings.v1.SegmentService",
    "tidings.v1.ChannelService",
    "tidings.v1.WorkspaceService",
    "tidings.v1.AppService",
    "tidings.v1.ApiKeyService",
    "grpc.health.v1.Health",
];

/// Serves until `stop`, and then lets open calls finish.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    (edge, service): (Edge, Service),
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", tonic_health::ServingStatus::Serving).await;
    for name in SERVICES {
        health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
    let stopped = async move {
        stop.cancelled().await;
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        for name in SERVICES {
            health.set_service_status(name, tonic_health::ServingStatus::NotServing).await;
        }
    };
    let incoming = BoundedListener::new(listener, config.connections_max).into_stream();
    let limit = config.message_bytes_max;
    let calls_max = usize::try_from(config.streams_per_connection_max).unwrap_or(usize::MAX);
    let limited =
        |edge: Edge| LiveActivityServiceServer::new(edge).max_decoding_message_size(limit);
    Server::builder()
        .max_concurrent_streams(config.streams_per_connection_max)
        .concurrency_limit_per_connection(calls_max)
        .load_shed(true)
        .http2_keepalive_interval(Some(PING_AFTER))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .layer(DeadlineLayer::new(Duration::from_millis(config.request_timeout_ms)))
        .layer(AuthLayer::new(service))
        .add_service(limited(edge.clone()))
        .add_service(DeviceServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(DeliveryServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(ActivityTypeServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(SegmentServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(ChannelServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(WorkspaceServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(AppServiceServer::new(edge.clone()).max_decoding_message_size(limit))
        .add_service(ApiKeyServiceServer::new(edge).max_decoding_message_size(limit))
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?)
        .serve_with_incoming_shutdown(incoming, stopped)
        .await?;
    Ok(())
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    SERVICES.into_iter().fold(builder, tonic_reflection::server::Builder::with_service_name)
}
