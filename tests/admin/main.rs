//! The admin services over a real gRPC server on a free port and a database in a file: workspaces, apps, credentials,
//! keys and activity types.

mod activity_types;
mod apps;
mod credentials;
mod keys;
mod repeats;
mod server;
mod workspaces;
