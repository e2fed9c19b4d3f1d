//! A segment that a flight follows, and somebody who joins it on the way.

use crate::flight::is_lost;
use crate::world::{CALLS_MAX, Keyed, World};
use tidings::proto::v1::segment_service_client::SegmentServiceClient;
use tidings::proto::v1::{AddMembersRequest, CreateSegmentRequest, SegmentKind};

/// The segment of one flight.
pub(crate) struct Segment {
    pub(crate) id: String,
    /// The contact that joins.
    joiner: String,
    /// It was asked for, answered or not.
    asked: bool,
    /// It was accepted.
    pub(crate) joined: bool,
    client: SegmentServiceClient<Keyed>,
}

impl Segment {
    /// With one contact in it.
    pub(crate) async fn with(world: &World, contact_key: &str, joiner: &str) -> Self {
        let mut client = world.segments();
        let segment = CreateSegmentRequest {
            segment_id: contact_key.to_owned(),
            kind: SegmentKind::ContactKeys.into(),
            ..CreateSegmentRequest::default()
        };
        client.create_segment(segment).await.expect("a segment");
        let (id, joiner) = (contact_key.to_owned(), joiner.to_owned());
        let mut segment = Segment { id, joiner, asked: false, joined: false, client };
        segment.add(contact_key).await.expect("added");
        segment
    }

    /// The joiner becomes a member, unless it has asked already; false where no answer came.
    pub(crate) async fn join(&mut self) -> bool {
        if self.asked {
            return true;
        }
        self.asked = true;
        let joiner = self.joiner.clone();
        match self.add(&joiner).await {
            Ok(replayed) => {
                assert!(!replayed, "{joiner} joined for the first time");
                self.joined = true;
                true
            }
            Err(status) if is_lost(&status) => false,
            Err(status) => panic!("{joiner} was refused: {status}"),
        }
    }

    /// The joiner is a member, whether it was before or not; and what was accepted was kept.
    pub(crate) async fn join_surely(&mut self) {
        let joiner = self.joiner.clone();
        for _ in 0..CALLS_MAX {
            match self.add(&joiner).await {
                Ok(replayed) => {
                    assert!(replayed || !self.joined, "{joiner} was accepted and lost");
                    (self.asked, self.joined) = (true, true);
                    return;
                }
                Err(status) if is_lost(&status) => {}
                Err(status) => panic!("{joiner} was refused when it asked again: {status}"),
            }
        }
        panic!("{joiner} was not answered {CALLS_MAX} times");
    }

    /// Says whether the batch was there before.
    async fn add(&mut self, contact_key: &str) -> tonic::Result<bool> {
        let batch = AddMembersRequest {
            segment_id: self.id.clone(),
            request_id: format!("{}-{contact_key}", self.id),
            contact_keys: vec![contact_key.to_owned()],
            ..AddMembersRequest::default()
        };
        let answer = self.client.add_members(tokio_stream::once(batch)).await?.into_inner();
        Ok(answer.batches_replayed == 1)
    }
}
