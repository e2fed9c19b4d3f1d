//! The real binary as a child process.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How long a start may take on a machine that has other things to do.
const START_MAX: Duration = Duration::from_mins(1);
/// How much of a log is told when something failed.
const LOG_LINES_TOLD: usize = 40;
/// What it says when it serves, before the address.
const SERVES: &str = "gRPC listens on ";
/// How often it is asked whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Settings as the environment has them.
pub(crate) type Variables = Vec<(String, String)>;

/// A running `tidings`. It is killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    log: PathBuf,
}

/// What a process said when it came to serve.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) took: Duration,
    /// Where gRPC listens.
    pub(crate) address: String,
    /// The lines before that.
    pub(crate) said: Vec<String>,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) output: String,
    pub(crate) log: String,
}

impl Process {
    /// Starts it in the folder with nothing in its environment but the variables. Its log is appended to a file there.
    pub(crate) fn spawn(folder: &Path, name: &str, arguments: &[&str], all: &Variables) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("a log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(arguments)
            .env_clear()
            .envs(all.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .expect("the binary starts");
        let output = child.stdout.take().expect("standard output is piped");
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Process { child, lines, log }
    }

    /// Waits until it says that it serves.
    pub(crate) async fn serving(&mut self) -> Serving {
        let began = Instant::now();
        let mut said = Vec::new();
        let serving = async {
            while let Some(line) = self.lines.recv().await {
                let address = line.strip_prefix(SERVES).and_then(|rest| rest.split(',').next());
                if let Some(address) = address {
                    return Some(address.to_owned());
                }
                said.push(line);
            }
            None
        };
        let address = timeout(START_MAX, serving).await.ok().flatten();
        let address = address.unwrap_or_else(|| {
            panic!("the server did not come to serve; its log ends:\n{}", self.log_end())
        });
        Serving { took: began.elapsed(), address, said }
    }

    /// SIGKILL; the process is gone when this returns.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("an ended process");
    }

    /// SIGTERM, as Kubernetes sends it.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// The signal of that name.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &command]).status().expect("a shell");
        assert!(sent.success(), "the signal was not sent");
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self, within: Duration) -> Ended {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let ending = async {
            loop {
                ticks.tick().await;
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status;
                }
            }
        };
        let status = timeout(within, ending).await;
        let status = status.unwrap_or_else(|_| {
            panic!("the process did not end in {within:?}; its log ends:\n{}", self.log_end())
        });
        let mut output = String::new();
        while let Some(line) = self.lines.recv().await {
            output.push_str(&line);
            output.push('\n');
        }
        Ended { status, output, log: self.log() }
    }

    /// What it has logged so far, and whoever had the same name before it.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_TOLD)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server's log ends:\n{}", self.log_end());
        }
        // It may have ended already, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
