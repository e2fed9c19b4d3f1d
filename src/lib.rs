//! Tidings keeps lock screens true: a backend says what a live activity shows now, and every phone that follows it
//! shows that.
//!
//! The map, from the wire inwards. An arrow allows everything further right on its line too; `tests/tidy` enforces
//! it. `docs/ARCHITECTURE.md` walks through it.
//!
//! ```text
//! grpc, http ──> service ──> store, bus ──> domain
//! dispatch ──> store, provider, bus ──> domain
//! provider ──> domain                     server ──> everything; only main imports server
//! clock, error, listener, secrets, proto, telemetry: leaves
//! simulator ──> proto and clock only
//! ```

pub mod bus;
pub mod clock;
pub mod config;
pub mod dispatch;
pub mod domain;
pub mod error;
pub mod grpc;
pub mod http;
pub mod listener;
pub mod proto;
pub mod provider;
pub mod secrets;
pub mod server;
pub mod service;
pub mod simulator;
pub mod store;
pub mod telemetry;
