//! Each rule of ActivityKit is broken by a push that APNs accepts, and each ability of an app and its holder is used
//! against a Tidings that only takes notes.

mod app;
mod control;
mod offline;
mod people;
mod starts;
mod tidings;
mod updates;
