//! What a killed server left on the disk, read from a copy so that the next one finds it as it was.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, QueryResult, Statement};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use uuid::Uuid;

/// The database's file and its log of what is not in it yet.
const FILES: [&str; 2] = ["t.db", "t.db-wal"];

#[derive(Debug)]
pub(crate) struct Remains {
    /// The newest revision of each activity.
    pub(crate) revisions: HashMap<String, i64>,
    /// Pushes whose outcome was recorded.
    pub(crate) settled: HashSet<Uuid>,
    /// How many subscriptions there were of each activity whose audience was still being expanded.
    pub(crate) expanding: HashMap<String, i64>,
}

impl Remains {
    /// Reads them; the database must be whole.
    pub(crate) async fn read(folder: &Path) -> Self {
        let copy = tempfile::tempdir().expect("a folder");
        for file in FILES.iter().filter(|file| folder.join(file).exists()) {
            std::fs::copy(folder.join(file), copy.path().join(file)).expect("a copy");
        }
        let url = format!("sqlite://{}", copy.path().join("t.db").display());
        let database = Database::connect(url).await.expect("a database");
        let check = rows(&database, "PRAGMA integrity_check").await;
        let check: Vec<String> = check.iter().map(|row| text(row, 0)).collect();
        assert_eq!(check, ["ok"], "the database is damaged");
        let revisions = rows(&database, "SELECT activity_id, revision FROM activities").await;
        let settled = "SELECT apns_id FROM deliveries WHERE apns_id IS NOT NULL";
        let settled = rows(&database, settled).await;
        let expanding = "SELECT a.activity_id, count(s.id) FROM expansions e \
                         JOIN activities a ON a.key = e.activity_key \
                         LEFT JOIN subscriptions s ON s.activity_key = a.key \
                         WHERE NOT e.done GROUP BY a.activity_id";
        let expanding = rows(&database, expanding).await;
        let remains = Remains {
            revisions: revisions.iter().map(|row| (text(row, 0), count(row))).collect(),
            settled: settled.iter().map(|row| row.try_get_by_index(0).expect("an id")).collect(),
            expanding: expanding.iter().map(|row| (text(row, 0), count(row))).collect(),
        };
        database.close().await.expect("closed");
        remains
    }
}

async fn rows(database: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    database.query_all_raw(statement).await.expect("rows")
}

fn text(row: &QueryResult, index: usize) -> String {
    row.try_get_by_index(index).expect("a text")
}

fn count(row: &QueryResult) -> i64 {
    row.try_get_by_index(1).expect("a number")
}
