//! How connections are made: a pool for each purpose, with the time limits of that purpose set in its sessions.
//!
//! Invariant: nothing waits without a bound, neither here for the server nor in the server for somebody else's lock.

use sea_orm::sqlx::pool::PoolConnectionMetadata;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector};
use std::time::Duration;

/// The longest that a write of the server's own may take, all told.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that a read may take, or wait for a connection.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that anything waits for a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// The longest that a migration may take; others wait for it.
const MIGRATE_TIMEOUT: Duration = Duration::from_mins(10);
/// A session whose transaction is open and asks nothing for so long has lost its process.
const IDLE_TRANSACTION_MAX: Duration = Duration::from_secs(10);
/// A connection that was idle for so long is asked whether it is alive before it is used.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How long it may take to say so.
const PING_TIMEOUT: Duration = Duration::from_millis(500);
/// Connections that nobody needs are closed.
const IDLE_MAX: Duration = Duration::from_mins(10);
/// Connections are replaced, so that they follow a server that moved.
const LIFE_MAX: Duration = Duration::from_mins(30);

/// What a pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reading what was committed.
    Read,
    /// Callers' writes.
    Accept,
    /// The server's own writes.
    Settle,
    /// Bringing the schema up to date.
    Migrate,
}

/// Makes pools of connections to one database.
pub(super) struct Connector {
    options: PgConnectOptions,
    accept_timeout: Duration,
}

impl Connector {
    pub(super) fn new(options: PgConnectOptions, accept_timeout: Duration) -> Self {
        // Statements hold content, so none is ever logged.
        let options = options.application_name("tidings").disable_statement_logging();
        Connector { options, accept_timeout }
    }

    /// The longest that one unit of work of this purpose may take.
    pub(super) fn timeout(&self, purpose: Purpose) -> Duration {
        match purpose {
            Purpose::Read => READ_TIMEOUT,
            Purpose::Accept => self.accept_timeout,
            Purpose::Settle => SETTLE_TIMEOUT,
            Purpose::Migrate => MIGRATE_TIMEOUT,
        }
    }

    /// A pool that connects when it is used.
    pub(super) fn pool(&self, purpose: Purpose, connections: u32) -> DatabaseConnection {
        let timeout = self.timeout(purpose);
        // The server gives up before we do, and a lock before its statement, so that the answer says why.
        let within = timeout * 3 / 4;
        let ms = |time: Duration| time.as_millis().to_string();
        let options = self.options.clone().options([
            ("statement_timeout", ms(timeout * 7 / 8)),
            ("lock_timeout", ms(within)),
            ("idle_in_transaction_session_timeout", ms(IDLE_TRANSACTION_MAX)),
            ("default_transaction_isolation", "read committed".to_owned()),
            ("default_transaction_read_only", on(purpose == Purpose::Read)),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(within.min(CONNECT_TIMEOUT))
            .idle_timeout(Some(IDLE_MAX))
            .max_lifetime(Some(LIFE_MAX))
            .test_before_acquire(false)
            .before_acquire(|connection, kept| Box::pin(is_alive(connection, kept)))
            .after_release(|connection, _| Box::pin(answers(connection)))
            .connect_lazy_with(options);
        SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
    }
}

fn on(is_on: bool) -> String {
    if is_on { "on" } else { "off" }.to_owned()
}

async fn is_alive(
    connection: &mut PgConnection,
    kept: PoolConnectionMetadata,
) -> Result<bool, sqlx::Error> {
    if kept.idle_for < TRUSTED_FOR {
        return Ok(true);
    }
    answers(connection).await
}

/// A connection that a timeout left in the middle of something is given up unless it comes to an end soon: it must not
/// keep its place in the pool.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(PING_TIMEOUT, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}
