//! A database of its own for each test, and gone after it: a file of `SQLite`, or a schema of the PostgreSQL server
//! that `scripts/services` starts. Several test binaries include this file.

#![expect(clippy::expect_used, reason = "a test without its database has failed")]

use std::path::Path;
use tempfile::TempDir;

/// An empty database.
pub(crate) struct TestDatabase {
    url: String,
    _home: Home,
}

/// What goes with the database.
enum Home {
    Folder {
        _folder: TempDir,
    },
    #[cfg(feature = "postgres-tests")]
    Schema {
        _schema: postgres::Schema,
    },
}

impl TestDatabase {
    /// A file in a folder of its own, in memory where the machine has a place for that.
    pub(crate) fn sqlite() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let folder = folder.expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("tidings.db").display());
        TestDatabase { url, _home: Home::Folder { _folder: folder } }
    }

    /// A schema of the server.
    #[cfg(feature = "postgres-tests")]
    pub(crate) async fn postgres() -> Self {
        let schema = postgres::Schema::new().await;
        TestDatabase { url: schema.url(), _home: Home::Schema { _schema: schema } }
    }

    /// For `database.url`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

#[cfg(feature = "postgres-tests")]
mod postgres {
    use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
    use uuid::Uuid;

    const URL: &str = "TIDINGS_TEST_POSTGRES_URL";

    /// A schema that is dropped with this, after a panic too.
    pub(super) struct Schema {
        server: String,
        name: String,
    }

    impl Schema {
        pub(super) async fn new() -> Self {
            let server = std::env::var_os(URL).and_then(|url| url.into_string().ok());
            let server = server.unwrap_or_else(|| panic!("scripts/services sets {URL}"));
            let schema = Schema { server, name: format!("test_{}", Uuid::new_v4().simple()) };
            let created = schema.execute(format!("CREATE SCHEMA {}", schema.name)).await;
            created.expect("a schema");
            schema
        }

        /// PostgreSQL's own functions come last, so that a test can give its schema others.
        pub(super) fn url(&self) -> String {
            let joint = if self.server.contains('?') { '&' } else { '?' };
            format!("{}{joint}options[search_path]={},pg_catalog", self.server, self.name)
        }

        async fn execute(&self, sql: String) -> sqlx::Result<()> {
            let mut connection = PgConnection::connect(&self.server).await?;
            connection.execute(AssertSqlSafe(sql)).await?;
            connection.close().await
        }
    }

    impl Drop for Schema {
        fn drop(&mut self) {
            let sql = format!("SET lock_timeout = '5s'; DROP SCHEMA {} CASCADE", self.name);
            // A drop cannot await, and the runtime of the test may be the one that is ending.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build();
                    // A test that has failed may leave its schema behind: its server goes soon.
                    drop(runtime.expect("a runtime").block_on(self.execute(sql)));
                });
            });
        }
    }
}
