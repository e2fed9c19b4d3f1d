//! The connections to Google, as lanes: an HTTP client keeps one HTTP/2 connection per host, so there are several.
//!
//! May import this folder's configuration. A lane never carries more than [`STREAMS_MAX`] pushes at a time; a push
//! takes the emptiest one. No client follows a redirect, reads the environment, or trusts but the public roots and the
//! operator's.

use super::config::{Config, violation};
use crate::error::Violation;
use reqwest::Client;
use reqwest::redirect::Policy;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many streams as Google allows on one connection.
pub(super) const STREAMS_MAX: usize = 100;

/// A connection that nobody used for so long is closed.
const IDLE_MAX: Duration = Duration::from_mins(5);

/// All connections for pushes.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    room: Arc<Semaphore>,
}

struct Lane {
    client: Client,
    room: Arc<Semaphore>,
}

/// Room for one push on one lane, given back when dropped.
pub(super) struct Slot {
    pub(super) client: Client,
    // Given back before `_room`, so that who has room finds a lane with some.
    _lane: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

/// One HTTP client.
pub(super) fn client(config: &Config, tls: rustls::ClientConfig) -> Result<Client, Violation> {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .user_agent(concat!("tidings/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(config.connect_timeout())
        .timeout(config.request_timeout())
        .http2_keep_alive_interval(config.ping_after())
        .http2_keep_alive_timeout(config.ping_timeout())
        .http2_keep_alive_while_idle(true)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(STREAMS_MAX)
        .build()
        .map_err(|cause| violation("base_url", &format!("no client can be made: {cause}")))
}

impl Lanes {
    pub(super) fn new(config: &Config, tls: &rustls::ClientConfig) -> Result<Lanes, Violation> {
        let lanes: Result<Vec<Lane>, Violation> = (0..config.lanes)
            .map(|_| {
                let client = client(config, tls.clone())?;
                Ok(Lane { client, room: Arc::new(Semaphore::new(STREAMS_MAX)) })
            })
            .collect();
        let lanes = lanes?;
        let room = Arc::new(Semaphore::new(lanes.len() * STREAMS_MAX));
        Ok(Lanes { lanes, room })
    }

    /// How many pushes there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.lanes.len() * STREAMS_MAX
    }

    /// Waits for room for one push; none comes when there are no lanes.
    pub(super) async fn slot(&self) -> Option<Slot> {
        let room = self.room.clone().acquire_owned().await.ok()?;
        loop {
            let emptiest = self.lanes.iter().max_by_key(|lane| lane.room.available_permits())?;
            // Another one may have taken the last room of this lane; then there is some on another.
            if let Ok(lane) = emptiest.room.clone().try_acquire_owned() {
                return Some(Slot { client: emptiest.client.clone(), _lane: lane, _room: room });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::tls;
    use futures::FutureExt as _;

    #[test]
    fn a_push_takes_the_emptiest_lane_and_no_lane_has_more_than_its_streams() {
        let config = Config { lanes: 3, ..Config::default() };
        let tls = tls::client(None, &["h2", "http/1.1"]).unwrap();
        let lanes = Lanes::new(&config, &tls).unwrap();
        let mut slots = Vec::new();
        for taken in 0..lanes.capacity() {
            slots.push(lanes.slot().now_or_never().expect("there is room").unwrap());
            let rooms = lanes.lanes.iter().map(|lane| lane.room.available_permits());
            let (least, most) = (rooms.clone().min().unwrap(), rooms.max().unwrap());
            assert!(most - least <= 1, "after {taken}: {least} to {most}");
        }
        assert!(lanes.slot().now_or_never().is_none(), "all are full");
        slots.pop();
        assert!(lanes.slot().now_or_never().is_some());
    }
}
