//! The rules: pure and synchronous. Every rule takes `now` and rows as values and returns a decision as a value; none
//! reads a clock, sleeps, or writes. May import `clock` (for its types), `error` and `secrets` (for its types).

pub mod activity;
pub mod activity_type;
pub mod apply;
pub mod asked;
pub mod change;
pub mod close;
pub mod content;
pub mod deletion;
pub mod delivery;
pub mod device;
pub mod device_token;
pub mod event;
pub mod expand;
pub mod expansion;
pub mod fallback;
pub mod ids;
pub mod join;
pub mod membership;
pub mod outcome;
pub mod payload;
pub mod plan;
pub mod platform;
pub mod push;
pub mod reasons;
pub mod recipient;
pub mod register;
pub mod report;
pub mod retry;
pub mod revision;
pub mod rooms;
pub mod route;
#[cfg(test)]
pub(crate) mod samples;
pub mod segment;
pub mod service_account;
pub mod settle;
pub mod shard;
pub mod sizes;
pub mod start;
pub mod subscription;
pub mod sync;
pub mod targeted;
pub mod tenant;
pub mod token;
pub mod update;
