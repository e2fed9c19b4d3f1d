//! Each rule of APNs is broken by a real client over TLS and HTTP/2.

mod channels;
mod connections;
mod faults;
mod headers;
mod provider_tokens;
mod tokens;
