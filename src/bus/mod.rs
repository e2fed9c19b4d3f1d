//! The bell: says that something changed, never what. Whoever hears it looks into the database.
//!
//! May import `domain` for ids, and `error`. The invariant: a ring is never lost on a listener that was there, and
//! costs nobody anything who is slow: rings that come while a listener is busy are one ring. The bell is disposable:
//! whoever waits for it also looks by itself every now and then.

use crate::domain::ids::ActivityKey;
use crate::error::{Error, Reason, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// How many activities can be listened to at a time. Each costs about 200 bytes.
pub const ACTIVITIES_MAX: usize = 50_000;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// There may be work for the dispatcher.
    Work,
    /// An activity, or how far it has come.
    Activity(ActivityKey),
    /// A channel: something is wanted of it, or Apple has answered.
    Channels,
}

/// The bell of one process. Clones are the same bell.
#[derive(Clone, Debug)]
pub struct Bus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    work: watch::Sender<()>,
    channels: watch::Sender<()>,
    activities: Mutex<HashMap<ActivityKey, Listeners>>,
    activities_max: usize,
}

/// Those who listen to one activity.
#[derive(Debug, Default)]
struct Listeners {
    bell: watch::Sender<()>,
    count: usize,
}

/// Listens for work, or to channels.
#[derive(Debug)]
pub struct WorkListener {
    rings: watch::Receiver<()>,
    /// Keeps the sender alive: without it, listening would end.
    _shared: Arc<Shared>,
}

/// Listens to one activity, until it is dropped.
#[derive(Debug)]
pub struct ActivityListener {
    key: ActivityKey,
    rings: watch::Receiver<()>,
    shared: Arc<Shared>,
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus {
    /// A bell that nobody hears yet.
    pub fn new() -> Self {
        Self::with_activities_max(ACTIVITIES_MAX)
    }

    fn with_activities_max(activities_max: usize) -> Self {
        let (work, channels) = (watch::Sender::new(()), watch::Sender::new(()));
        let shared = Shared { work, channels, activities: Mutex::default(), activities_max };
        Self { shared: Arc::new(shared) }
    }

    /// Rings. Must come after the commit of what changed.
    pub fn ring(&self, ring: Ring) {
        match ring {
            Ring::Work => {
                self.shared.work.send_replace(());
            }
            Ring::Channels => {
                self.shared.channels.send_replace(());
            }
            Ring::Activity(key) => {
                if let Some(listeners) = self.shared.lock().get(&key) {
                    listeners.bell.send_replace(());
                }
            }
        }
    }

    /// Listens for work. Rings from now on are heard.
    pub fn subscribe_work(&self) -> WorkListener {
        WorkListener { rings: self.shared.work.subscribe(), _shared: Arc::clone(&self.shared) }
    }

    /// Listens to all channels. Rings from now on are heard: subscribe first, then read what there is.
    pub fn subscribe_channels(&self) -> WorkListener {
        WorkListener { rings: self.shared.channels.subscribe(), _shared: Arc::clone(&self.shared) }
    }

    /// Listens to an activity. Rings from now on are heard: subscribe first, then read what there is.
    pub fn subscribe_activity(&self, key: ActivityKey) -> Result<ActivityListener> {
        let mut activities = self.shared.lock();
        if activities.len() >= self.shared.activities_max && !activities.contains_key(&key) {
            let max = self.shared.activities_max;
            let message = format!("{max} activities are being watched; no more at a time.");
            return Err(Error::new(Reason::LimitReached, message));
        }
        let listeners = activities.entry(key).or_default();
        listeners.count += 1;
        let rings = listeners.bell.subscribe();
        Ok(ActivityListener { key, rings, shared: Arc::clone(&self.shared) })
    }
}

impl Shared {
    /// The map is whole after a panic too: it is changed by single calls alone.
    fn lock(&self) -> MutexGuard<'_, HashMap<ActivityKey, Listeners>> {
        self.activities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WorkListener {
    /// Returns when there was a ring since the last time.
    pub async fn rung(&mut self) {
        heard(&mut self.rings).await;
    }
}

impl ActivityListener {
    /// Returns when there was a ring since the last time.
    pub async fn rung(&mut self) {
        heard(&mut self.rings).await;
    }
}

impl Drop for ActivityListener {
    fn drop(&mut self) {
        let mut activities = self.shared.lock();
        let Some(listeners) = activities.get_mut(&self.key) else { return };
        listeners.count -= 1;
        if listeners.count == 0 {
            activities.remove(&self.key);
        }
    }
}

async fn heard(rings: &mut watch::Receiver<()>) {
    if rings.changed().await.is_err() {
        // Nobody can ring any more; those who wait go on by their own clock.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn a_ring_before_the_listener_waits_is_heard_and_many_are_one() {
        let bus = Bus::new();
        let mut listener = bus.subscribe_work();
        assert_eq!(listener.rung().now_or_never(), None);
        for _ in 0..1_000_000 {
            bus.ring(Ring::Work);
        }
        assert_eq!(listener.rung().now_or_never(), Some(()));
        assert_eq!(listener.rung().now_or_never(), None);
        bus.ring(Ring::Work);
        assert_eq!(listener.rung().now_or_never(), Some(()));
    }

    #[test]
    fn every_listener_of_an_activity_hears_it_and_no_other() {
        let bus = Bus::new();
        let (key, other) = (ActivityKey::generate(), ActivityKey::generate());
        let listen = |key| bus.subscribe_activity(key).expect("room");
        let (mut one, mut two, mut deaf) = (listen(key), listen(key), listen(other));
        bus.ring(Ring::Activity(key));
        assert_eq!(one.rung().now_or_never(), Some(()));
        assert_eq!(two.rung().now_or_never(), Some(()));
        assert_eq!(deaf.rung().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_waiting_listener_is_woken() {
        let bus = Bus::new();
        let key = ActivityKey::generate();
        let mut listener = bus.subscribe_activity(key).expect("room");
        let waiting = tokio::spawn(async move { listener.rung().await });
        tokio::task::yield_now().await;
        bus.ring(Ring::Activity(key));
        waiting.await.expect("it was woken");
    }

    #[test]
    fn nothing_is_kept_of_listeners_that_left() {
        let bus = Bus::new();
        let key = ActivityKey::generate();
        let (one, two) = (bus.subscribe_activity(key), bus.subscribe_activity(key));
        drop(one);
        assert_eq!(bus.shared.lock().len(), 1);
        drop(two);
        assert_eq!(bus.shared.lock().len(), 0);
        bus.ring(Ring::Activity(key));
    }

    #[test]
    fn listeners_are_bounded_by_the_number_of_activities() {
        let bus = Bus::with_activities_max(1);
        let key = ActivityKey::generate();
        let first = bus.subscribe_activity(key).expect("room");
        assert!(bus.subscribe_activity(key).is_ok());
        let refused = bus.subscribe_activity(ActivityKey::generate()).expect_err("no room");
        assert_eq!(refused.reason, Reason::LimitReached);
        drop(first);
        assert!(bus.subscribe_activity(ActivityKey::generate()).is_ok());
    }
}
