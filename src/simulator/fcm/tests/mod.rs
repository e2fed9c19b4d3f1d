//! Each rule of Google's is broken over a real connection.

mod access;
mod faults;
mod messages;
mod quotas;
mod transport;
