//! Ends a run on devices that are not in its audience any more.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::device::Device;
use crate::domain::ids::{ActivityKey, DeviceKey};
use crate::domain::membership;
use crate::domain::recipient::Roll;
use crate::domain::revision::Run;
use crate::domain::subscription::{Cause, Reason};
use crate::error::Result;
use crate::store::{self, Tx};
use std::collections::HashMap;

/// What it takes that the run is on none of these devices that is not on the roll. Where they were found by their
/// contacts, one that came by itself stays.
pub(super) async fn leave(
    tx: &Tx,
    (key, run): (ActivityKey, Run),
    (devices, roll, by_contact): (Vec<Device>, &Roll, bool),
    now: Time,
) -> Result<Change> {
    let mut change = Change::default();
    let devices: HashMap<DeviceKey, Device> =
        devices.into_iter().map(|device| (device.key, device)).collect();
    let keys: Vec<DeviceKey> = devices.keys().copied().collect();
    let open = store::subscriptions::open_of_devices_in_run(tx, (key, run), &keys).await?;
    for (mut row, shard) in store::subscriptions::with_shards(tx, open).await? {
        let Some(device) = devices.get(&row.device) else { continue };
        match roll.entry(device) {
            // What is left is no way through the contact, so it does not end with that.
            Some(entry) if !entry.by_contact && !row.contact_key.is_empty() && !row.closing => {
                row.contact_key.clear();
                row.touch(&shard, now);
            }
            Some(_) => continue,
            None if row.closing => continue,
            None if by_contact && row.contact_key != device.contact_key => continue,
            None => {
                let cause = (Reason::Removed, Cause::Caller);
                change.events.extend(membership::leave(&mut row, &shard, cause, now));
            }
        }
        change.due.push((shard.id, now));
        change.subscriptions.push(row);
    }
    Ok(change)
}
