//! `docs/CONFIGURATION.md` says what is true: every key, its default and its limits.

use super::super::*;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../docs/CONFIGURATION.md");

/// A row of the page's table.
struct Row<'a> {
    key: &'a str,
    default: &'a str,
    limits: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, key, default, limits, _, _] = cells.as_slice() else { panic!("{line}") };
        Row { key: key.trim_matches('`'), default: default.trim_matches('`'), limits }
    })
    .collect()
}

fn load(key: &str, value: &str) -> Result<Config, ConfigError> {
    let variable = format!("{PREFIX}{}", key.to_uppercase().replace('.', SEPARATOR));
    let flags = Flags { config: None, ..Flags::default() };
    Config::from_layers(&flags, [(variable, value.to_owned())])
}

/// The keys that a refusal of an unknown one names.
fn neighbours(key: &str) -> Vec<String> {
    let error = load(key, "x").expect_err("no such key");
    let description = &error.violations[0].description;
    let (_, known) = description.split_once("there are: ").expect("the neighbours");
    let known = known.split_once(" (from").map_or(known, |(known, _)| known);
    known.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_page_lists_every_key_and_no_other() {
    let documented: BTreeSet<String> = rows().iter().map(|row| row.key.to_owned()).collect();
    let sections = neighbours("nowhere");
    let known: BTreeSet<String> = sections
        .iter()
        .flat_map(|section| {
            let keys = neighbours(&format!("{section}.nowhere"));
            keys.into_iter().map(move |key| format!("{section}.{key}"))
        })
        .collect();
    assert_eq!(documented, known);
}

#[test]
fn the_page_says_the_defaults() {
    let default = format!("{:?}", Config::default());
    for Row { key, default: value, .. } in rows() {
        if value == "none" {
            assert!(default.contains(&format!("{}: None", last(key))), "{key}");
        } else {
            let loaded = load(key, value).unwrap_or_else(|error| panic!("{key}: {error}"));
            assert_eq!(format!("{loaded:?}"), default, "{key}");
        }
    }
    let url = Config::default().database.url;
    let documented = rows().into_iter().find(|row| row.key == "database.url").expect("the row");
    assert_eq!(url.expose_secret(), documented.default, "a secret does not show in the above");
}

#[test]
fn the_page_says_the_limits() {
    let mut limited = 0;
    for Row { key, limits, .. } in rows() {
        let Some((least, most)) = limits.split_once(" to ") else { continue };
        let (least, most): (u64, u64) =
            (least.parse().expect("a number"), most.parse().expect("a number"));
        for value in [least, most] {
            assert!(load(key, &value.to_string()).is_ok(), "{key} = {value}");
        }
        for value in [least - 1, most + 1] {
            assert!(load(key, &value.to_string()).is_err(), "{key} = {value}");
        }
        limited += 1;
    }
    assert_eq!(limited, 28, "every number has limits");
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}
