//! One connection to Google: access tokens and messages, and what goes wrong with them.
//!
//! May import `clock`, `proto` and the rest of `simulator`. Every message whose request is read gets a record.

use super::super::fault::{Candidate, Held, Met};
use super::super::hub::Hub;
use super::super::phone::Parcel;
use super::super::stamp;
use super::TOKEN_PATH;
use super::answer::{Body, Broken, deny, refuse, respond, told};
use super::grant::{self, Denial, Terms};
use super::message::{Message, Target, target_of};
use super::record::Answered;
use super::refusal::Refusal;
use super::registry::{Entry, Use};
use crate::clock::Time;
use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{FaultAnswer, FaultService, FcmSend, World};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Bytes of a request that are read; nothing sensible is longer.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a request that are remembered.
const BODY_BYTES_KEPT: usize = 8 * 1024;
/// How long a peer may take for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(30);
const SEND_PREFIX: &str = "/v1/projects/";
const SEND_SUFFIX: &str = "/messages:send";

/// Where a connection belongs.
pub(super) struct Place {
    pub(super) hub: Arc<Hub>,
    /// Where it came to.
    pub(super) address: SocketAddr,
    pub(super) number: i64,
}

struct Connection {
    place: Place,
    /// The connection takes no more requests.
    going: CancellationToken,
    /// The connection is over.
    cut: CancellationToken,
}

/// An answer, or that there is none.
type Reply = Result<Response<Body>, Broken>;

/// A message that was read and judged.
struct Arrived {
    number: i64,
    body: Bytes,
    verdict: Result<Taken, Refusal>,
}

struct Taken {
    message: Message,
    /// None for a topic.
    entry: Option<Entry>,
    name: String,
}

/// What becomes of a request that met a fault.
enum Fate {
    Answer(Box<FaultAnswer>),
    /// As if nothing had been.
    Right,
    /// As if nothing had been, but only half of the answer comes.
    Half,
    Lost(Broken),
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: Place,
) {
    let streams = place.hub.config.fcm_streams_max;
    let shutdown = place.hub.shutdown.clone();
    let (going, cut) = (CancellationToken::new(), CancellationToken::new());
    let connection = Arc::new(Connection { place, going: going.clone(), cut: cut.clone() });
    let service = service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { connection.handle(request).await }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(streams);
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let mut goes = false;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection to the simulator's FCM broke");
                }
                return;
            }
            () = going.cancelled(), if !goes => {
                goes = true;
                served.as_mut().graceful_shutdown();
            }
            () = cut.cancelled() => return,
            () = shutdown.cancelled() => return,
        }
    }
}

