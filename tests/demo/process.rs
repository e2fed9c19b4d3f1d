//! The built binary, in a folder of its own. Every wait has a bound; what it leaves behind is seen.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use tempfile::TempDir;

/// How long the demo may say nothing before its test has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// A demo that runs. It is killed when it is dropped.
pub(crate) struct Demo {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    text: String,
    /// Its working folder, and the one in which it may keep files while it runs.
    folders: [TempDir; 2],
}

/// What became of a demo.
pub(crate) struct Ended {
    pub(crate) succeeded: bool,
    pub(crate) text: String,
    pub(crate) errors: String,
    /// Files in its folders.
    pub(crate) left_over: Vec<String>,
}

impl Demo {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folders = [TempDir::new().expect("a folder"), TempDir::new().expect("a folder")];
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .arg("demo")
            .args(arguments)
            .current_dir(folders[0].path())
            .env("TMPDIR", folders[1].path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let lines = read(child.stdout.take().expect("piped"));
        let errors = read(child.stderr.take().expect("piped"));
        Demo { child, lines, errors, text: String::new(), folders }
    }

    /// The next line that contains this.
    pub(crate) fn line_with(&mut self, words: &str) -> String {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.text.push_str(&line);
            self.text.push('\n');
            if line.contains(words) {
                return line;
            }
        }
        panic!("{words:?} was not said:\n{}", self.text);
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("a signal");
        assert!(sent.success());
    }

    /// Waits for its end. A demo that hangs falls silent first; one that has closed its pipes has ended.
    pub(crate) fn ended(mut self) -> Ended {
        let rest = drain(&self.lines);
        let errors = drain(&self.errors);
        let text = format!("{}{rest}", self.text);
        let succeeded = self.child.wait().expect("a status").success();
        let left_over = self.folders.iter().flat_map(|folder| files(folder.path())).collect();
        Ended { succeeded, text, errors, left_over }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has ended already, unless its test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ended { succeeded, text, errors, left_over } = self;
        write!(f, "succeeded: {succeeded}, left over: {left_over:?}\n{text}\n{errors}")
    }
}

/// Reads lines on a thread of its own, so that waiting for them can have a bound.
fn read(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// What is still to come until the pipe closes.
fn drain(lines: &Receiver<String>) -> String {
    let mut text = String::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                text.push_str(&line);
                text.push('\n');
            }
            Err(RecvTimeoutError::Disconnected) => return text,
            Err(RecvTimeoutError::Timeout) => panic!("it has fallen silent after:\n{text}"),
        }
    }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path().display().to_string()).collect()
}
