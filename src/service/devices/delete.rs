//! Deleting a device. What it shows is ended first, behind the answer.

use super::existing;
use crate::bus::Ring;
use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::ids::WorkspaceId;
use crate::domain::{deletion, report};
use crate::error::Result;
use crate::service::{Answered, Call, Service};
use crate::store::{self, Tx};

/// Deletes a device.
pub async fn delete(service: &Service, call: &Call, device_id: String) -> Result<Answered<()>> {
    let workspace = call.workspace;
    let decided = service.mutate(call, move |tx, now| {
        let device_id = device_id.clone();
        Box::pin(async move { delete_within(tx, workspace, &device_id, now).await })
    });
    let answered = decided.await?;
    service.bus.ring(Ring::Work);
    Ok(answered)
}

async fn delete_within(tx: &Tx, workspace: WorkspaceId, device_id: &str, now: Time) -> Result<()> {
    let device = existing(tx, workspace, device_id).await?;
    let mut change = Change::default();
    let rows = store::subscriptions::of_device(tx, device.key).await?;
    for (mut row, shard) in store::subscriptions::with_shards(tx, rows).await? {
        if store::subscriptions::is_open(&row) {
            change.events.extend(report::delete_device(&mut row, &shard, now));
            change.due.push((shard.id, now));
        }
        row.contact_key = String::new();
        change.subscriptions.push(row);
    }
    change.devices.push(deletion::without_identity(&device, now));
    store::apply(tx, change).await
}
