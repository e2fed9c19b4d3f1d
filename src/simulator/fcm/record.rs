//! What FCM received and answered, the newest of it.
//!
//! May import `clock` and `proto`. Numbers rise by one and are never reused; only the newest records are kept.

use super::super::stamp;
use crate::clock::Time;
use crate::proto::simulator_v1::{FcmSend, ListFcmSendsRequest};
use std::collections::VecDeque;

/// How many messages one page has at most.
const PAGE_MAX: usize = 1_000;

/// The newest messages.
pub(crate) struct Record {
    sends: VecDeque<FcmSend>,
    sends_max: usize,
    received: i64,
    access_token_requests: i64,
}

/// What was answered.
pub(crate) struct Answered<'a> {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The reason of a refusal.
    pub(crate) reason: &'a str,
    /// The name of the message that was taken.
    pub(crate) name: &'a str,
}

impl Record {
    /// Nothing received.
    pub(crate) fn new(sends_max: usize) -> Self {
        let sends_max = sends_max.max(1);
        Self { sends: VecDeque::new(), sends_max, received: 0, access_token_requests: 0 }
    }

    /// Notes a message and returns its number.
    pub(crate) fn receive(&mut self, send: FcmSend) -> i64 {
        self.received += 1;
        if self.sends.len() >= self.sends_max {
            self.sends.pop_front();
        }
        self.sends.push_back(FcmSend { number: self.received, ..send });
        self.received
    }

    /// Notes a request for an access token.
    pub(crate) fn asked_for_access(&mut self) {
        self.access_token_requests += 1;
    }

    /// Notes that a fault changed the fate of a message.
    pub(crate) fn meet(&mut self, number: i64, fault_id: i64) {
        if let Some(send) = self.find(number) {
            send.fault_id = fault_id;
        }
    }

    /// Notes that FCM took a message for the phone.
    pub(crate) fn take(&mut self, number: i64) {
        if let Some(send) = self.find(number) {
            send.taken = true;
        }
    }

    /// Notes an answer.
    pub(crate) fn answer(&mut self, number: i64, answered: &Answered<'_>, now: Time) {
        if let Some(send) = self.find(number) {
            send.status = i32::from(answered.status);
            answered.reason.clone_into(&mut send.reason);
            answered.name.clone_into(&mut send.name);
            send.answer_time = Some(stamp(now));
        }
    }

    /// All messages since the start.
    pub(crate) fn received(&self) -> i64 {
        self.received
    }

    /// All requests for access tokens since the start.
    pub(crate) fn access_token_requests(&self) -> i64 {
        self.access_token_requests
    }

    /// A page, oldest first.
    pub(crate) fn list(&self, request: &ListFcmSendsRequest) -> Vec<FcmSend> {
        let size = usize::try_from(request.page_size).unwrap_or(0);
        let size = if size == 0 { PAGE_MAX } else { size.min(PAGE_MAX) };
        let begin = self.sends.partition_point(|send| send.number <= request.after_number);
        self.sends
            .range(begin..)
            .filter(|send| request.phone_id.is_empty() || send.phone_id == request.phone_id)
            .filter(|send| request.target.is_empty() || send.target == request.target)
            .take(size)
            .cloned()
            .collect()
    }

    fn find(&mut self, number: i64) -> Option<&mut FcmSend> {
        let oldest = self.sends.front()?.number;
        self.sends.get_mut(usize::try_from(number - oldest).ok()?)
    }
}
