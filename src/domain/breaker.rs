//! When a credential is left alone: after refusals in a row that say that it is wrong, when the provider cannot be
//! reached, and when most of its tokens are refused as if they were of the other world.
//!
//! May import `outcome` and the reasons. Pure: a breaker is told what was answered, and asked how much may be sent. One
//! push tries whether things are well again; who was not sent to has lost no try.

use super::outcome::{Class, Outcome};
use super::reasons::{CONNECT_FAILED, CONNECT_TIMEOUT, TLS_FAILED, WRONG_ENVIRONMENT};
use crate::clock::Time;
use std::time::Duration;

/// So many refusals in a row, with nothing good between them, open a breaker.
pub const FAILURES_MAX: u32 = 5;
/// How long a credential is left alone before one push tries it; the last one repeats.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
    Duration::from_mins(1),
];
/// A try without an answer is followed by another one after this: its claim may be lost.
const TRY_MAX: Duration = Duration::from_secs(30);
/// Refusals of tokens are counted for so long.
const BURST_WINDOW: Duration = Duration::from_mins(1);
/// Of the last so many answers of that time…
const BURST_OF: u32 = 40;
/// … this many refuse the token in a burst.
pub const BURST_MIN: u32 = 20;

const _: () = assert!(BURST_MIN <= BURST_OF && BURST_OF < u64::BITS);

/// What an answer says about the credential that it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sign {
    /// All is well.
    Good,
    /// The credential is refused, in the provider's word.
    Refused(String),
    /// There is no way to the provider.
    Unreachable(&'static str),
    /// The token does not fit to world and app.
    Foreign,
    /// Nothing.
    Nothing,
}

/// How much may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Anything.
    Open,
    /// One push, which tries whether things are well again.
    Try,
    /// Nothing before this time.
    Shut(Time),
}

/// What an answer has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing is sent until a try goes well, for this reason.
    Failing(String),
    /// There is no way to the provider, for this reason; that is not the credential's fault.
    Unreachable(&'static str),
    /// All is well again.
    Recovered,
}

/// What is known of one credential in one world.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    state: State,
    /// Refusals since the last good answer.
    failures: u32,
    /// How often it was shut since all was well.
    pauses: usize,
    /// The callers were told that the credential fails.
    told: bool,
    burst: Burst,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// Until then; what was under way is answered meanwhile, and says nothing new.
    Shut(Time),
    /// One push is on its way; if it is lost, another one follows at that time.
    Trying(Time),
}

/// The last answers of the window, a bit for each that refuses the token.
#[derive(Clone, Copy, Debug, Default)]
struct Burst {
    since: Time,
    last: u64,
}

impl Sign {
    /// What an outcome says.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted { .. } => Sign::Good,
            Outcome::Rejected(rejection) => match rejection.class {
                Class::Configuration if rejection.status == 403 => {
                    Sign::Refused(rejection.reason.clone())
                }
                Class::Token if rejection.is_about_a_dead_token() => Sign::Good,
                Class::Token => Sign::Foreign,
                _ => Sign::Nothing,
            },
            Outcome::NotSent { reason } if is_unreachable(reason) => Sign::Unreachable(reason),
            _ => Sign::Nothing,
        }
    }
}

fn is_unreachable(reason: &str) -> bool {
    [CONNECT_FAILED, CONNECT_TIMEOUT, TLS_FAILED].contains(&reason)
}

impl Breaker {
    /// One of a credential of which nothing is known but whether it failed before this process.
    pub fn new(was_failing: bool) -> Self {
        Breaker { told: was_failing, ..Breaker::default() }
    }

    /// Nothing is sent at the moment but tries.
    pub fn is_shut(&self) -> bool {
        self.state != State::Open
    }

    /// How much may be sent now. Who is told to try should do so; where that comes to nothing, the next one is told.
    pub fn ask(&mut self, now: Time) -> Gate {
        match self.state {
            State::Open => Gate::Open,
            State::Shut(until) | State::Trying(until) if until > now => Gate::Shut(until),
            State::Shut(_) | State::Trying(_) => {
                self.state = State::Trying(now + TRY_MAX);
                Gate::Try
            }
        }
    }

    /// Takes note of what an answer says.
    pub fn hear(&mut self, sign: &Sign, now: Time) -> Option<Turn> {
        match sign {
            Sign::Nothing => None,
            Sign::Good => self.take_heart(now),
            Sign::Refused(reason) => {
                let is_shut = self.fail(now);
                let is_news = is_shut && !self.told;
                self.told |= is_shut;
                is_news.then(|| Turn::Failing(reason.clone()))
            }
            Sign::Unreachable(reason) => {
                let was_open = self.state == State::Open;
                (self.fail(now) && was_open).then_some(Turn::Unreachable(reason))
            }
            Sign::Foreign => {
                let is_burst = self.burst.count(true, now);
                if self.state == State::Open && !is_burst {
                    return None;
                }
                self.failures = FAILURES_MAX;
                self.hear(&Sign::Refused(WRONG_ENVIRONMENT.to_owned()), now)
            }
        }
    }

    fn take_heart(&mut self, now: Time) -> Option<Turn> {
        self.burst.count(false, now);
        if matches!(self.state, State::Shut(_)) {
            return None;
        }
        (self.failures, self.pauses) = (0, 0);
        if self.state != State::Open {
            (self.state, self.burst) = (State::Open, Burst::default());
        }
        std::mem::take(&mut self.told).then_some(Turn::Recovered)
    }

    /// Counts a refusal, and says whether nothing is sent any more because of it.
    fn fail(&mut self, now: Time) -> bool {
        self.failures = self.failures.saturating_add(1);
        let shuts = match self.state {
            State::Open => self.failures >= FAILURES_MAX,
            State::Shut(_) => false,
            State::Trying(_) => true,
        };
        if shuts {
            let pause = PAUSES.get(self.pauses).or(PAUSES.last()).copied().unwrap_or_default();
            self.pauses += 1;
            self.state = State::Shut(now + pause);
        }
        shuts
    }
}

impl Burst {
    /// Counts an answer, and says whether so many were foreign that it cannot be the tokens.
    fn count(&mut self, is_foreign: bool, now: Time) -> bool {
        if now.since(self.since) >= BURST_WINDOW {
            *self = Burst { since: now, last: 0 };
        }
        self.last = (self.last << 1 | u64::from(is_foreign)) & ((1 << BURST_OF) - 1);
        self.last.count_ones() >= BURST_MIN
    }
}

#[cfg(test)]
mod tests;
