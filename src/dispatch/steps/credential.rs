//! Notes that a credential fails or works again, with the event, once for all replicas.

use crate::clock::Time;
use crate::domain::change::Change;
use crate::domain::event::Event;
use crate::domain::ids::{CredentialId, WorkspaceId};
use crate::error::Result;
use crate::store::{self, Tx};

/// Says for what reason the credential fails, or that it works again; nothing where that was known.
pub async fn turn_credential(
    tx: &Tx,
    (workspace, id): (WorkspaceId, CredentialId),
    failing: Option<String>,
    now: Time,
) -> Result<()> {
    let since = failing.map(|reason| (now, reason));
    if !store::credentials::turn(tx, id, since.clone()).await? {
        return Ok(());
    }
    let events = vec![Event::of_credential(workspace, id, since.map(|(_, reason)| reason), now)];
    store::apply(tx, Change { events, ..Change::default() }).await
}
