//! Forgets what is old: a bounded number of rows in a transaction, and a pause after each, so that neither callers nor
//! deliveries wait for it.
//!
//! May import `store` and `domain`. Invariant: what is needed to deliver or to answer is not old. Runs go only after
//! their end, tokens only when they are dead and no card goes by them, request ids after their day; an activity keeps
//! its id, type, run and revision for ever.

mod config;

pub use config::Config;

use super::steps;
use crate::clock::{Clock, Time};
use crate::domain::ids::ActivityKey;
use crate::error::Result;
use crate::store::requests::REMEMBERED;
use crate::store::retention::Kind;
use crate::store::{self, Lane, Page, Store};
use config::days_before;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked for what is old.
const ROUND_INTERVAL: Duration = Duration::from_mins(10);
/// How many rows one transaction removes: as many as one of delivery adds.
const ROWS_AT_ONCE: u64 = 250;
/// How many activities one transaction looks at.
const ACTIVITIES_AT_ONCE: u64 = 64;
/// How many workspaces are looked at together.
const WORKSPACES_AT_ONCE: u64 = 100;
/// What others may write between two transactions. Removes up to 10,000 rows a second.
const PAUSE: Duration = Duration::from_millis(25);

/// Forgets what is old, until it is told to stop.
pub struct Retention {
    store: Store,
    clock: Clock,
    config: Config,
    stop: CancellationToken,
}

impl Retention {
    /// Nothing is forgotten yet.
    pub fn new(store: Store, clock: Clock, config: Config, stop: CancellationToken) -> Self {
        Retention { store, clock, config, stop }
    }

    /// Works until it is told to stop. Several replicas may do this at once: what one has removed the others do not
    /// find.
    pub async fn run(&self) {
        while !self.stop.is_cancelled() {
            if let Err(error) = self.round().await {
                tracing::error!(%error, "what is old was not forgotten and will be later");
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND_INTERVAL) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// Forgets everything that is old by now.
    pub async fn round(&self) -> Result<()> {
        let now = self.clock.now();
        let Config { deliveries_days, events_days, dead_tokens_days, .. } = self.config;
        self.forget_provider_tokens(now).await?;
        self.forget(Kind::Requests, now - REMEMBERED).await?;
        self.forget(Kind::Deliveries, days_before(now, deliveries_days)).await?;
        self.forget(Kind::Events, days_before(now, events_days)).await?;
        self.forget(Kind::Tokens, days_before(now, dead_tokens_days)).await?;
        self.forget_counts(days_before(now, self.config.delivery_counts_days)).await?;
        let ended_before = days_before(now, self.config.ended_runs_days);
        self.forget_ended(ended_before, now).await?;
        self.forget_earlier_runs(ended_before, now).await
    }

    /// There are no more of them than keys.
    async fn forget_provider_tokens(&self, now: Time) -> Result<()> {
        let forget = self.store.write(Lane::Settle, move |tx| {
            Box::pin(async move { steps::forget_provider_tokens(tx, now).await })
        });
        forget.await.map(drop)
    }

    async fn forget(&self, kind: Kind, before: Time) -> Result<()> {
        loop {
            let batch = self.store.write(Lane::Settle, move |tx| {
                Box::pin(store::retention::forget(tx, kind, before, ROWS_AT_ONCE))
            });
            if batch.await? < ROWS_AT_ONCE || self.is_stopped_in_pause().await {
                return Ok(());
            }
        }
    }

    async fn forget_counts(&self, before: Time) -> Result<()> {
        let mut page = Page { size: WORKSPACES_AT_ONCE, after: None };
        loop {
            let found = store::workspaces::list(self.store.reader(), page).await?;
            let Some(last) = found.last() else { return Ok(()) };
            page.after = Some(last.id);
            for workspace in &found {
                self.forget(Kind::Counts(workspace.id), before).await?;
            }
        }
    }

    /// Activities that ended long ago go the way of those that are deleted.
    async fn forget_ended(&self, before: Time, now: Time) -> Result<()> {
        loop {
            let (reader, limit) = (self.store.reader(), ACTIVITIES_AT_ONCE);
            let ended = store::activities::ended_all_workspaces(reader, before, limit).await?;
            let keys: Vec<ActivityKey> = ended.iter().map(|activity| activity.key).collect();
            let batch = self.store.write(Lane::Settle, move |tx| {
                let keys = keys.clone();
                Box::pin(async move { steps::forget_ended(tx, &keys, before, now).await })
            });
            if batch.await? == 0 || self.is_stopped_in_pause().await {
                return Ok(());
            }
        }
    }

    /// Earlier runs of ids that are used again.
    async fn forget_earlier_runs(&self, before: Time, now: Time) -> Result<()> {
        let mut page = Page { size: ACTIVITIES_AT_ONCE, after: None };
        loop {
            let reader = self.store.reader();
            let found = store::activities::with_earlier_runs_all_workspaces(reader, page).await?;
            let keys: Vec<ActivityKey> = found.iter().map(|activity| activity.key).collect();
            let Some(last) = keys.last() else { return Ok(()) };
            page.after = Some(*last);
            let batch = self.store.write(Lane::Settle, move |tx| {
                let keys = keys.clone();
                Box::pin(async move { steps::forget_earlier_runs(tx, &keys, before, now).await })
            });
            batch.await?;
            if self.is_stopped_in_pause().await {
                return Ok(());
            }
        }
    }

    async fn is_stopped_in_pause(&self) -> bool {
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => false,
            () = self.stop.cancelled() => true,
        }
    }
}
