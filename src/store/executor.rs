//! Runs statements; waits for what a read answers no longer than it may take.
//!
//! Invariant: a server that fell silent holds nobody up for ever. It says nothing any more, not even that a time limit
//! of its own is over. A transaction has its bound as a whole, from who runs it.

use async_trait::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseExecutor, DbBackend, DbErr, ExecResult, QueryResult,
    Statement,
};
use std::future::Future;
use std::time::Duration;

/// What a query runs on.
pub(super) struct Executor<'a> {
    db: DatabaseExecutor<'a>,
    /// The longest that one statement is waited for, where nothing around it has a limit.
    patience: Option<Duration>,
}

impl<'a> Executor<'a> {
    pub(super) fn new(db: impl Into<DatabaseExecutor<'a>>, patience: Option<Duration>) -> Self {
        Executor { db: db.into(), patience }
    }

    async fn within<T>(&self, answer: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let Some(patience) = self.patience else { return answer.await };
        let answer = tokio::time::timeout(patience, answer).await;
        answer.unwrap_or(Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)))
    }
}

#[async_trait]
impl ConnectionTrait for Executor<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.db.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.within(self.db.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.within(self.db.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.within(self.db.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.within(self.db.query_all_raw(statement)).await
    }
}
