//! One connection to APNs: its streams, its provider tokens, its faults.
//!
//! May import `clock`, `proto` and the rest of `simulator`. One stream until a request with a valid provider token
//! succeeded, then as many as configured. Every request that is read gets a record.

mod orders;

use super::super::Config;
use super::super::fault::{Candidate, Held, Met};
use super::super::hub::Hub;
use super::super::{phone, stamp};
use super::account::{ProviderToken, ProviderTokenScope};
use super::order::{BROADCAST_BYTES_MAX, Door, Order, Success, Wish};
use super::reason::Refusal;
use super::record::digest;
use super::registry::{Entry, Use};
use super::request::{self, PAYLOAD_BYTES_MAX};
use super::wire::{self, Wire};
use crate::clock::Time;
use crate::proto::simulator_v1::fault::Action;
use crate::proto::simulator_v1::{FaultService, Push, World};
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::request::Parts;
use http::{HeaderMap, Response};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Streams before the first success.
const STREAMS_AT_FIRST: u32 = 1;
/// Bytes of a body that are read: enough to see that it is too large.
const BODY_BYTES_READ: usize = 2 * BROADCAST_BYTES_MAX;
/// How long the last frames may take.
const LINGER: Duration = Duration::from_secs(1);
const HEADER_BYTES_MAX: u32 = 16 * 1024;

/// Where a connection belongs.
pub(super) struct Place {
    pub(super) hub: Arc<Hub>,
    pub(super) world: World,
    pub(super) door: Door,
    pub(super) number: i64,
}

struct Connection {
    place: Place,
    wire: Wire,
    trusted: AtomicBool,
    open: AtomicUsize,
    provider: Mutex<Option<Provider>>,
    /// The connection is over.
    cut: CancellationToken,
}

/// The provider token that a connection used last.
struct Provider {
    header: String,
    token: ProviderToken,
    since: Time,
}

/// A request that was read and judged.
struct Arrived {
    log: Log,
    number: i64,
    id: String,
    body: Bytes,
    verdict: Result<Taken, Refusal>,
    success: Success,
}

/// Where a request is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    Pushes,
    Broadcasts,
    Nowhere,
}

enum Taken {
    Push { request: request::Request, entry: Entry },
    Order(Order),
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    place: Place,
) -> Result<(), h2::Error> {
    let streams = place.hub.config.streams_max;
    let shutdown = place.hub.shutdown.clone();
    let cut = CancellationToken::new();
    let (inner, wire, carry) = wire::interpose(stream, STREAMS_AT_FIRST);
    let connection = Arc::new(Connection {
        place,
        wire,
        trusted: AtomicBool::new(false),
        open: AtomicUsize::new(0),
        provider: Mutex::new(None),
        cut: cut.clone(),
    });
    let handling = async {
        let mut peer = h2::server::Builder::new()
            .max_concurrent_streams(streams)
            .max_header_list_size(HEADER_BYTES_MAX)
            .handshake::<_, Bytes>(inner)
            .await?;
        let mut tasks = tokio::task::JoinSet::new();
        while let Some(request) = peer.accept().await {
            let (request, mut respond) = request?;
            while tasks.try_join_next().is_some() {}
            let open = connection.open.fetch_add(1, Ordering::AcqRel);
            if open > 0 && !connection.trusted.load(Ordering::Acquire) {
                connection.open.fetch_sub(1, Ordering::AcqRel);
                respond.send_reset(h2::Reason::REFUSED_STREAM);
                continue;
            }
            let connection = Arc::clone(&connection);
            tasks.spawn(async move { connection.handle(request, respond).await });
        }
        Ok(())
    };
    tokio::pin!(carry);
    let ended = tokio::select! {
        ended = handling => ended,
        _ = &mut carry => return Ok(()),
        () = shutdown.cancelled() => return Ok(()),
        () = cut.cancelled() => return Ok(()),
    };
    // `h2` is gone, but what it said last, such as a GOAWAY, is still on its way.
    tokio::time::timeout(LINGER, carry).await.ok();
    ended
}

impl Connection {
    async fn handle(&self, request: http::Request<RecvStream>, respond: SendResponse<Bytes>) {
        let (parts, body) = request.into_parts();
        let Some(body) = read(body).await else {
            self.open.fetch_sub(1, Ordering::AcqRel);
            return;
        };
        let arrived = if self.place.door.is_about_channels(parts.uri.path()) {
            self.judge_order(&parts, body)
        } else {
            self.judge(&parts, body)
        };
        match self.meet(&arrived) {
            Some(met) => self.go_wrong(arrived, met, respond).await,
            None => self.go_right(arrived, respond),
        }
    }

    fn hub(&self) -> &Hub {
        &self.place.hub
    }

