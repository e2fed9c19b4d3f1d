//! The generated gRPC code. Only `grpc`, `http` and `simulator` may use it: the rest of the server has types of its
//! own, so that the wire can change without the rules.

/// The public API of Tidings.
#[expect(clippy::allow_attributes, clippy::all, clippy::pedantic, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("tidings.v1");
}

/// The control API of the simulator.
#[expect(clippy::allow_attributes, clippy::all, clippy::pedantic, reason = "generated")]
pub mod simulator_v1 {
    tonic::include_proto!("tidings.simulator.v1");
}

/// Every proto file with its comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tidings.binpb"));
