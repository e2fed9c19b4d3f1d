//! Apple's push service over TLS and HTTP/2, on the crate `h2`.