    fn judge(&self, parts: &Parts, body: Bytes) -> Arrived {
        let now = self.hub().clock.now();
        let (id, _) = request::apns_id(&parts.headers);
        let verdict = self.verdict(parts, &body, now);
        let token = parts.uri.path().rsplit('/').next().unwrap_or_default();
        let phone_id = self.hub().registry().phone_of(token);
        let push = Push {
            world: self.place.world.into(),
            token: token.to_owned(),
            phone_id: phone_id.as_deref().unwrap_or_default().to_owned(),
            apns_id: id.clone(),
            topic: text(&parts.headers, "apns-topic"),
            push_type: text(&parts.headers, "apns-push-type"),
            priority: text(&parts.headers, "apns-priority").parse().unwrap_or(0),
            expiration: text(&parts.headers, "apns-expiration").parse().unwrap_or(-1),
            collapse_id: text(&parts.headers, "apns-collapse-id"),
            body: body.slice(..body.len().min(PAYLOAD_BYTES_MAX)).to_vec(),
            receive_time: Some(stamp(now)),
            connection: self.place.number,
            provider_token: digest(&text(&parts.headers, "authorization")),
            ..Push::default()
        };
        let number = self.hub().record().receive(push);
        Arrived { log: Log::Pushes, number, id, body, verdict, success: Success::default() }
    }

    fn verdict(&self, parts: &Parts, body: &Bytes, now: Time) -> Result<Taken, Refusal> {
        let request = request::check(parts)?;
        if !self.hub().account().allows(&request.bundle_id) {
            return Err(Refusal::new("TopicDisallowed"));
        }
        self.authorize(&parts.headers, now)?;
        let wanted = Use {
            world: self.place.world,
            bundle_id: &request.bundle_id,
            live_activity: request.live_activity,
            now,
        };
        let entry = self.hub().registry().judge(&request.token, &wanted)?;
        if body.is_empty() {
            return Err(Refusal::new("PayloadEmpty"));
        }
        if body.len() > PAYLOAD_BYTES_MAX {
            return Err(Refusal::new("PayloadTooLarge"));
        }
        Ok(Taken::Push { request, entry })
    }

    /// The provider token may change on a connection, but not often.
    fn authorize(&self, headers: &HeaderMap, now: Time) -> Result<(), Refusal> {
        let header = headers.get("authorization");
        let header = header.ok_or_else(|| Refusal::new("MissingProviderToken"))?;
        let header = header.to_str().map_err(|_| Refusal::new("InvalidProviderToken"))?;
        let mut account = self.hub().account();
        let mut provider = super::super::hub::lock(&self.provider);
        if let Some(known) = provider.as_ref().filter(|known| known.header == header) {
            return account.still_good(&known.token, now);
        }
        let token = account.judge(header, now)?;
        account.fits(&token, self.place.world)?;
        let Config { provider_token_interval: interval, provider_token_scope, .. } =
            self.hub().config;
        let too_often = provider.as_ref().is_some_and(|known| now.since(known.since) < interval)
            || provider_token_scope == ProviderTokenScope::Key
                && !account.note(&token, header, interval);
        if too_often {
            return Err(Refusal::new("TooManyProviderTokenUpdates"));
        }
        *provider = Some(Provider { header: header.to_owned(), token, since: now });
        Ok(())
    }

    fn meet(&self, arrived: &Arrived) -> Option<Met> {
        let taken = arrived.verdict.as_ref().ok()?;
        let (service, target, phone_id, wish) = match taken {
            Taken::Push { request, entry } => {
                (FaultService::Apns, request.token.as_str(), &*entry.phone_id, None)
            }
            Taken::Order(order) if order.wish == Wish::Publish => {
                (FaultService::Broadcasts, order.channel_id.as_str(), "", None)
            }
            Taken::Order(order) => {
                (FaultService::Channels, order.channel_id.as_str(), "", Some(order.word()))
            }
        };
        let (world, body) = (self.place.world, &arrived.body);
        let candidate = Candidate { service, token: target, phone_id, world, body, wish };
        let met = self.hub().faults().meet(&candidate)?;
        self.note_fault(arrived, met.id);
        Some(met)
    }

    fn go_right(&self, mut arrived: Arrived, respond: SendResponse<Bytes>) {
        self.take(&mut arrived);
        self.answer(&arrived, arrived.verdict.as_ref().err(), respond);
    }

