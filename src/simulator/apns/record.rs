//! What APNs received and answered, the newest of it.
//!
//! May import `clock` and `proto`. Numbers rise by one and are never reused; only the newest records are kept.

use super::super::stamp;
use crate::clock::Time;
use crate::proto::simulator_v1::{ListPushesRequest, Push};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use std::collections::VecDeque;

/// How many pushes one page has at most.
const PAGE_MAX: usize = 1_000;

/// The newest requests.
pub(crate) struct Record {
    pushes: VecDeque<Push>,
    pushes_max: usize,
    received: i64,
}

impl Record {
    /// Nothing received.
    pub(crate) fn new(pushes_max: usize) -> Self {
        Self { pushes: VecDeque::new(), pushes_max: pushes_max.max(1), received: 0 }
    }

    /// Notes a request and returns its number.
    pub(crate) fn receive(&mut self, push: Push) -> i64 {
        self.received += 1;
        if self.pushes.len() >= self.pushes_max {
            self.pushes.pop_front();
        }
        self.pushes.push_back(Push { number: self.received, ..push });
        self.received
    }

    /// Notes that a fault changed the fate of a push.
    pub(crate) fn meet(&mut self, number: i64, fault_id: i64) {
        if let Some(push) = self.find(number) {
            push.fault_id = fault_id;
        }
    }

    /// Notes that APNs took a push for the phone.
    pub(crate) fn take(&mut self, number: i64) {
        if let Some(push) = self.find(number) {
            push.taken = true;
        }
    }

    /// Notes an answer.
    pub(crate) fn answer(&mut self, number: i64, status: u16, reason: &str, now: Time) {
        if let Some(push) = self.find(number) {
            push.status = i32::from(status);
            reason.clone_into(&mut push.reason);
            push.answer_time = Some(stamp(now));
        }
    }

    /// All requests since the start.
    pub(crate) fn received(&self) -> i64 {
        self.received
    }

    /// A page, oldest first.
    pub(crate) fn list(&self, request: &ListPushesRequest) -> Vec<Push> {
        let size = usize::try_from(request.page_size).unwrap_or(0);
        let size = if size == 0 { PAGE_MAX } else { size.min(PAGE_MAX) };
        let begin = self.pushes.partition_point(|push| push.number <= request.after_number);
        self.pushes
            .range(begin..)
            .filter(|push| request.phone_id.is_empty() || push.phone_id == request.phone_id)
            .filter(|push| request.token.is_empty() || push.token == request.token)
            .take(size)
            .cloned()
            .collect()
    }

    fn find(&mut self, number: i64) -> Option<&mut Push> {
        let oldest = self.pushes.front()?.number;
        self.pushes.get_mut(usize::try_from(number - oldest).ok()?)
    }
}

/// Bytes of a digest that are enough to tell texts apart.
const DIGEST_BYTES: usize = 16;

/// Tells texts apart without keeping them.
pub(super) fn digest(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref().get(..DIGEST_BYTES).unwrap_or_default())
}
