//! Between the wire and the rules: times, content, alerts, and every enum.
//!
//! May import `domain`, `clock` and `proto`. The invariant: conversions decide nothing. Enums are matched exhaustively,
//! so that a new state or kind does not compile before the wire has a word for it.

pub mod activity;
pub mod admin;
pub mod channel;
pub mod content;
pub mod delivery;
pub mod device;
pub mod explanation;
pub mod push;
pub mod subscription;
pub mod time;
mod words;
