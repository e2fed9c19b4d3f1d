//! Apple's management of broadcast channels: one question, one answer.
//! <https://developer.apple.com/documentation/usernotifications/sending-channel-management-requests-to-apns>
//!
//! May import the rest of this folder and the rules of channels. Nothing is asked twice here; whether Apple may have
//! done what nobody answered is part of the refusal.

use super::config::{Door, Endpoint};
use super::connection::{Connection, Reply};
use super::pool::NoRoom;
use super::sending::TOO_MANY_UPDATES;
use super::token::{ProviderToken, signer_id};
use super::{Apns, response};
use crate::domain::channel::{Errand, Refusal, StoragePolicy};
use crate::domain::provider_token;
use crate::domain::push::Environment;
use crate::domain::reasons::{
    CHANNEL_ANSWER_UNREADABLE, NO_REASON, PROVIDER_TOKENS_PAUSED, SHUTTING_DOWN, channels,
    own_class,
};
use crate::provider::{Class, Credential, Outcome, Rejection};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

/// The most of an answer that is read: 10,000 ids have about 300 KB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest id that is taken from Apple, who promises no length.
const CHANNEL_ID_BYTES_MAX: usize = 256;
const CHANNEL_ID: &str = "apns-channel-id";
const REQUEST_ID: &str = "apns-request-id";
/// The only push type that channels have.
const PUSH_TYPE: &str = "LiveActivity";

/// One question about the channels of an app.
#[derive(Debug)]
pub struct ChannelCall {
    /// The world.
    pub environment: Environment,
    /// The app's bundle id.
    pub bundle_id: String,
    /// Who asks.
    pub credential: Arc<Credential>,
    /// What it has signed.
    pub token: Arc<ProviderToken>,
    /// What is asked.
    pub errand: Errand,
}

/// What Apple did, or knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A channel of that id was created.
    Created(String),
    /// The channel is kept by that policy.
    Described(StoragePolicy),
    /// The channel is deleted.
    Deleted,
    /// The app has these channels.
    Listed(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    message_storage_policy: u8,
    push_type: String,
}

#[derive(Deserialize)]
struct Listed {
    channels: Vec<String>,
}

impl Apns {
    /// Asks Apple about channels, and waits for the answer within the two timeouts.
    pub async fn ask(&self, call: &ChannelCall) -> Result<Done, Refusal> {
        if self.shared.pushes.is_closed() {
            return Err(ours(SHUTTING_DOWN));
        }
        self.shared.pushes.track_future(self.ask_once(call)).await
    }

    async fn ask_once(&self, call: &ChannelCall) -> Result<Done, Refusal> {
        let config = &self.shared.config;
        let key = (Door::Manage, call.environment, signer_id(&call.credential));
        let pool = self.pool(key, &call.token).map_err(ours)?;
        let deadline = Instant::now() + config.connect_timeout();
        loop {
            let slot = pool.slot(deadline).await.map_err(without_room)?;
            let token = pool.token();
            let (head, body) = request(pool.endpoint(), call, token.header())
                .ok_or_else(|| ours(CHANNEL_ANSWER_UNREADABLE))?;
            let Some(exchange) = slot.connection.write(head, body).await else { continue };
            let reply = exchange.reply(config.request_timeout(), ANSWER_BYTES_MAX).await;
            let answer = reply
                .map_err(|outcome| unanswered(&outcome))
                .and_then(|reply| read(&call.errand, &reply));
            if let Err(refusal) = &answer {
                self.learn(&slot.connection, &token, refusal);
            }
            return answer;
        }
    }

    /// A connection on which Apple refused a key is not used again: questions are few, and connections cheap.
    fn learn(&self, connection: &Connection, token: &ProviderToken, refusal: &Refusal) {
        match refusal.class {
            Class::ProviderToken => {
                connection.retire();
                if !provider_token::is_fresh(token.minted_at(), self.shared.clock.now()) {
                    token.refuse();
                }
            }
            Class::Connection | Class::Configuration => connection.retire(),
            Class::Retry if refusal.reason == TOO_MANY_UPDATES => connection.park(),
            _ => {}
        }
    }
}

