//! Sends phones to who watches them.
//!
//! May import `proto` and the rest of `simulator`. A watcher that is slow gets fewer states, never an old one last.

use super::super::hub::Hub;
use super::super::phone::Phone;
use crate::proto::simulator_v1::WatchPhonesResponse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::Status;

/// Sends phones that the watcher has not seen in their present version, until it goes.
pub(super) async fn watch(
    hub: Arc<Hub>,
    names: BTreeSet<String>,
    queue: mpsc::Sender<Result<WatchPhonesResponse, Status>>,
) {
    let mut changes = hub.changes();
    let mut seen: BTreeMap<String, i64> = BTreeMap::new();
    loop {
        changes.borrow_and_update();
        let phones: Vec<Phone> = hub.phones().values().cloned().collect();
        for phone in phones {
            let name = phone.id();
            if !names.is_empty() && !names.contains(&name) {
                continue;
            }
            if seen.get(&name).is_some_and(|seen| *seen == phone.version()) {
                continue;
            }
            let phone = phone.snapshot();
            seen.insert(name, phone.version);
            let response = WatchPhonesResponse { phone: Some(phone) };
            if queue.send(Ok(response)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = hub.shutdown.cancelled() => return,
            () = queue.closed() => return,
            heard = changes.changed() => if heard.is_err() { return },
        }
    }
}
