//! Configuration: built-in defaults, then `tidings.toml`, then `TIDINGS__SECTION__KEY`, then flags.
//!
//! Composes the `Config` of every module, so it may import all of them; only `server` and `main` import it. The only
//! place that reads the environment. A configuration with a problem cannot be had, and all problems are told at once.

use crate::dispatch::retention;
use crate::error::Violation;
use crate::provider::{apns, fcm};
use crate::{grpc, http, secrets, service, store, telemetry};
use clap::Args;
use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Value};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// Read where it exists, unless `--config` names another file.
const FILE: &str = "tidings.toml";

/// Begins the name of every environment variable that is read; the same two letters separate section and key.
const PREFIX: &str = "TIDINGS__";
const SEPARATOR: &str = "__";

/// How much of a wrong configuration is told.
const VIOLATIONS_MAX: usize = 100;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "each section's type says what it is")]
pub struct Config {
    pub grpc: grpc::Config,
    pub http: http::Config,
    pub database: store::Config,
    pub apns: apns::Config,
    pub fcm: fcm::Config,
    pub activities: service::Config,
    pub retention: retention::Config,
    pub security: secrets::Config,
    pub log: telemetry::Config,
}

/// The flags that overrule everything else.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// The configuration file [default: tidings.toml, where it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where gRPC listens [default: 127.0.0.1:50051]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub grpc_listen: Option<String>,
    /// Where HTTP listens [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub http_listen: Option<String>,
    /// Where the data is [default: the file tidings.db here, as SQLite]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<SecretString>,
    /// How log lines look: human or json
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Which log lines are written, such as info or tidings=debug
    #[arg(long, global = true, value_name = "FILTER")]
    pub log_filter: Option<String>,
}

/// Everything that is wrong with a configuration; each field with its section before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub violations: Vec<Violation>,
}

impl Config {
    /// The configuration of this process.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        Self::from_layers(flags, variables)
    }

    fn from_layers(
        flags: &Flags,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let figment = layers(flags, variables)?;
        let (config, mut violations) = extract(&figment);
        let sections = [
            ("grpc", config.grpc.validate()),
            ("database", config.database.validate()),
            ("apns", config.apns.validate()),
            ("fcm", config.fcm.validate()),
            ("activities", config.activities.validate()),
            ("retention", config.retention.validate()),
            ("security", config.security.validate()),
            ("log", config.log.validate()),
        ];
        for (section, wrong) in sections {
            violations.extend(wrong.into_iter().map(|Violation { field, description }| {
                let field = format!("{section}.{field}");
                Violation {
                    description: format!("{description}{}", origin(&figment, &field)),
                    field,
                }
            }));
        }
        if violations.is_empty() { Ok(config) } else { Err(ConfigError { violations }) }
    }
}

/// Lays the sources over one another.
fn layers(
    flags: &Flags,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Figment, ConfigError> {
    let mut figment = Figment::new();
    let file = flags.config.clone().unwrap_or_else(|| FILE.into());
    if flags.config.is_some() || file.exists() {
        let text = std::fs::read_to_string(&file).map_err(|cause| {
            problem(&file.display().to_string(), format!("not readable: {cause}"))
        })?;
        let table: Dict = Toml::from_str(&text)
            .map_err(|error| problem(&file.display().to_string(), without_excerpt(&error)))?;
        figment = merge(figment, &file.display().to_string(), &table);
    }
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(PREFIX) {
            let path = path.to_lowercase().replace(SEPARATOR, ".");
            figment = merge(figment, &name, &figment::util::nest(&path, value.into()));
        }
    }
    let database_url = flags.database_url.as_ref().map(ExposeSecret::expose_secret);
    let overrides = [
        ("grpc.listen", "--grpc-listen", flags.grpc_listen.as_deref()),
        ("http.listen", "--http-listen", flags.http_listen.as_deref()),
        ("database.url", "--database-url", database_url),
        ("log.format", "--log-format", flags.log_format.as_deref()),
        ("log.filter", "--log-filter", flags.log_filter.as_deref()),
    ];
    for (path, name, value) in overrides {
        if let Some(value) = value {
            figment = merge(figment, name, &figment::util::nest(path, value.into()));
        }
    }
    Ok(figment)
}

/// Lays one more source over the others, under a name that messages can tell.
fn merge(figment: Figment, source: &str, values: &impl serde::Serialize) -> Figment {
    figment.merge(Source { name: source.to_owned(), values: Serialized::defaults(values) })
}

struct Source<T> {
    name: String,
    values: Serialized<T>,
}

impl<T: serde::Serialize> figment::Provider for Source<T> {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named(self.name.clone())
    }

    fn data(&self) -> figment::Result<figment::value::Map<figment::Profile, Dict>> {
        self.values.data()
    }
}

/// Reads the sections. A value that cannot be read is told, taken out, and the rest is read again: so one run finds
/// every problem, and what is left has defaults.
fn extract(figment: &Figment) -> (Config, Vec<Violation>) {
    let mut violations = Vec::new();
    let mut rest = match figment.extract::<Dict>() {
        Ok(rest) => rest,
        Err(error) => return (Config::default(), vec![violation(figment, &error)]),
    };
    // Strings become numbers and booleans where such are wanted, for the environment has only strings.
    while violations.len() < VIOLATIONS_MAX {
        match Figment::from(Serialized::defaults(&rest)).extract_lossy::<Config>() {
            Ok(config) => return (config, violations),
            Err(error) => {
                let found = violation(figment, &error);
                let removed = remove(&mut rest, &found.field);
                violations.push(found);
                if !removed {
                    break;
                }
            }
        }
    }
    (Config::default(), violations)
}

fn remove(dict: &mut Dict, path: &str) -> bool {
    match path.split_once('.') {
        None => dict.remove(path).is_some(),
        Some((section, rest)) => match dict.get_mut(section) {
            Some(Value::Dict(_, inner)) => remove(inner, rest),
            _ => false,
        },
    }
}

/// Says what is wrong and what would be right, but never the value: it may be a secret in the wrong place.
fn violation(figment: &Figment, error: &figment::Error) -> Violation {
    let mut path = error.path.clone();
    let description = match &error.kind {
        Kind::UnknownField(name, known) => {
            if path.last() != Some(name) {
                path.push(name.clone());
            }
            format!("is not known; there are: {}", known.join(", "))
        }
        Kind::UnknownVariant(_, known) => format!("must be one of: {}", known.join(", ")),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("must be {expected}")
        }
        kind => kind.to_string(),
    };
    let field = path.join(".");
    Violation { description: format!("{description}{}", origin(figment, &field)), field }
}

/// Where a value came from; nothing for a default.
fn origin(figment: &Figment, path: &str) -> String {
    let metadata = figment.find_metadata(path);
    metadata.map_or_else(String::new, |metadata| format!(" (from {})", metadata.name))
}

/// The message of a TOML error without the lines that quote the file.
fn without_excerpt(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let lines = text.lines().filter(|line| !line.contains('|') && !line.trim().is_empty());
    lines.collect::<Vec<_>>().join(": ")
}

fn problem(field: &str, description: String) -> ConfigError {
    ConfigError { violations: vec![Violation { field: field.to_owned(), description }] }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The configuration is wrong:")?;
        for Violation { field, description } in &self.violations {
            write!(f, "\n  {field}: {description}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
