//! A PostgreSQL server of the test's own, which can be stopped without warning and started again.

use sea_orm::{ConnectionTrait, Database, DbBackend, Statement};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Who runs them where we are root, by whom PostgreSQL refuses to be run. The package makes the user.
const USER: &str = "postgres";
/// So many connections for both replicas and whoever looks into the tables.
const CONNECTIONS_MAX: u32 = 100;

/// A running server. It is stopped when this is dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// An empty one. Its port must stay free while it is stopped.
    pub(crate) fn start(port: u16) -> Self {
        let folder = TempDir::new().expect("a folder");
        if is_root() {
            done(Command::new("chown").arg(USER).arg(folder.path()));
        }
        let postgres = Postgres { folder, port };
        let mut init = postgres.command("initdb");
        init.args(["--username=tidings", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]);
        done(init.arg("--no-sync"));
        postgres.start_again();
        postgres
    }

    /// For `database.url`.
    pub(crate) fn url(&self) -> String {
        format!("postgres://tidings@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it as a crash would: no session is asked, nothing is finished.
    pub(crate) fn stop_at_once(&self) {
        done(self.command("pg_ctl").args(["stop", "--mode=immediate", "--wait", "--silent"]));
    }

    /// Starts it on what it has; it serves when this returns.
    pub(crate) fn start_again(&self) {
        let port = self.port;
        let log = self.folder.path().join("log");
        let options = format!(
            "-h 127.0.0.1 -p {port} -k '' -c fsync=off -c max_connections={CONNECTIONS_MAX}"
        );
        let mut start = self.command("pg_ctl");
        start.args(["start", "--wait", "--silent"]).arg(format!("--log={}", log.display()));
        done(start.arg(format!("--options={options}")));
    }

    /// What a query counts.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let database = Database::connect(self.url()).await.expect("a connection");
        let query = Statement::from_string(DbBackend::Postgres, sql);
        let row = database.query_one_raw(query).await.expect("a query").expect("a row");
        database.close().await.expect("closed");
        row.try_get_by_index(0).expect("a number")
    }

    /// A program on the data of this server.
    fn command(&self, program: &str) -> Command {
        let program = newest(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["--user", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Not the folder of the test, which the user may not enter.
        command.current_dir("/");
        command.arg(format!("--pgdata={}", self.folder.path().join("data").display()));
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        // It may be stopped already, which is as good.
        stop.args(["stop", "--mode=immediate", "--wait", "--silent"]);
        stop.stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

fn newest(program: &str) -> PathBuf {
    let versions = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let path = |folder: &Path| folder.join("bin").join(program);
    let found = versions.map(|version| path(&version.path())).filter(|path| path.exists());
    // On other systems they are found by their names.
    found.max().unwrap_or_else(|| program.into())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("an id");
    id.stdout == b"0\n"
}

fn done(command: &mut Command) {
    // A server that goes on running must not keep what the test's own runner waits for.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{command:?} failed");
}
