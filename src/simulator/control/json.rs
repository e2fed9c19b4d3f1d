//! The control API as JSON over HTTP, for scripts: `POST /v1/<method>` with the request as protobuf maps it to JSON.
//!
//! May import `proto`. It decides nothing: each call is handed to the gRPC service of this process, so that both say
//! the same, and a method that is new there is here, too. <https://protobuf.dev/programming-guides/json/>

use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::simulator_v1::simulator_service_server::SERVICE_NAME;
use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN, TE};
use axum::http::{self, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http_body_util::{BodyExt, BodyStream, Full};
use prost::Message;
use prost_reflect::{
    DescriptorPool, DeserializeOptions, DynamicMessage, MessageDescriptor, MethodDescriptor,
    SerializeOptions, ServiceDescriptor,
};
use serde_json::json;
use std::convert::Infallible;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

/// The most bytes of a request.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Before each message of gRPC: whether it is compressed, and its length.
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
const FRAME_HEAD_BYTES: usize = 5;

/// Hands calls on.
#[derive(Clone)]
struct Gateway<S> {
    service: S,
    methods: ServiceDescriptor,
}

/// The routes of a service, which is the simulator's.
pub(super) fn routes<S>(service: S) -> anyhow::Result<Router>
where
    S: Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET)?;
    let methods =
        pool.get_service_by_name(SERVICE_NAME).context("the service has no descriptor")?;
    Ok(Router::new()
        .route("/v1/{method}", post(serve::<S>))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Gateway { service, methods }))
}

async fn serve<S>(
    State(gateway): State<Gateway<S>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response
where
    S: Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = Infallible,
        > + Clone,
{
    let answered = async {
        if headers.contains_key(ORIGIN) {
            return Err(Status::permission_denied("Web pages may not call the simulator."));
        }
        let unknown = || Status::not_found(format!("There is no method \"{method}\"."));
        let method = gateway.methods.methods().find(|known| known.name() == method);
        let method = method.ok_or_else(unknown)?;
        let body = body.map_err(|_| {
            Status::resource_exhausted(format!("A request has at most {BODY_BYTES_MAX} bytes."))
        })?;
        call(gateway.service.clone(), &method, &body).await
    };
    answered.await.unwrap_or_else(|status| refusal(&status))
}

async fn call<S>(service: S, method: &MethodDescriptor, body: &[u8]) -> Result<Response, Status>
where
    S: Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = Infallible,
        >,
{
    let request = read(method.input(), body)?.encode_to_vec();
    let request = http::Request::post(format!("/{SERVICE_NAME}/{}", method.name()))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .body(tonic::body::Body::new(Full::new(framed(&request))))
        .map_err(|error| Status::internal(error.to_string()))?;
    let Ok(response) = service.oneshot(request).await;
    refused(response.headers())?;
    if method.is_server_streaming() {
        return Ok(lines(response.into_body(), method.output()));
    }
    let collected = response.into_body().collect().await?;
    collected.trailers().map_or(Ok(()), refused)?;
    let mut frames = BytesMut::from(collected.to_bytes().as_ref());
    let message = take_frame(&mut frames).ok_or_else(|| Status::internal("There is no answer."))?;
    Ok(([(CONTENT_TYPE, "application/json")], write(method.output(), message)?).into_response())
}

fn refused(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() != Code::Ok => Err(status),
        _ => Ok(()),
    }
}

/// One line for each message, for as long as there are some.
fn lines(body: tonic::body::Body, output: MessageDescriptor) -> Response {
    let frames = (BodyStream::new(body), BytesMut::new());
    let lines = futures::stream::unfold(frames, move |(mut body, mut frames)| {
        let output = output.clone();
        async move {
            loop {
                if let Some(message) = take_frame(&mut frames) {
                    let mut line = write(output, message).ok()?;
                    line.push(b'\n');
                    return Some((Ok::<_, Infallible>(Bytes::from(line)), (body, frames)));
                }
                let data = body.next().await?.ok()?.into_data().ok()?;
                frames.extend_from_slice(&data);
            }
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

/// Reads a request; an empty body is one without fields.
fn read(input: MessageDescriptor, body: &[u8]) -> Result<DynamicMessage, Status> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    let mut json = serde_json::Deserializer::from_slice(body);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(input, &mut json, &options);
    let message = message.and_then(|message| json.end().map(|()| message));
    message.map_err(|error| Status::invalid_argument(format!("The body is wrong: {error}.")))
}

/// Writes an answer with all of its fields, so that a script finds them.
fn write(output: MessageDescriptor, message: Bytes) -> Result<Vec<u8>, Status> {
    let unreadable = |error: String| Status::internal(error);
    let message = DynamicMessage::decode(output, message).map_err(|e| unreadable(e.to_string()))?;
    let mut json = Vec::new();
    let options = SerializeOptions::new().skip_default_fields(false);
    message
        .serialize_with_options(&mut serde_json::Serializer::new(&mut json), &options)
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(json)
}

fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(FRAME_HEAD_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// The next message, where all of it is there.
fn take_frame(frames: &mut BytesMut) -> Option<Bytes> {
    let [_, length @ ..] = frames.first_chunk::<FRAME_HEAD_BYTES>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if frames.len() - FRAME_HEAD_BYTES < length {
        return None;
    }
    frames.advance(FRAME_HEAD_BYTES);
    Some(frames.split_to(length).freeze())
}

fn refusal(status: &Status) -> Response {
    let (http, code) = match status.code() {
        Code::InvalidArgument => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
        Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        Code::AlreadyExists => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
        Code::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        Code::ResourceExhausted => (StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED"),
        Code::DeadlineExceeded => (StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
    };
    let body = json!({ "code": code, "message": status.message() });
    (http, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests;
