//! Looks into the tables behind the server's back: what is left of a call, and what must never be there.

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sea_orm::sqlx::{AssertSqlSafe, Row, query};
use std::collections::BTreeMap;
use std::path::Path;

/// The mark of the clock moves by itself.
const MOVING: [&str; 1] = ["clock"];

/// Every row of every table as SQL would write it: blobs as `X'80AB'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tables(pub(crate) BTreeMap<String, Vec<String>>);

impl Tables {
    pub(crate) async fn read(database: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(database).read_only(true);
        let pool = SqlitePool::connect_with(options).await.expect("a database");
        let names = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let names = query(names).fetch_all(&pool).await.expect("names");
        let mut tables = BTreeMap::new();
        for name in names.iter().map(|row| row.get::<String, _>(0)) {
            let columns = format!("SELECT name FROM pragma_table_info('{name}')");
            let columns = query(AssertSqlSafe(columns)).fetch_all(&pool).await.expect("columns");
            let columns = columns.iter().map(|row| format!("quote(\"{}\")", row.get::<&str, _>(0)));
            let columns: Vec<String> = columns.collect();
            let rows = format!("SELECT {} FROM \"{name}\"", columns.join(" || ',' || "));
            let rows = query(AssertSqlSafe(rows)).fetch_all(&pool).await.expect("rows");
            let mut rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            rows.sort_unstable();
            tables.insert(name, rows);
        }
        pool.close().await;
        for name in MOVING {
            tables.remove(name).unwrap_or_else(|| panic!("there is no table {name}"));
        }
        Tables(tables)
    }

    /// Fails with the rows that differ.
    pub(crate) fn assert_unchanged(&self, now: &Tables, after: &str) {
        for (name, rows) in &now.0 {
            let new: Vec<&String> = rows.iter().filter(|row| !self.0[name].contains(row)).collect();
            assert!(new.is_empty(), "after {after} there is in {name}: {new:#?}");
            assert_eq!(rows.len(), self.0[name].len(), "after {after} rows of {name} are gone");
        }
    }

    pub(crate) fn rows(&self, table: &str) -> &[String] {
        &self.0[table]
    }

    /// The tables in which the text is, as it is or within a blob.
    pub(crate) fn holding(&self, text: &str) -> Vec<&str> {
        let blob = hexadecimal(text.as_bytes());
        let holds = |row: &String| row.contains(text) || row.contains(&blob);
        let tables = self.0.iter().filter(|(_, rows)| rows.iter().any(holds));
        tables.map(|(name, _)| name.as_str()).collect()
    }
}

/// Waits until the dispatcher has nothing to do for any activity, as far as the tables tell.
pub(crate) async fn at_rest(database: &Path) -> Tables {
    let resting = async {
        loop {
            let busy = count(
                database,
                "SELECT (SELECT count(*) FROM activities WHERE marked_revision < revision) \
                 + (SELECT count(*) FROM activities WHERE purged_run < deleted_run) \
                 + (SELECT count(*) FROM devices WHERE deleted_at IS NOT NULL) \
                 + (SELECT count(*) FROM expansions WHERE NOT done) \
                 + (SELECT count(*) FROM shards WHERE due_at IS NOT NULL)",
            );
            if busy.await == 0 {
                return;
            }
        }
    };
    tokio::time::timeout(crate::harness::PATIENCE, resting).await.expect("it comes to rest");
    Tables::read(database).await
}

/// One number out of the tables.
pub(crate) async fn count(database: &Path, sql: &'static str) -> i64 {
    let options = SqliteConnectOptions::new().filename(database).read_only(true);
    let pool = SqlitePool::connect_with(options).await.expect("a database");
    let row = query(sql).fetch_one(&pool).await.expect("a number");
    pool.close().await;
    row.get(0)
}

/// Bytes as SQLite prints a blob.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").expect("a string takes everything");
        text
    })
}
