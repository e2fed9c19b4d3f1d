//! Looks into the tables behind the server's back: what is left of a call, and what must never be there.

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use std::collections::BTreeMap;

/// The mark of the clock moves by itself.
const MOVING: [&str; 1] = ["clock"];

/// Every row of every table as SQL would write it: blobs as `X'80AB'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tables(pub(crate) BTreeMap<String, Vec<String>>);

impl Tables {
    pub(crate) async fn read(database: &str) -> Self {
        let db = open(database).await;
        let mut tables = BTreeMap::new();
        for name in texts(&db, tables_of(&db).to_owned()).await {
            let columns = texts(&db, columns_of(&db, &name)).await;
            let rows = format!("SELECT {} FROM \"{name}\"", columns.join(" || ',' || "));
            let mut rows = texts(&db, rows).await;
            rows.sort_unstable();
            tables.insert(name, rows);
        }
        db.close().await.expect("a goodbye");
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

/// Waits until the dispatcher has nothing to do for any activity, as far as the tables tell. What is due in more than
/// half an hour is the age of cards.
pub(crate) async fn at_rest(database: &str) -> Tables {
    let resting = async {
        loop {
            let busy = count(
                database,
                "SELECT (SELECT count(*) FROM activities WHERE marked_revision < revision) \
                 + (SELECT count(*) FROM activities WHERE purged_run < deleted_run) \
                 + (SELECT count(*) FROM devices WHERE deleted_at IS NOT NULL) \
                 + (SELECT count(*) FROM expansions WHERE NOT done) \
                 + (SELECT count(*) FROM arrivals) \
                 + (SELECT count(*) FROM recipients r JOIN segments s ON s.key = r.segment_key \
                    WHERE r.live AND s.version > r.followed) \
                 + (SELECT count(*) FROM shards, clock WHERE due_at < mark + 1800000)",
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
pub(crate) async fn count(database: &str, sql: &'static str) -> i64 {
    let db = open(database).await;
    let query = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(query).await.expect("an answer").expect("a number");
    db.close().await.expect("a goodbye");
    row.try_get_by_index(0).expect("a number")
}

/// Only to read, as far as the database can promise that.
async fn open(database: &str) -> DatabaseConnection {
    let is_file = database.starts_with("sqlite:");
    open_url(if is_file { format!("{database}?mode=ro") } else { database.to_owned() }).await
}

/// To do what no call does.
pub(crate) async fn open_to_write(database: &str) -> DatabaseConnection {
    open_url(database.to_owned()).await
}

async fn open_url(url: String) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.expect("a database")
}

async fn texts(db: &DatabaseConnection, sql: String) -> Vec<String> {
    let query = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(query).await.expect("rows");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

fn tables_of(db: &DatabaseConnection) -> &'static str {
    match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT table_name::text FROM information_schema.tables \
             WHERE table_schema = current_schema()"
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'table'",
    }
}

/// For each column the expression that prints it.
fn columns_of(db: &DatabaseConnection, table: &str) -> String {
    match db.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT CASE data_type \
             WHEN 'bytea' THEN format('quote_nullable(upper(encode(%I, ''hex'')))', column_name) \
             ELSE format('quote_nullable(%I)', column_name) END \
             FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' \
             ORDER BY ordinal_position"
        ),
        _ => format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')"),
    }
}

/// Bytes as SQLite prints a blob.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").expect("a string takes everything");
        text
    })
}
