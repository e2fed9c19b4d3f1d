//! The rules: pure and synchronous. Every rule takes `now` and rows as values and returns a decision as a value; none
//! reads a clock, sleeps, or writes. May import `clock` (for its types), `error` and `secrets` (for its types).

pub mod content;
pub mod ids;
pub mod payload;
pub mod push;