    async fn go_wrong(&self, mut arrived: Arrived, met: Met, mut respond: SendResponse<Bytes>) {
        if met.take {
            self.take(&mut arrived);
        }
        self.hub().changed();
        match met.action {
            // A lie: accepted, and no phone ever sees it unless it was taken.
            Action::Answer(answer) if answer.status == 200 => self.answer(&arrived, None, respond),
            Action::Answer(answer) => {
                let since = answer.since.as_ref().map(super::super::time);
                let refusal = Refusal {
                    status: u16::try_from(answer.status).unwrap_or(500),
                    reason: answer.reason,
                    since: since.or(Some(self.hub().clock.now())),
                    retry_after: (answer.retry_after > 0).then_some(answer.retry_after),
                };
                self.answer(&arrived, Some(&refusal), respond);
            }
            Action::Hold(_) => {
                let held = Held::new(&self.place.hub, met.id);
                let mut released = met.released;
                let released = released.wait_for(|released| *released);
                let reset = std::future::poll_fn(|context| respond.poll_reset(context));
                let given_up = tokio::select! {
                    _ = released => false,
                    _ = reset => true,
                };
                drop(held);
                if given_up {
                    self.open.fetch_sub(1, Ordering::AcqRel);
                } else if met.take {
                    self.answer(&arrived, arrived.verdict.as_ref().err(), respond);
                } else {
                    self.go_right(arrived, respond);
                }
            }
            Action::Stall(_) => {
                std::future::poll_fn(|context| respond.poll_reset(context)).await.ok();
                self.open.fetch_sub(1, Ordering::AcqRel);
            }
            Action::Reset(reset) => {
                self.open.fetch_sub(1, Ordering::AcqRel);
                respond.send_reset(h2::Reason::from(reset.code));
            }
            Action::GoAway(go_away) => {
                let stream = u32::from(respond.stream_id());
                let last = if met.take { stream } else { stream.saturating_sub(2) };
                self.wire.go_away(last, &go_away.reason);
                std::future::poll_fn(|context| respond.poll_reset(context)).await.ok();
            }
            Action::Cut(_) => self.cut.cancel(),
        }
    }

    fn take(&self, arrived: &mut Arrived) {
        let (request, entry) = match &arrived.verdict {
            Err(_) => return,
            Ok(Taken::Push { request, entry }) => (request, entry),
            Ok(Taken::Order(order)) => {
                arrived.success = self.carry_out(order, arrived);
                return;
            }
        };
        self.hub().record().take(arrived.number);
        let Some(phone) = self.hub().phone(&entry.phone_id) else { return };
        phone.deliver(phone::Delivery {
            apns_id: arrived.id.clone(),
            expiration: request.expiration,
            kind: entry.kind.clone(),
            replaced: entry.replaced,
            is_alert: request.is_alert,
            body: arrived.body.clone(),
        });
    }

    fn answer(
        &self,
        arrived: &Arrived,
        refusal: Option<&Refusal>,
        mut respond: SendResponse<Bytes>,
    ) {
        let is_push = arrived.log == Log::Pushes;
        let name_of_id = if is_push { "apns-id" } else { "apns-request-id" };
        let now = self.hub().clock.now();
        let mut response = Response::builder()
            .header(name_of_id, &arrived.id)
            .header("date", httpdate::fmt_http_date(UNIX_EPOCH + now.since(Time(0))));
        let success = &arrived.success;
        let status = refusal.map_or(success.status, |refusal| refusal.status);
        let mut body = success.body.clone();
        if let Some(refusal) = refusal {
            body = refusal.body().into();
            response = response.header("content-type", "application/json");
            if let Some(seconds) = refusal.retry_after {
                response = response.header("retry-after", seconds);
            }
        } else {
            if let Some(channel_id) = &success.channel_id {
                response = response.header("apns-channel-id", channel_id);
            }
            if is_push && self.place.world == World::Sandbox {
                response = response.header("apns-unique-id", Uuid::new_v4().to_string());
            }
            if !self.trusted.swap(true, Ordering::AcqRel) {
                self.wire.allow_streams(self.hub().config.streams_max);
            }
        }
        let reason = refusal.map_or("", |refusal| refusal.reason.as_str());
        self.note_answer(arrived, status, reason);
        self.hub().changed();
        // The next request may come the moment the peer has this answer.
        self.open.fetch_sub(1, Ordering::AcqRel);
        let Ok(response) = response.status(status).body(()) else { return };
        let sent = respond.send_response(response, body.is_empty());
        if let (Ok(mut stream), false) = (sent, body.is_empty()) {
            stream.send_data(body, true).ok();
        }
    }
}

async fn read(mut stream: RecvStream) -> Option<Bytes> {
    let mut body = BytesMut::new();
    while body.len() <= BODY_BYTES_READ {
        let Some(chunk) = stream.data().await else { break };
        let chunk = chunk.ok()?;
        stream.flow_control().release_capacity(chunk.len()).ok()?;
        body.extend_from_slice(&chunk);
    }
    Some(body.freeze())
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
