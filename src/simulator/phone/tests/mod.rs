//! Each rule of ActivityKit and Android is broken by a push that APNs or FCM accepts, and each ability of an app and
//! its holder is used against a Tidings that only takes notes.

mod android;
mod app;
mod channels;
mod control;
mod notifications;
mod offline;
mod people;
mod starts;
mod tidings;
mod updates;
