//! Time that a test moves, whichever database tells it: an embedded one goes by the clock of its process, on PostgreSQL
//! all go by the database's, and the schema of a test gets a clock of its own that runs ahead.

use crate::databases::TestDatabase;
use crate::tables;
use sea_orm::ConnectionTrait;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tidings::clock::{Clock, Time};

pub(crate) const QUARTER: Duration = Duration::from_mins(15);

pub(crate) struct TestTime {
    clock: Clock,
    database: String,
    is_embedded: bool,
    /// How far that of the database is ahead of what it really is.
    ahead_ms: AtomicI64,
}

impl TestTime {
    /// At the beginning of a quarter of an hour. Must be made before a server uses the database.
    pub(crate) async fn new(database: &TestDatabase) -> Self {
        let now = Clock::system().now();
        let quarter_ms = millis(QUARTER);
        let start = Time((now.0.div_euclid(quarter_ms) + 1) * quarter_ms);
        let database = database.url().to_owned();
        let is_embedded = database.starts_with("sqlite:");
        let clock = if is_embedded { Clock::manual(start) } else { Clock::system() };
        let time = TestTime { clock, database, is_embedded, ahead_ms: AtomicI64::new(0) };
        time.advance_to(start).await;
        time
    }

    /// What the server and its phones go by.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    pub(crate) async fn now(&self) -> Time {
        if self.is_embedded {
            return self.clock.now();
        }
        let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        Time(tables::count(&self.database, now).await)
    }

    pub(crate) async fn advance(&self, span: Duration) {
        self.clock.advance(span);
        if self.is_embedded {
            return;
        }
        let ahead_ms = self.ahead_ms.fetch_add(millis(span), Ordering::Relaxed) + millis(span);
        // The search path of a test's schema leads to this before it leads to PostgreSQL's own.
        let function = format!(
            "CREATE OR REPLACE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
             $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead_ms} milliseconds' $$"
        );
        let db = tables::open_to_write(&self.database).await;
        db.execute_unprepared(&function).await.expect("a clock of its own");
        db.close().await.expect("a goodbye");
        self.clock.follow(self.now().await);
    }

    pub(crate) async fn advance_to(&self, time: Time) {
        self.advance(time.since(self.now().await)).await;
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).expect("a span of a test")
}
