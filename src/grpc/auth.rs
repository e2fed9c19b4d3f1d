//! Who calls: the layer before every service, which turns the key of a call into a [`Principal`].
//!
//! May import `service`. The invariant: no service sees a call without a principal but health and reflection, and no
//! service and no log sees the key: it is taken out of the headers here.

use crate::domain::tenant::Scope;
use crate::error::Result;
use crate::service::{Principal, Service, key_invalid};
use futures::future::BoxFuture;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::{Request, Status};

/// The header of those who cannot set `authorization`.
const API_KEY: &str = "x-api-key";

/// What needs no key: probes and tools have none.
const OPEN: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Puts [`Authenticated`] before services.
#[derive(Clone, Debug)]
pub struct AuthLayer {
    service: Service,
}

/// Services that are called by those who have a key.
#[derive(Clone, Debug)]
pub struct Authenticated<S> {
    services: S,
    service: Service,
}

impl AuthLayer {
    /// Looks keys up there.
    pub fn new(service: Service) -> Self {
        Self { service }
    }
}

/// The message of a call and who makes it, if the key may do this.
pub fn authorized<T>(request: Request<T>, needed: Scope) -> Result<(Principal, T)> {
    let principal = request.extensions().get::<Principal>().cloned().ok_or_else(key_invalid)?;
    principal.require(needed)?;
    Ok((principal, request.into_inner()))
}

impl<S> tower::Layer<S> for AuthLayer {
    type Service = Authenticated<S>;

    fn layer(&self, services: S) -> Authenticated<S> {
        Authenticated { services, service: self.service.clone() }
    }
}

impl<S> tower::Service<http::Request<Body>> for Authenticated<S>
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, std::result::Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.services.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        // The clone has not been asked whether it is ready; the one that has been goes with the call.
        let fresh = self.services.clone();
        let mut services = std::mem::replace(&mut self.services, fresh);
        let service = self.service.clone();
        Box::pin(async move {
            let key = take_key(request.headers_mut());
            if !OPEN.iter().any(|open| request.uri().path().starts_with(open)) {
                match principal(&service, key).await {
                    Ok(principal) => request.extensions_mut().insert(principal),
                    Err(error) => return Ok(Status::from(error).into_http()),
                };
            }
            services.call(request).await
        })
    }
}

async fn principal(service: &Service, key: Option<SecretString>) -> Result<Principal> {
    let key = key.ok_or_else(key_invalid)?;
    service.authenticate(key.expose_secret()).await
}

fn take_key(headers: &mut HeaderMap) -> Option<SecretString> {
    let (authorization, api_key) = (headers.remove(AUTHORIZATION), headers.remove(API_KEY));
    match authorization {
        Some(value) => {
            let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().into())
        }
        None => Some(api_key?.to_str().ok()?.trim().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(headers: &[(&'static str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header"));
        }
        let key = take_key(&mut map).map(|key| key.expose_secret().to_owned());
        assert!(map.is_empty(), "the key stays in the headers");
        key
    }

    #[test]
    fn a_key_comes_in_either_header_and_leaves_none_behind() {
        assert_eq!(key(&[("authorization", "Bearer tdg_1")]).as_deref(), Some("tdg_1"));
        assert_eq!(key(&[("authorization", "bearer  tdg_1 ")]).as_deref(), Some("tdg_1"));
        assert_eq!(key(&[("x-api-key", "tdg_1")]).as_deref(), Some("tdg_1"));
        let both = [("authorization", "Bearer tdg_1"), ("x-api-key", "tdg_2")];
        assert_eq!(key(&both).as_deref(), Some("tdg_1"));
    }

    #[test]
    fn what_is_no_bearer_is_no_key() {
        for value in ["", "tdg_1", "Basic dXNlcg==", "Bearertdg_1"] {
            assert_eq!(key(&[("authorization", value)]), None, "{value}");
        }
        assert_eq!(key(&[]), None);
    }

    #[test]
    fn a_call_without_a_principal_is_refused() {
        let refused = authorized(Request::new(()), Scope::Admin).expect_err("no principal");
        assert_eq!(Status::from(refused).code(), tonic::Code::Unauthenticated);
    }
}
