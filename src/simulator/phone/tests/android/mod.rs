//! Phones with Android: what FCM takes and what comes of it.

mod app;
mod messages;
mod offline;
mod screen;
