//! The access token of one service account: what proves to Google that a push is ours.
//!
//! May import `grant`. One request for a token is under way at a time, whoever waits for it; it goes on when they give
//! up. A token is replaced ahead of its end and used until then, so that no push waits where all goes well. After a
//! refusal the endpoint is left alone for longer and longer.

use super::grant::{Denied, Endpoint, Granted, Signer};
use crate::domain::reasons::{ACCESS_FAILED, ACCESS_REFUSED};
use http::HeaderValue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// So long before its end a token is replaced, but never before half of its life.
const REPLACE_BEFORE_END: Duration = Duration::from_mins(5);

/// A token that Google calls bad is replaced, but no more often than this: another one may be no better.
const REPLACE_EVERY: Duration = Duration::from_mins(1);

/// The first pause after a failure that passes, and the longest; each is twice the one before.
const FAILED_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// The same after a refusal, which someone has to mend.
const REFUSED_PAUSES: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(10));

/// Pauses do not double more often.
const DOUBLINGS_MAX: u32 = 16;

/// The access token of one service account.
pub(super) struct Access {
    signer: Signer,
    endpoint: Endpoint,
    state: Mutex<State>,
    changed: Notify,
}

/// A token, and which one it is.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) authorization: HeaderValue,
    number: u64,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    number: u64,
    fetching: bool,
    failures: u32,
    failure: Option<(Instant, &'static str)>,
    replaced_at: Option<Instant>,
}

struct Token {
    bearer: Bearer,
    replace_at: Instant,
    ends_at: Instant,
}

/// A request for a token. It is accounted for even where it dies.
struct Fetch {
    access: Arc<Access>,
    began_at: Instant,
    done: Option<Result<Granted, Denied>>,
}

enum Look {
    Found(Bearer),
    Failed(&'static str),
    Wait,
}

impl Access {
    pub(super) fn new(signer: Signer, endpoint: Endpoint) -> Arc<Access> {
        let (state, changed) = (Mutex::default(), Notify::new());
        Arc::new(Access { signer, endpoint, state, changed })
    }

    /// A token that is good now. An error says why there is none by the deadline.
    pub(super) async fn bearer(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> Result<Bearer, &'static str> {
        loop {
            let changed = self.changed.notified();
            match self.look() {
                Look::Found(bearer) => return Ok(bearer),
                Look::Failed(reason) => return Err(reason),
                Look::Wait => {}
            }
            if timeout_at(deadline, changed).await.is_err() {
                return Err(ACCESS_FAILED);
            }
        }
    }

    /// Google called this token bad. Says whether there may be a better one to try.
    pub(super) fn replace(&self, refused: &Bearer) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        match &state.token {
            Some(token) if token.bearer.number == refused.number => {
                let lately = state.replaced_at.is_some_and(|at| now - at < REPLACE_EVERY);
                if !lately {
                    (state.token, state.replaced_at) = (None, Some(now));
                }
                !lately
            }
            _ => true,
        }
    }

    fn look(self: &Arc<Self>) -> Look {
        let now = Instant::now();
        let mut state = self.lock();
        let found = state.token.as_ref().filter(|token| token.ends_at > now);
        let wanted = found.is_none_or(|token| token.replace_at <= now);
        let found = found.map(|token| token.bearer.clone());
        let failure = state.failure.filter(|(until, _)| *until > now);
        if wanted && !state.fetching && failure.is_none() {
            state.fetching = true;
            let fetch = Fetch { access: self.clone(), began_at: now, done: None };
            tokio::spawn(fetch.run());
        }
        match (found, failure) {
            (Some(bearer), _) => Look::Found(bearer),
            (None, Some((_, reason))) => Look::Failed(reason),
            (None, None) => Look::Wait,
        }
    }

    fn finish(&self, began_at: Instant, done: Result<Granted, Denied>) {
        let mut state = self.lock();
        state.fetching = false;
        match done {
            Ok(granted) => state.keep(granted, began_at),
            Err(denied) => self.fail(&mut state, &denied),
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn fail(&self, state: &mut State, denied: &Denied) {
        let (reason, (first, longest), cause) = match denied {
            Denied::Refused(cause) => (ACCESS_REFUSED, REFUSED_PAUSES, cause),
            Denied::Failed(cause) => (ACCESS_FAILED, FAILED_PAUSES, cause),
        };
        let pause = (first * 2_u32.pow(state.failures.min(DOUBLINGS_MAX))).min(longest);
        state.failures += 1;
        state.failure = Some((Instant::now() + pause, reason));
        let inspected = self.signer.inspected();
        tracing::warn!(
            project_id = inspected.project_id,
            client_email = inspected.client_email,
            reason,
            cause,
            pause_s = pause.as_secs(),
            "Google gave no access token."
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, granted: Granted, began_at: Instant) {
        let Granted { authorization, life } = granted;
        self.number += 1;
        (self.failures, self.failure) = (0, None);
        self.token = Some(Token {
            bearer: Bearer { authorization, number: self.number },
            replace_at: began_at + life - REPLACE_BEFORE_END.min(life / 2),
            ends_at: began_at + life,
        });
    }
}

impl Fetch {
    async fn run(mut self) {
        let granted = self.access.endpoint.grant(&self.access.signer).await;
        self.done = Some(granted);
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        let done = self.done.take();
        let done = done.unwrap_or_else(|| Err(Denied::Failed("it was broken off".into())));
        self.access.finish(self.began_at, done);
    }
}
