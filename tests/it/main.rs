//! One server, Apple and phones on real ports: what a caller and a phone see.

#![expect(clippy::expect_used, reason = "what stands around a test fails the test")]
#![expect(clippy::indexing_slicing, reason = "what stands around a test fails the test")]

mod audiences;
mod bad_devices;
mod bad_input;
mod bad_numbers;
mod bad_state;
mod calls;
mod channels;
mod contract;
#[path = "../databases/mod.rs"]
mod databases;
mod declare;
mod delivery;
mod devices;
mod explain;
mod flight;
mod google;
mod harness;
mod keys;
mod lifetimes;
mod lists;
mod localised;
#[cfg(feature = "postgres-tests")]
mod outages;
mod repeats;
mod retention;
mod secrets;
mod segments;
mod send_log;
mod services;
mod streams;
mod tables;
mod tenants;
mod time;
mod verification;
mod watches;
#[cfg(feature = "postgres-tests")]
mod wire;
mod writes;
