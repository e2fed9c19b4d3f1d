//! Facts about configuration, with files of their own and an environment that is an argument.

mod documentation;

use super::*;
use std::fs;

struct Setup {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
    flags: Flags,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, variables: Vec::new(), flags: Flags::default() }
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.folder.path().join("tidings.toml");
        fs::write(&path, text).expect("a file");
        self.flags.config = Some(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn load(&self) -> Result<Config, ConfigError> {
        Config::from_layers(&self.flags, self.variables.clone())
    }

    fn violations(&self) -> Vec<Violation> {
        self.load().expect_err("a wrong configuration").violations
    }
}

fn fields(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| violation.field.as_str()).collect()
}

#[test]
fn without_any_source_the_defaults_hold() {
    let config = Setup::new().load().expect("good");
    assert_eq!(config.grpc.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database.url.expose_secret(), "sqlite://tidings.db");
    assert_eq!(config.apns.production_url, "https://api.push.apple.com");
}

#[test]
fn flags_overrule_the_environment_which_overrules_the_file() {
    let setup = Setup::new().file("[grpc]\nlisten = '127.0.0.1:1'\nmessage_bytes_max = 70000");
    assert_eq!(setup.load().expect("good").grpc.listen.port(), 1);

    let mut setup = setup.variable("TIDINGS__GRPC__LISTEN", "127.0.0.1:2");
    assert_eq!(setup.load().expect("good").grpc.listen.port(), 2);

    setup.flags.grpc_listen = Some("127.0.0.1:3".to_owned());
    let config = setup.load().expect("good");
    assert_eq!(config.grpc.listen.port(), 3);
    assert_eq!(config.grpc.message_bytes_max, 70_000, "what is not overruled stays");
}

#[test]
fn a_variable_is_read_as_the_type_that_its_key_has() {
    let setup = Setup::new()
        .variable("TIDINGS__GRPC__LISTEN", "[::1]:50051")
        .variable("TIDINGS__GRPC__MESSAGE_BYTES_MAX", "70000")
        .variable("TIDINGS__SECURITY__MASTER_KEY_FILE", "007")
        .variable("TIDINGS__LOG__FORMAT", "json")
        .variable("TIDINGS_SOMETHING_ELSE", "ignored");
    let config = setup.load().expect("good");
    assert_eq!(config.grpc.listen.to_string(), "[::1]:50051");
    assert_eq!(config.grpc.message_bytes_max, 70_000);
    assert_eq!(config.security.master_key_file, Some("007".into()));
    assert_eq!(config.log.format, telemetry::Format::Json);
}

#[test]
fn an_unknown_key_is_refused_with_its_name_and_its_neighbours() {
    let violations = Setup::new().file("[grpc]\nlisten_on = '127.0.0.1:1'").violations();
    assert_eq!(fields(&violations), ["grpc.listen_on"]);
    let description = &violations[0].description;
    assert!(description.contains("message_bytes_max"), "{description}");
    assert!(description.contains("tidings.toml"), "{description}");

    let violations = Setup::new().variable("TIDINGS__GRCP__LISTEN", "127.0.0.1:1").violations();
    assert_eq!(fields(&violations), ["grcp"]);
    assert!(violations[0].description.contains("TIDINGS__GRCP__LISTEN"));
}

#[test]
fn all_problems_are_told_at_once() {
    let setup = Setup::new()
        .file(
            "surprise = 1\n[grpc]\nlisten = 'everywhere'\nlisten_on = 1\nrequest_timeout_ms = 5\n\
             [apns]\nproduction_url = 'http://plain'\n[log]\nformat = 'xml'\nfilter = 'a=loud'",
        )
        .variable("TIDINGS__HTTP__LISTEN", "nowhere")
        .variable("TIDINGS__DATABASE__URL", "mysql://x");
    let violations = setup.violations();
    let mut found = fields(&violations);
    found.sort_unstable();
    let expected = [
        "apns.production_url",
        "database.url",
        "grpc.listen",
        "grpc.listen_on",
        "grpc.request_timeout_ms",
        "http.listen",
        "log.filter",
        "log.format",
        "surprise",
    ];
    assert_eq!(found, expected);
    let message = setup.load().expect_err("wrong").to_string();
    assert_eq!(message.lines().count(), 1 + expected.len(), "{message}");
}

#[test]
fn a_section_of_the_wrong_shape_is_one_problem() {
    let violations = Setup::new().file("grpc = 'yes'\nhttp = 3").violations();
    assert_eq!(fields(&violations), ["grpc", "http"]);
}

#[test]
fn a_file_that_was_asked_for_must_be_there_and_be_toml() {
    let mut setup = Setup::new();
    setup.flags.config = Some(setup.folder.path().join("missing.toml"));
    assert!(setup.violations()[0].field.ends_with("missing.toml"));

    let violations =
        Setup::new().file("[security]\nbootstrap_key = 'tdg_live_secret_x'' \n").violations();
    assert!(violations[0].description.contains("line 2"), "{violations:?}");
    assert!(!format!("{violations:?}").contains("tdg_live_secret_x"), "{violations:?}");
}

#[test]
fn no_secret_is_printed_whether_it_is_right_or_wrong() {
    let setup = Setup::new()
        .file("[database]\nurl = 'sqlite://hunter2.db'")
        .variable("TIDINGS__SECURITY__BOOTSTRAP_KEY", "hunter2");
    assert!(!format!("{:?}", setup.violations()).contains("hunter2"));

    let good = Setup::new().file("[database]\nurl = 'sqlite://hunter2.db'");
    assert!(!format!("{:?}", good.load().expect("good")).contains("hunter2"));

    let misplaced = Setup::new().file("[grpc]\nmessage_bytes_max = 'hunter2'");
    assert!(!format!("{:?}", misplaced.violations()).contains("hunter2"));
    let misplaced = Setup::new().file("[security]\nbootstrap_key = 5551234");
    assert!(!format!("{:?}", misplaced.violations()).contains("5551234"));
}

#[test]
fn the_flags_of_the_command_line_are_those_that_it_names() {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }
    let words = ["tidings", "--grpc-listen", "127.0.0.1:3", "--database-url", "sqlite://hunter2"];
    let flags = <Line as clap::Parser>::parse_from(words).flags;
    assert!(!format!("{flags:?}").contains("hunter2"));
    let config = Config::from_layers(&flags, []).expect("good");
    assert_eq!(config.grpc.listen.port(), 3);
    assert_eq!(config.database.url.expose_secret(), "sqlite://hunter2");
}
