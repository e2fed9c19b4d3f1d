//! Broadcast channels of Apple's: what is wanted of each, and what becomes of it as Apple answers.
//! <https://developer.apple.com/documentation/usernotifications/sending-channel-management-requests-to-apns>
//!
//! Invariants: a channel that Apple has given us always has a row until Apple has deleted it; where an answer was lost,
//! that is noted, and Apple's own list is looked at. What was not certainly made by us is never deleted unasked.

use super::channel_survey::Survey;
use super::ids::{AppId, ChannelId, WorkspaceId};
use super::outcome::Class;
use super::push::Environment;
use super::reasons::{CHANNEL_GONE, channels};
use super::retry;
use crate::clock::Time;
use std::time::Duration;

/// How many channels Apple allows an app in one of its worlds.
pub const CHANNELS_MAX: u64 = 10_000;
/// How often Apple is asked to create a channel before it is given up.
pub const CREATE_ATTEMPTS_MAX: i32 = 5;
/// Retries of channels are few and need no spreading: each waits just as long as planned.
const MIDDLE: u16 = 500;

/// A broadcast channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Ours.
    pub id: ChannelId,
    /// The tenant.
    pub workspace: WorkspaceId,
    /// The app.
    pub app: AppId,
    /// The app as Apple knows it; it never changes.
    pub bundle_id: String,
    /// The world.
    pub environment: Environment,
    /// What Apple keeps; it never changes.
    pub policy: StoragePolicy,
    /// How far it is.
    pub state: State,
    /// Apple's id, once Apple has given one.
    pub apple_id: Option<String>,
    /// Why it is not as wanted.
    pub problem: Option<Problem>,
    /// How often Apple was asked for what is wanted.
    pub attempts: i32,
    /// How many questions may have made a channel of which nothing is known: Apple's answer was lost.
    pub doubts: i32,
    /// When Apple is to be asked; none where nothing is wanted.
    pub due_at: Option<Time>,
    /// Counts who took it upon itself to ask.
    pub claim: i64,
    /// Somebody is asking, and nobody else does until then.
    pub claimed_until: Option<Time>,
    /// When it was asked for, or found.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// What Apple keeps for devices that are offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoragePolicy {
    /// Nothing.
    NoStorage,
    /// The newest message, for up to eight hours.
    MostRecent,
}

/// How far a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Apple is to create it.
    Creating,
    /// Apple has it.
    Active,
    /// Apple is to delete it.
    Deleting,
    /// Apple does not have it, and is not asked any more.
    Failed,
    /// Apple has it, and nothing here says who created it.
    Found,
}

/// Why a channel is not as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Apple's word, or ours.
    pub reason: String,
    /// What kind of reason it is.
    pub class: Class,
}

/// What Apple is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// To create a channel.
    Create(StoragePolicy),
    /// What a channel is.
    Read(String),
    /// To delete a channel.
    Delete(String),
    /// Which channels the app has.
    List,
}

/// Why Apple did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Apple's word, or ours.
    pub reason: String,
    /// What kind of reason it is.
    pub class: Class,
    /// Apple may have done it: no answer came.
    pub is_doubtful: bool,
    /// How long Apple wants to be left alone, where it said so.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// The channel is not there (any more).
    pub fn says_that_there_is_none(&self) -> bool {
        self.reason == channels::NOT_REGISTERED
    }

    fn may_pass(&self) -> bool {
        matches!(self.class, Class::Retry | Class::ProviderToken | Class::Connection)
    }

    fn next(&self, attempts: i32, now: Time) -> Time {
        let planned = retry::at(MIDDLE, attempts, now);
        self.retry_after.map_or(planned, |rest| planned.max(now + rest))
    }
}

impl Channel {
    /// One that Apple is to be asked for, or that it was found to have.
    pub fn new(of: Survey, policy: StoragePolicy, apple_id: Option<String>, now: Time) -> Self {
        let state = if apple_id.is_some() { State::Found } else { State::Creating };
        Channel {
            id: ChannelId::generate(),
            workspace: of.workspace,
            app: of.app,
            bundle_id: of.bundle_id,
            environment: of.environment,
            policy,
            state,
            apple_id,
            problem: None,
            attempts: 0,
            doubts: 0,
            due_at: (state == State::Creating).then_some(now),
            claim: 0,
            claimed_until: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Something is wanted of Apple.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, State::Creating | State::Deleting)
    }

