//! Content to bytes, with sizes: for validation, dry runs and dispatch alike.

pub mod apns;
pub mod fcm;
