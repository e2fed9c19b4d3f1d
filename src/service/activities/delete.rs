//! Deleting an activity that has ended. Its rows are removed by the dispatcher, behind the answer.

use super::existing;
use crate::bus::Ring;
use crate::domain::deletion;
use crate::error::Result;
use crate::service::{Answered, Call, Service};
use crate::store;

/// Deletes an activity.
pub async fn delete(service: &Service, call: &Call, activity_id: String) -> Result<Answered<()>> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let activity_id = activity_id.clone();
        Box::pin(async move {
            let activity = existing(tx, workspace, &activity_id).await?;
            store::apply(tx, deletion::delete(&activity, now)?).await?;
            Ok(activity.key.0)
        })
    });
    let Answered { answer, replayed } = decided.await?;
    service.bus.ring(Ring::Work);
    service.bus.ring(Ring::Activity(crate::domain::ids::ActivityKey(answer)));
    Ok(Answered { answer: (), replayed })
}
