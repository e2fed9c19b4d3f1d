//! How long a call may take. A stream that the caller fills has no end that we could know: there each message has.
//!
//! May import nothing of the crate. The invariant: every call that is answered once is answered or refused in time.

use futures::future::BoxFuture;
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::Status;
use tonic::body::Body;

/// Calls that take as long as their caller sends.
const FILLED_BY_CALLERS: [&str; 2] =
    ["/tidings.v1.SegmentService/AddMembers", "/tidings.v1.SegmentService/RemoveMembers"];

/// Puts a limit on the calls of the services below it.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeadlineLayer {
    limit: Duration,
}

/// Services whose calls have a limit.
#[derive(Clone, Debug)]
pub(super) struct Deadline<S> {
    services: S,
    limit: Duration,
}

impl DeadlineLayer {
    /// So long may a call take.
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> tower::Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, services: S) -> Deadline<S> {
        Deadline { services, limit: self.limit }
    }
}

impl<S> tower::Service<http::Request<Body>> for Deadline<S>
where
    S: tower::Service<http::Request<Body>, Response = http::Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.services.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let limit = self.limit;
        let is_filled = FILLED_BY_CALLERS.contains(&request.uri().path());
        let call = self.services.call(request);
        Box::pin(async move {
            if is_filled {
                return call.await;
            }
            let answer = tokio::time::timeout(limit, call).await;
            answer.unwrap_or_else(|_| {
                Ok(Status::deadline_exceeded("The call took too long.").into_http())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use tower::{Layer, Service, service_fn};

    async fn status(path: &str) -> Option<tonic::Code> {
        let slow = service_fn(async |_: http::Request<Body>| {
            // Longer than the limit, in the time of a runtime that stands still.
            tokio::time::advance(Duration::from_mins(1)).await;
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(http::Response::new(Body::empty()))
        });
        let mut service = DeadlineLayer::new(Duration::from_secs(10)).layer(slow);
        let request = http::Request::builder().uri(path).body(Body::empty()).expect("a request");
        let answer = service.call(request).await.expect("an answer");
        Status::from_header_map(answer.headers()).map(|status| status.code())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_cut_off_and_a_stream_that_its_caller_fills_is_not() {
        let update = status("/tidings.v1.LiveActivityService/UpdateActivity").await;
        assert_eq!(update, Some(tonic::Code::DeadlineExceeded));
        assert_eq!(status("/tidings.v1.SegmentService/AddMembers").await, None);
    }
}
