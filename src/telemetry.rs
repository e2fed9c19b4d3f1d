//! Logs on standard error: lines for people, or JSON for machines.
//!
//! A leaf: imports nothing of the crate but `error`. Secrets, tokens and content are never given to a log line; the
//! types that hold them do not print them, and the crates that see them as SQL are kept quiet whatever the filter says.

use crate::error::Violation;
use serde::Deserialize;
use std::io::IsTerminal;
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, Registry, fmt};

/// The crates of the database and the most that each may say: below that they tell statements, and statements have
/// values. A target belongs to the first that begins it.
const QUIET: [(&str, Level); 4] = [
    ("sea_orm_migration", Level::WARN),
    ("sea_orm", Level::INFO),
    ("sea_query", Level::INFO),
    ("sqlx", Level::INFO),
];

/// The section `log`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How lines look.
    pub format: Format,
    /// Which lines are written, such as `info` or `info,tidings::dispatch=debug`.
    pub filter: String,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self { format: Format::default(), filter: "info".to_owned() }
    }
}

impl Config {
    /// Every wrong key of the section.
    pub fn validate(&self) -> Vec<Violation> {
        match EnvFilter::try_new(&self.filter) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Violation {
                field: "filter".to_owned(),
                description: format!("must be like `info,tidings::dispatch=debug`: {error}"),
            }],
        }
    }
}

/// Begins to write logs. Must be called once, with a valid configuration.
pub fn init(config: &Config) -> Result<(), SetGlobalDefaultError> {
    let colours = std::io::stderr().is_terminal();
    tracing::subscriber::set_global_default(subscriber(config, std::io::stderr, colours))
}

fn subscriber<W>(config: &Config, writer: W, colours: bool) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::new(&config.filter).and(filter_fn(may_be_said));
    let layer = fmt::layer().with_writer(writer).with_ansi(colours);
    match config.format {
        Format::Human => Box::new(Registry::default().with(layer.with_filter(filter))),
        Format::Json => {
            let layer = layer.json().flatten_event(true);
            Box::new(Registry::default().with(layer.with_filter(filter)))
        }
    }
}

/// False for what could hold the values of a statement.
fn may_be_said(metadata: &Metadata<'_>) -> bool {
    let quiet = QUIET.iter().find(|(target, _)| metadata.target().starts_with(target));
    quiet.is_none_or(|(_, most)| metadata.level() <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(config: &Config) -> String {
        logged_by(config, || {
            tracing::info!(activity = "FLIGHT_1711", "activity accepted");
            tracing::debug!("a detail");
        })
    }

    fn logged_by(config: &Config, talks: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(config, move || writer.clone(), false);
        tracing::subscriber::with_default(subscriber, talks);
        let bytes = lines.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn json_lines_have_the_message_and_its_fields() {
        let text = logged(&Config { format: Format::Json, ..Config::default() });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["message"], "activity accepted");
        assert_eq!(line["activity"], "FLIGHT_1711");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let quiet = logged(&Config { filter: "warn".to_owned(), ..Config::default() });
        let chatty = logged(&Config { filter: "debug".to_owned(), ..Config::default() });
        assert_eq!(quiet, "");
        assert!(chatty.contains("activity accepted") && chatty.contains("a detail"), "{chatty}");
    }

    #[test]
    fn no_filter_makes_the_database_tell_its_statements() {
        let filter = "trace,sea_orm=trace,sqlx::query=trace,sea_orm_migration=debug".to_owned();
        let text = logged_by(&Config { filter, ..Config::default() }, || {
            tracing::debug!(target: "sea_orm::driver", "INSERT INTO activity VALUES ('B12')");
            tracing::trace!(target: "sea_orm", "B12");
            tracing::debug!(target: "sqlx::query", "SELECT 'B12'");
            tracing::debug_span!(target: "sqlx::query", "query", value = "B12").in_scope(|| {
                tracing::info!("a line within a span");
            });
            tracing::info!(target: "sea_orm_migration::migrator", "UPDATE x SET y = 'B12'");
            tracing::info!(target: "sqlx::pool", "a connection was opened");
            tracing::trace!(target: "h2", "a frame");
        });
        assert!(!text.contains("B12"), "{text}");
        for said in ["a connection was opened", "a frame", "a line within a span"] {
            assert!(text.contains(said), "{said:?} is missing in {text}");
        }
    }

    #[test]
    fn a_wrong_filter_is_a_violation() {
        let config = Config { filter: "tidings=loud".to_owned(), ..Config::default() };
        assert_eq!(config.validate().len(), 1);
        assert_eq!(Config::default().validate(), []);
    }
}
