//! The admin services over a real gRPC server on a free port and a database in a file: workspaces, apps, credentials,
//! keys and activity types.
#![expect(clippy::expect_used, reason = "what stands around a test fails the test")]

mod activity_types;
mod apps;
mod credentials;
mod keys;
mod repeats;
mod server;
mod workspaces;
