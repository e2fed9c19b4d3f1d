//! The gRPC edge: who calls, what is asked, what is answered.
//!
//! May import `service`, `proto` and whatever is further right. The invariant: nothing is decided here that is not
//! about the form of a request, and every refusal leaves through [`status`].

mod activities;
mod activity_types;
mod api_keys;
mod apps;
pub mod auth;
mod channels;
mod config;
pub mod convert;
mod credentials;
mod deadline;
mod deliveries;
mod devices;
pub mod digest;
pub mod page;
mod segments;
mod serve;
pub mod status;
pub mod validate;
mod workspaces;

pub use config::Config;
pub use serve::serve;

use crate::domain::ids::WorkspaceId;
use crate::error::{Error, Result};
use crate::service::{Call, PageRequest, Principal, Service};
use digest::request_digest;
use page::{PageTokens, Place};
use prost::Message;
use tokio_util::sync::CancellationToken;
use validate::Violations;

/// Serves every service of the contract. A clone is the same edge.
#[derive(Clone, Debug)]
pub struct Edge {
    service: Service,
    pages: PageTokens,
    draining: CancellationToken,
}

/// A list as it is asked for: whose, by which method, with which filters.
struct Listing<'a> {
    place: Place<'a>,
    page: PageRequest,
}

impl Edge {
    /// Serves what the service does. Streams end when it drains.
    pub fn new(service: Service, pages: PageTokens, draining: CancellationToken) -> Self {
        Self { service, pages, draining }
    }

    /// Reads the page fields of a list. `filters` is the request without them: a token is good for the same filters
    /// only.
    fn listing<'a>(
        &self,
        (principal, method): (&Principal, &'a str),
        (page_size, page_token): (i32, &str),
        filters: &impl Message,
        violations: &mut Violations,
    ) -> Listing<'a> {
        let filters = request_digest(filters);
        let place = Place { workspace: principal.workspace, method, filters };
        let size = violations.page_size(page_size);
        let cursor = self.pages.decode(place, page_token, violations);
        Listing { place, page: PageRequest { cursor, size } }
    }

    /// The token that leads to the next page.
    fn next(&self, listing: &Listing<'_>, cursor: Option<&str>) -> String {
        self.pages.encode(listing.place, cursor)
    }
}

/// A call that changes something. `request` is the whole request but its `request_id`.
fn call(
    (principal, method): (&Principal, &'static str),
    request_id: String,
    request: &impl Message,
    violations: &mut Violations,
) -> Call {
    violations.optional_id("request_id", &request_id);
    Call { workspace: principal.workspace, method, request_id, digest: request_digest(request) }
}

/// The id of an object that was named. A malformed id names nothing.
fn named<I>(id: Option<I>, kind: &'static str, text: &str) -> Result<I> {
    id.ok_or_else(|| Error::not_found(kind, text))
}

/// The workspace that was named; that of the key where none was.
fn workspace_or_own(
    principal: &Principal,
    text: &str,
    violations: &mut Violations,
) -> Option<WorkspaceId> {
    if text.is_empty() {
        return Some(principal.workspace);
    }
    violations.our_id("workspace_id", text)
}