impl Connection {
    async fn handle(&self, request: Request<Incoming>) -> Reply {
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return Err(Broken::Cut);
        };
        let body = body.to_bytes();
        let path = parts.uri.path();
        let project_id =
            path.strip_prefix(SEND_PREFIX).and_then(|path| path.strip_suffix(SEND_SUFFIX));
        let project_id = project_id.filter(|name| !name.is_empty() && !name.contains('/'));
        match project_id {
            _ if parts.method != Method::POST => Ok(refuse(&Refusal::not_found())),
            None if path == TOKEN_PATH => self.give_access(&body).await,
            None => Ok(refuse(&Refusal::not_found())),
            Some(project_id) => {
                let arrived = self.judge(&parts, project_id, body);
                self.send(arrived).await
            }
        }
    }

    fn hub(&self) -> &Hub {
        &self.place.hub
    }

    fn now(&self) -> Time {
        self.hub().clock.now()
    }

    async fn give_access(&self, form: &Bytes) -> Reply {
        self.hub().google.record().asked_for_access();
        let address = self.place.address;
        let local = format!("localhost:{}", address.port());
        let audiences = [address.to_string(), local]
            .map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}{TOKEN_PATH}")));
        let terms = Terms { audiences: audiences.as_flattened(), now: self.now() };
        let judged = grant::judge(form, &self.hub().google.accounts(), &terms);
        let grant = match judged {
            Ok(grant) => grant,
            Err(denial) => return Ok(deny(&denial)),
        };
        let mut life = self.hub().config.access_token_life;
        let mut is_half = false;
        let met = self.meet(FaultService::AccessTokens, "", "", form);
        self.hub().changed();
        match self.fate(met).await {
            Fate::Right => {}
            Fate::Half => is_half = true,
            Fate::Lost(broken) => return Err(broken),
            Fate::Answer(answer) if answer.status == 200 && answer.body.is_none() => {
                life = Duration::from_secs(u64::try_from(answer.expires_in).unwrap_or(0));
            }
            Fate::Answer(answer) => {
                let status = u16::try_from(answer.status).unwrap_or(500);
                let denial = Denial::new(&answer.reason, "As was asked for.").with_status(status);
                return Ok(told(&answer, status, denial.body()));
            }
        }
        let now = self.now();
        let issued =
            self.hub().google.accounts().issue(&grant.client_email, grant.may_send, (now, life));
        let Some(token) = issued else {
            return Ok(deny(&Denial::new("invalid_grant", "Invalid grant: account not found")));
        };
        let answer = json!({
            "access_token": token, "expires_in": life.as_secs(), "token_type": "Bearer",
        });
        Ok(respond(200, answer.to_string(), is_half))
    }

    fn judge(&self, parts: &Parts, project_id: &str, body: Bytes) -> Arrived {
        let now = self.now();
        let (target_kind, target) = target_of(&body);
        let google = &self.hub().google;
        let verdict = self.verdict(&parts.headers, project_id, &body, now);
        let phone_id = google.registry().phone_of(&target);
        let validate_only = verdict.as_ref().is_ok_and(|taken: &Taken| taken.message.validate_only);
        let number = google.record().receive(FcmSend {
            project_id: project_id.to_owned(),
            target_kind: target_kind.to_owned(),
            target,
            phone_id: phone_id.as_deref().unwrap_or_default().to_owned(),
            body: body.slice(..body.len().min(BODY_BYTES_KEPT)).to_vec(),
            receive_time: Some(stamp(now)),
            connection: self.place.number,
            http2: parts.version == Version::HTTP_2,
            validate_only,
            ..FcmSend::default()
        });
        Arrived { number, body, verdict }
    }

    fn verdict(
        &self,
        headers: &HeaderMap,
        project_id: &str,
        body: &[u8],
        now: Time,
    ) -> Result<Taken, Refusal> {
        let google = &self.hub().google;
        let bearer =
            bearer(headers).ok_or_else(|| Refusal::unauthenticated("CREDENTIALS_MISSING"))?;
        let access = google.accounts().judge(bearer, now).map_err(Refusal::unauthenticated)?;
        if !access.may_send {
            let message = "Request had insufficient authentication scopes.";
            return Err(Refusal::forbidden("ACCESS_TOKEN_SCOPE_INSUFFICIENT", message));
        }
        if access.project_id != project_id {
            let message = format!(
                "Permission 'cloudmessaging.messages.create' denied on resource \
                 '//cloudresourcemanager.googleapis.com/projects/{project_id}' \
                 (or it may not exist)."
            );
            return Err(Refusal::forbidden("IAM_PERMISSION_DENIED", &message));
        }
        google.quotas().of_project(project_id, now)?;
        let message = Message::read(body, self.hub().config.fcm_reserved_keys)?;
        let entry = match &message.target {
            Target::Topics => None,
            Target::Registration { value, is_fid } => {
                let package_name = message.package_name.as_deref();
                let wanted = Use { project_id, is_fid: *is_fid, package_name };
                let entry = google.registry().judge(value, &wanted)?;
                if !message.validate_only {
                    google.quotas().of_device(value, now)?;
                }
                Some(entry)
            }
        };
        let id = message_id(&message, now);
        Ok(Taken { message, entry, name: format!("projects/{project_id}/messages/{id}") })
    }

    async fn send(&self, arrived: Arrived) -> Reply {
        let Ok(taken) = &arrived.verdict else {
            return Ok(self.answer(&arrived, false));
        };
        let (registration, phone_id) = match (&taken.message.target, &taken.entry) {
            (Target::Registration { value, .. }, Some(entry)) => (value.as_str(), &*entry.phone_id),
            _ => ("", ""),
        };
        let met = self.meet(FaultService::Fcm, registration, phone_id, &arrived.body);
        if let Some(met) = &met {
            self.hub().google.record().meet(arrived.number, met.id);
        }
        let took = met.as_ref().is_some_and(|met| met.take);
        if took {
            self.take(&arrived, taken);
        }
        self.hub().changed();
        match self.fate(met).await {
            fate @ (Fate::Right | Fate::Half) => {
                if !took {
                    self.take(&arrived, taken);
                }
                Ok(self.answer(&arrived, matches!(fate, Fate::Half)))
            }
            // A lie: accepted, and no phone ever sees it unless it was taken.
            Fate::Answer(answer) if answer.status == 200 && answer.body.is_none() => {
                Ok(self.answer(&arrived, false))
            }
            Fate::Answer(answer) => {
                let status = u16::try_from(answer.status).unwrap_or(500);
                let refusal = Refusal::of_code(status, &answer.reason);
                self.note(&arrived, status, refusal.reason(), "");
                Ok(told(&answer, status, refusal.with_status(status).body()))
            }
            Fate::Lost(broken) => Err(broken),
        }
    }

    fn meet(&self, service: FaultService, token: &str, phone_id: &str, body: &[u8]) -> Option<Met> {
        let world = World::Unspecified;
        let candidate = Candidate { service, token, phone_id, world, body, wish: None };
        self.hub().faults().meet(&candidate)
    }

    async fn fate(&self, met: Option<Met>) -> Fate {
        let Some(met) = met else { return Fate::Right };
        match met.action {
            Action::Answer(answer) => Fate::Answer(Box::new(answer)),
            Action::Hold(_) => {
                let mut released = met.released;
                let held = Held::new(&self.place.hub, met.id);
                released.wait_for(|released| *released).await.ok();
                drop(held);
                Fate::Right
            }
            Action::Stall(_) => std::future::pending().await,
            Action::Reset(asked) => {
                Fate::Lost(Broken::Reset(h2::Error::from(h2::Reason::from(asked.code))))
            }
            Action::GoAway(_) => {
                self.going.cancel();
                Fate::Right
            }
            Action::Cut(cut) if cut.half_answered => Fate::Half,
            Action::Cut(_) => {
                self.cut.cancel();
                std::future::pending().await
            }
        }
    }

    fn take(&self, arrived: &Arrived, taken: &Taken) {
        let Some(entry) = taken.entry.as_ref().filter(|_| !taken.message.validate_only) else {
            return;
        };
        self.hub().google.record().take(arrived.number);
        let Some(phone) = self.hub().phone(&entry.phone_id) else { return };
        let id = taken.name.rsplit('/').next().unwrap_or_default().to_owned();
        phone.deliver_message(Parcel { id, sent_at: self.now(), message: taken.message.clone() });
    }

    fn answer(&self, arrived: &Arrived, is_half: bool) -> Response<Body> {
        match &arrived.verdict {
            Ok(taken) => {
                self.note(arrived, 200, "", &taken.name);
                respond(200, json!({"name": taken.name}).to_string(), is_half)
            }
            Err(refusal) => {
                self.note(arrived, refusal.status, refusal.reason(), "");
                refuse(refusal)
            }
        }
    }

    fn note(&self, arrived: &Arrived, status: u16, reason: &str, name: &str) {
        let answered = Answered { status, reason, name };
        self.hub().google.record().answer(arrived.number, &answered, self.now());
        self.hub().changed();
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get("authorization")?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// As FCM names messages: for Android, for topics, and those that are only checked.
fn message_id(message: &Message, now: Time) -> String {
    let random = Uuid::new_v4().as_u64_pair().0;
    match message.target {
        _ if message.validate_only => "fake_message_id".to_owned(),
        Target::Registration { .. } => format!("0:{}%{random:016x}", now.0.saturating_mul(1_000)),
        Target::Topics => (random >> 1).to_string(),
    }
}
