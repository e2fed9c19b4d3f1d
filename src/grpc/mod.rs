//! The gRPC edge: who calls, what is asked, what is answered.
//!
//! May import `service`, `proto` and whatever is further right. The invariant: nothing is decided here that is not about
//! the form of a request, and every refusal leaves through [`status`].

pub mod convert;
pub mod digest;
pub mod page;
pub mod status;
pub mod validate;
