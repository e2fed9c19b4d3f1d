//! Watching an activity: its present state, then each change, until it ended and its ends have settled.

use super::Edge;
use crate::bus::ActivityListener;
use crate::error::{Error, Result};
use crate::grpc::convert::activity::activity;
use crate::grpc::convert::subscription::progress;
use crate::proto::v1::WatchActivityResponse;
use crate::service::subscriptions::{self, Standing};
use crate::service::{Principal, Service};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// How often the tables are looked at when nobody rings.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// The same where replicas share the database: what another one does rings no bell here.
const PEERS_INTERVAL: Duration = Duration::from_secs(1);
/// Changes that come faster are folded into the newest: so a large fan-out is not a message per device.
const PACE: Duration = Duration::from_millis(50);

/// One reader of one activity.
pub(super) struct Watch {
    service: Service,
    principal: Principal,
    activity_id: String,
    bell: ActivityListener,
    first: Standing,
    draining: CancellationToken,
}

impl Edge {
    /// Begins to watch: listens first, then looks, so that nothing is missed in between.
    pub(super) async fn watch(&self, principal: Principal, activity_id: String) -> Result<Watch> {
        let (service, workspace) = (self.service.clone(), principal.workspace);
        let found = subscriptions::standing(&service, workspace, &activity_id).await?;
        let bell = subscriptions::listen(&service, found.activity.key)?;
        let first = subscriptions::standing(&service, workspace, &activity_id).await?;
        let draining = self.draining.clone();
        Ok(Watch { service, principal, activity_id, bell, first, draining })
    }
}

impl Watch {
    /// Sends until the activity is over, the reader has gone, or the server drains.
    pub(super) async fn serve(
        mut self,
        reader: mpsc::Sender<std::result::Result<WatchActivityResponse, Status>>,
    ) {
        let look_interval =
            if self.service.store.is_shared() { PEERS_INTERVAL } else { LOOK_INTERVAL };
        let mut standing = self.first.clone();
        let mut sent = None;
        loop {
            let message = message(&standing);
            if sent.as_ref() != Some(&message) {
                if reader.send(Ok(message.clone())).await.is_err() {
                    return;
                }
                sent = Some(message);
            }
            if standing.is_over() {
                return;
            }
            tokio::select! {
                () = self.bell.rung() => tokio::time::sleep(PACE).await,
                () = tokio::time::sleep(look_interval) => {}
                () = reader.closed() => return,
                () = self.draining.cancelled() => {
                    let _ = reader.send(Err(Error::draining().into())).await;
                    return;
                }
            }
            standing = match self.look().await {
                Ok(standing) => standing,
                Err(error) => {
                    let _ = reader.send(Err(error.into())).await;
                    return;
                }
            };
        }
    }

    async fn look(&self) -> Result<Standing> {
        self.service.still_good(&self.principal).await?;
        let workspace = self.principal.workspace;
        subscriptions::standing(&self.service, workspace, &self.activity_id).await
    }
}

fn message(standing: &Standing) -> WatchActivityResponse {
    WatchActivityResponse {
        activity: Some(activity(&standing.activity)),
        progress: Some(progress(&standing.progress, standing.activity.revision)),
    }
}