fn request(
    endpoint: &Endpoint,
    call: &ChannelCall,
    authorization: HeaderValue,
) -> Option<(Request<()>, Bytes)> {
    let (method, path, channel_id, body) = match &call.errand {
        Errand::Create(policy) => {
            let config =
                Config { message_storage_policy: number(*policy), push_type: PUSH_TYPE.to_owned() };
            (Method::POST, "channels", None, serde_json::to_vec(&config).ok()?)
        }
        Errand::Read(id) => (Method::GET, "channels", Some(id), Vec::new()),
        Errand::Delete(id) => (Method::DELETE, "channels", Some(id), Vec::new()),
        Errand::List => (Method::GET, "all-channels", None, Vec::new()),
    };
    let mut request_id = HeaderValue::from_str(&Uuid::new_v4().hyphenated().to_string()).ok()?;
    request_id.set_sensitive(true);
    let uri = format!("https://{}/1/apps/{}/{path}", endpoint.authority, call.bundle_id);
    let mut head = Request::builder()
        .method(method)
        .version(Version::HTTP_2)
        .uri(uri)
        .header(AUTHORIZATION, authorization)
        .header(REQUEST_ID, request_id);
    if let Some(id) = channel_id {
        let mut id = HeaderValue::from_str(id).ok()?;
        id.set_sensitive(true);
        head = head.header(CHANNEL_ID, id);
    }
    if !body.is_empty() {
        head = head.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Some((head.body(()).ok()?, body.into()))
}

/// What an answer says, to that question.
fn read(errand: &Errand, reply: &Reply) -> Result<Done, Refusal> {
    let body = reply.body.as_deref().unwrap_or_default();
    let done = match (errand, reply.status) {
        (Errand::Create(_), 200 | 201) => channel_id(&reply.headers).map(Done::Created),
        (Errand::Read(_), 200) => serde_json::from_slice::<Config>(body)
            .ok()
            .and_then(|config| policy(config.message_storage_policy))
            .map(Done::Described),
        (Errand::Delete(_), 200 | 204) => Some(Done::Deleted),
        (Errand::List, 200) => serde_json::from_slice::<Listed>(body)
            .ok()
            .map(|listed| listed.channels)
            .filter(|ids| ids.iter().all(|id| is_an_id(id)))
            .map(Done::Listed),
        (_, status) => return Err(refusal(status, &reply.headers, body)),
    };
    // Apple has done it, but does not say what.
    done.ok_or_else(|| Refusal { is_doubtful: true, ..ours(CHANNEL_ANSWER_UNREADABLE) })
}

fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> Refusal {
    let Outcome::Rejected(Rejection { reason, class, retry_after, .. }) =
        response::outcome(status, headers, body)
    else {
        return Refusal { is_doubtful: true, ..ours(CHANNEL_ANSWER_UNREADABLE) };
    };
    // A success that answers another question, or a proxy's page: whether Apple did something is not known.
    let is_doubtful = reason == NO_REASON && !(400..500).contains(&status);
    let class = channels::find(status, &reason).map_or(class, |row| row.class);
    Refusal { reason, class, is_doubtful, retry_after }
}

fn unanswered(outcome: &Outcome) -> Refusal {
    match outcome {
        Outcome::Unknown { reason } => Refusal { is_doubtful: true, ..ours(reason) },
        Outcome::NotSent { reason } => ours(reason),
        Outcome::Accepted { .. } | Outcome::Rejected(_) | Outcome::Postponed { .. } => {
            Refusal { is_doubtful: true, ..ours(CHANNEL_ANSWER_UNREADABLE) }
        }
    }
}

fn without_room(why: NoRoom) -> Refusal {
    match why {
        NoRoom::Failed(reason) => ours(reason),
        NoRoom::Parked(rest) => Refusal { retry_after: Some(rest), ..ours(PROVIDER_TOKENS_PAUSED) },
    }
}

/// Apple was not asked, for a reason of ours.
fn ours(reason: &'static str) -> Refusal {
    let class = own_class(reason);
    Refusal { reason: reason.to_owned(), class, is_doubtful: false, retry_after: None }
}

fn channel_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(CHANNEL_ID)?.to_str().ok()?;
    is_an_id(id).then(|| id.to_owned())
}

fn is_an_id(id: &str) -> bool {
    (1..=CHANNEL_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn number(policy: StoragePolicy) -> u8 {
    match policy {
        StoragePolicy::NoStorage => 0,
        StoragePolicy::MostRecent => 1,
    }
}

fn policy(number: u8) -> Option<StoragePolicy> {
    match number {
        0 => Some(StoragePolicy::NoStorage),
        1 => Some(StoragePolicy::MostRecent),
        _ => None,
    }
}