    /// Pushes may go by it.
    pub fn is_usable(&self) -> bool {
        matches!(self.state, State::Active | State::Found)
    }

    /// What Apple is to be asked; nothing where it never answered with a channel that could be deleted.
    pub fn errand(&self) -> Option<Errand> {
        match self.state {
            State::Creating => Some(Errand::Create(self.policy)),
            State::Deleting => self.apple_id.clone().map(Errand::Delete),
            State::Active | State::Failed | State::Found => None,
        }
    }

    /// Somebody asks Apple now, and has so long for it. That a channel may be made is noted before it is.
    pub fn claimed(mut self, now: Time, span: Duration) -> Self {
        self.claim += 1;
        self.attempts += 1;
        self.doubts += i32::from(self.state == State::Creating);
        self.claimed_until = Some(now + span);
        self.due_at = self.claimed_until;
        self
    }

    /// Apple's answer to the wish for a channel. Whoever has wished it away meanwhile gets that, too.
    pub fn created(mut self, answer: Result<String, Refusal>, now: Time) -> Self {
        self.claimed_until = None;
        self.updated_at = now;
        match answer {
            Ok(apple_id) => {
                self.doubts -= 1;
                self.apple_id = Some(apple_id);
                self.problem = None;
                self.attempts = 0;
                let is_unwanted = self.state == State::Deleting;
                self.state = if is_unwanted { State::Deleting } else { State::Active };
                self.due_at = is_unwanted.then_some(now);
            }
            Err(refusal) => {
                self.doubts -= i32::from(!refusal.is_doubtful);
                let goes_on = refusal.may_pass() && self.attempts < CREATE_ATTEMPTS_MAX;
                self.due_at = match self.state {
                    State::Deleting => Some(now),
                    _ if goes_on => Some(refusal.next(self.attempts, now)),
                    _ => {
                        self.state = State::Failed;
                        None
                    }
                };
                self.problem = Some(Problem { reason: refusal.reason, class: refusal.class });
            }
        }
        self
    }

    /// Apple's answer to the wish to be rid of it: gone, or asked again, for it costs a place until it is.
    pub fn deleted(mut self, answer: Result<(), Refusal>, now: Time) -> Option<Self> {
        let refusal = answer.err().filter(|refusal| !refusal.says_that_there_is_none())?;
        self.claimed_until = None;
        self.updated_at = now;
        self.due_at = Some(refusal.next(self.attempts, now));
        self.problem = Some(Problem { reason: refusal.reason, class: refusal.class });
        Some(self)
    }

    /// It is wanted no more: gone at once where Apple never heard of it, or has it no more.
    pub fn unwanted(mut self, now: Time) -> Option<Self> {
        let was_never_asked_for = self.state == State::Creating && self.claim == 0;
        if was_never_asked_for || self.state == State::Failed {
            return None;
        }
        if self.state != State::Deleting {
            self.state = State::Deleting;
            self.attempts = 0;
        }
        // Who is asking Apple for it at the moment is waited for: the answer says what to delete.
        self.due_at = Some(self.claimed_until.map_or(now, |until| until.max(now)));
        self.problem = None;
        self.updated_at = now;
        Some(self)
    }

    /// Apple's list is without it: somebody else deleted it.
    pub fn gone(mut self, now: Time) -> Self {
        self.state = State::Failed;
        let (reason, class) = (CHANNEL_GONE.to_owned(), Class::Configuration);
        self.problem = Some(Problem { reason, class });
        self.updated_at = now;
        self
    }

    /// A second one that Apple made, because an answer came too late: it is ours, and nobody wants it.
    pub fn surplus(of: &Channel, apple_id: String, now: Time) -> Self {
        let survey = Survey::of(of, now);
        let found = Channel::new(survey, of.policy, Some(apple_id), now);
        Channel { state: State::Deleting, due_at: Some(now), ..found }
    }
}

#[cfg(test)]
mod tests;
