//! Streams of members: batch by batch, each committed before the next one is read, so that flow control slows the
//! sender and no more than one batch is held.

use crate::domain::segment::SegmentKind;
use crate::error::{Error, Result};
use crate::grpc::validate::Violations;
use crate::grpc::{Edge, call};
use crate::proto::v1::{AddMembersRequest, RemoveMembersRequest};
use crate::service::segment_members::{BatchAsked, Verb};
use crate::service::{Principal, segment_members, segments};
use futures::{Stream, StreamExt};
use std::mem::take;
use std::pin::pin;
use std::time::Duration;
use tonic::Status;

/// How long a stream may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What the batches of a stream came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) batches: i64,
    pub(super) batches_replayed: i64,
    pub(super) changed: i64,
    pub(super) unchanged: i64,
    pub(super) member_count: i64,
}

/// A batch to remove in the form of one to add: they have the same fields.
pub(super) fn as_added(request: RemoveMembersRequest) -> AddMembersRequest {
    let RemoveMembersRequest { segment_id, request_id, contact_keys, device_ids } = request;
    AddMembersRequest { segment_id, request_id, contact_keys, device_ids }
}

impl Edge {
    /// Takes batches until the caller ends the stream, or one of them is wrong.
    pub(super) async fn members(
        &self,
        principal: &Principal,
        verb: Verb,
        batches: impl Stream<Item = Result<AddMembersRequest, Status>> + Send,
    ) -> Result<Sums, Status> {
        let mut batches = pin!(batches);
        let mut sums = Sums::default();
        let mut segment_id = String::new();
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, batches.next()).await;
            let batch = match next {
                Ok(Some(batch)) => batch?,
                Ok(None) => break,
                Err(_) => return Err(sums.kept(silent()).into()),
            };
            let done = self.batch(principal, verb, &mut segment_id, batch).await;
            sums.count(done.map_err(|error| sums.kept(error))?);
        }
        if segment_id.is_empty() {
            let problem = "is missing: the stream has ended without a batch";
            return Err(Error::invalid_field("segment_id", problem).into());
        }
        let segment = segments::get(&self.service, principal.workspace, &segment_id).await?;
        Ok(Sums { member_count: segment.members, ..sums })
    }

    async fn batch(
        &self,
        principal: &Principal,
        verb: Verb,
        segment_id: &mut String,
        mut batch: AddMembersRequest,
    ) -> Result<segment_members::Done> {
        self.service.still_good(principal).await?;
        let mut violations = Violations::new();
        let named = take(&mut batch.segment_id);
        if segment_id.is_empty() {
            violations.id("segment_id", &named);
            segment_id.clone_from(&named);
        } else if !named.is_empty() && named != *segment_id {
            violations.add("segment_id", "is another one than in the first batch");
        }
        batch.segment_id.clone_from(segment_id);
        let method = match verb {
            Verb::Add => "AddMembers",
            Verb::Remove => "RemoveMembers",
        };
        let request_id = take(&mut batch.request_id);
        let call = call((principal, method), request_id, &batch, &mut violations);
        let kinds = [
            ("contact_keys", !batch.contact_keys.is_empty()),
            ("device_ids", !batch.device_ids.is_empty()),
        ];
        violations.at_most_one(&kinds);
        violations.ids("contact_keys", &batch.contact_keys);
        violations.ids("device_ids", &batch.device_ids);
        violations.finish()?;
        let (kind, members) = if batch.device_ids.is_empty() {
            (SegmentKind::ContactKeys, batch.contact_keys)
        } else {
            (SegmentKind::DeviceIds, batch.device_ids)
        };
        let kind = (!members.is_empty()).then_some(kind);
        let asked = BatchAsked { segment_id: batch.segment_id, verb, kind, members };
        segment_members::change(&self.service, &call, asked).await
    }
}

impl Sums {
    fn count(&mut self, done: segment_members::Done) {
        self.batches += 1;
        self.batches_replayed += i64::from(done.replayed);
        self.changed += done.answer.changed;
        self.unchanged += done.answer.unchanged;
    }

    /// The refusal of a batch, with how many before it are kept.
    fn kept(self, error: Error) -> Error {
        error.with("batches_kept", self.batches)
    }
}

fn silent() -> Error {
    let seconds = SILENCE_MAX.as_secs();
    Error::unavailable(format!("No batch has come for {seconds} s; the stream was given up."))
}
