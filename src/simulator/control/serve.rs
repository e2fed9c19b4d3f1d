//! Serves the control API on one port: gRPC with reflection, and the same calls as JSON.
//!
//! May import `proto` and the rest of `simulator`.

use super::{Control, json};
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::simulator_v1::GetInfoResponse;
use crate::proto::simulator_v1::simulator_service_server::{SERVICE_NAME, SimulatorServiceServer};
use crate::simulator::hub::Hub;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Routes;

/// Serves until the simulator shuts down.
pub(in crate::simulator) async fn serve(socket: TcpListener, info: GetInfoResponse, hub: Arc<Hub>) {
    let shutdown = hub.shutdown.clone();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .with_service_name(SERVICE_NAME)
        .build_v1();
    let reflection = match reflection {
        Ok(reflection) => reflection,
        Err(error) => return tracing::error!(%error, "the simulator's protos are unreadable"),
    };
    let service = SimulatorServiceServer::new(Control { hub, info });
    let scripted = match json::routes(service.clone()) {
        Ok(routes) => routes,
        Err(error) => return tracing::error!(%error, "the simulator's protos are unreadable"),
    };
    let routes = Routes::new(service).add_service(reflection).into_axum_router().merge(scripted);
    let served = tonic::transport::Server::builder()
        .accept_http1(true)
        .add_routes(Routes::from(routes))
        .serve_with_incoming(TcpListenerStream::new(socket));
    tokio::select! {
        () = shutdown.cancelled() => {}
        ended = served => if let Err(error) = ended {
            tracing::warn!(%error, "the simulator's control API ended");
        },
    }
}
