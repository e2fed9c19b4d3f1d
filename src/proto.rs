//! The generated gRPC code. Only `grpc`, `http` and `simulator` may use it: the rest of the server has types of its
//! own, so that the wire can change without the rules.

/// The public API of Tidings.
#[allow(
    clippy::allow_attributes,
    clippy::all,
    clippy::pedantic,
    clippy::doc_markdown,
    reason = "generated: which lints it trips depends on the generator"
)]
pub mod v1 {
    tonic::include_proto!("tidings.v1");
}

/// The control API of the simulator.
#[allow(
    clippy::allow_attributes,
    clippy::all,
    clippy::pedantic,
    clippy::doc_markdown,
    reason = "generated: which lints it trips depends on the generator"
)]
pub mod simulator_v1 {
    tonic::include_proto!("tidings.simulator.v1");
}

/// Every proto file with its comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tidings.binpb"));
