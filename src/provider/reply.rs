//! The debt of one answer.
//!
//! May import `clock`, the reasons and the provider's types. Every push is answered exactly once, even where its task
//! dies.

use super::{Answer, Outcome};
use crate::clock::{Clock, Time};
use crate::domain::reasons::{CONNECTION_LOST, SHUTTING_DOWN};
use tokio::sync::mpsc;

/// Owes one answer, and gives it when it is dropped.
pub(super) struct Reply {
    answers: mpsc::Sender<Answer>,
    clock: Clock,
    index: usize,
    sent_at: Option<Time>,
    outcome: Option<Outcome>,
}

impl Reply {
    pub(super) fn new(answers: mpsc::Sender<Answer>, clock: Clock, index: usize) -> Self {
        Reply { answers, clock, index, sent_at: None, outcome: None }
    }

    /// The push is on the wire: from now on nobody can say that it was not taken.
    pub(super) fn sent(&mut self, at: Time) {
        self.sent_at = Some(at);
    }

    pub(super) fn give(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

/// Answers every push with the same reason why it was not sent.
pub(super) fn refuse<P>(replies: Vec<(Reply, P)>, reason: &'static str) {
    for (reply, _) in replies {
        reply.give(Outcome::NotSent { reason });
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let answered_at = self.clock.now();
        let outcome = self.outcome.take().unwrap_or(match self.sent_at {
            Some(_) => Outcome::Unknown { reason: CONNECTION_LOST },
            None => Outcome::NotSent { reason: SHUTTING_DOWN },
        });
        let sent_at = self.sent_at.unwrap_or(answered_at);
        // There is room for every answer of the batch; who dropped the receiver does not want it.
        let _ = self.answers.try_send(Answer { index: self.index, outcome, sent_at, answered_at });
    }
}
