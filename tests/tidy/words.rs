//! Words that do not belong into the repository. They are written in two halves here, for this file is read too.

use crate::source::{Tree, occurrences};

/// Promises, which belong where work is planned.
const PROMISES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// Code that does not do what it says.
const HOLLOW: [&str; 4] = [
    concat!("unimple", "mented!"),
    concat!("to", "do!"),
    concat!("#[ign", "ore"),
    concat!("db", "g!"),
];

/// Things of the place where this was written, which nobody else has.
const LOCAL: [&str; 3] = [concat!("/wo", "rk/"), concat!("../sha", "red"), concat!("/tm", "p/wt")];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "misc", "inner"];

pub(crate) fn banned(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for (number, line) in file.lines() {
            let promises = PROMISES.iter().filter(|word| occurrences(line, word).next().is_some());
            let local = LOCAL.iter().filter(|word| line.contains(**word));
            for word in promises.chain(local) {
                findings.push(format!("{}:{number}: `{word}`", file.path));
            }
            if names_an_issue(line) {
                findings.push(format!("{}:{number}: names an issue by number", file.path));
            }
        }
        for (number, line) in (1..).zip(file.code.lines()) {
            for word in HOLLOW.iter().filter(|word| occurrences(line, word).next().is_some()) {
                findings.push(format!("{}:{number}: `{word}`", file.path));
            }
        }
    }
    findings
}

/// A number means something only beside the list that it is from.
fn names_an_issue(line: &str) -> bool {
    let line = line.to_lowercase();
    let word = concat!("iss", "ue ");
    let numbers = line.match_indices(word).filter_map(|(at, _)| line.get(at + word.len()..));
    numbers.into_iter().any(|rest| rest.starts_with(|c: char| c == '#' || c.is_ascii_digit()))
}

pub(crate) fn sleeps(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let mut in_tests = file.is_test();
        for (number, line) in (1..).zip(file.code.lines()) {
            // Tests stand at the end of a file.
            in_tests |= line.trim() == "mod tests {";
            let blocks = occurrences(line, "thread::sleep").next().is_some();
            let waits = ["sleep(", "sleep_until("];
            let waits = waits.iter().any(|call| occurrences(line, call).next().is_some());
            if blocks || (in_tests && waits) {
                findings.push(format!("{}:{number}: a sleep", file.path));
            }
        }
    }
    findings
}

pub(crate) fn module_names(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let stem = file.path.trim_end_matches(".rs");
        if let Some(name) = stem.split('/').find(|part| EMPTY_NAMES.contains(part)) {
            findings.push(format!("{}:1: a module named `{name}`", file.path));
        }
        for (number, line) in (1..).zip(file.code.lines()) {
            let inline = line.trim_start().trim_start_matches("pub ").strip_prefix("mod ");
            let name = inline.map(|rest| rest.trim_end_matches([' ', '{', ';']));
            if name.is_some_and(|name| EMPTY_NAMES.contains(&name)) {
                findings.push(format!("{}:{number}: a module with an empty name", file.path));
            }
        }
    }
    findings
}

pub(crate) fn allowed_lints(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| file.path != "src/proto.rs") {
        for (number, line) in (1..).zip(file.code.lines()) {
            let hidden = line.contains("cfg_attr") && occurrences(line, "allow(").next().is_some();
            if hidden || line.contains("[allow(") {
                findings.push(format!("{}:{number}: a lint is allowed", file.path));
            }
        }
    }
    findings
}

#[test]
fn banned_words_are_found_and_their_neighbours_are_not() {
    let found = |path: &str, text: &str| banned(&Tree::of(&[(path, text)])).len();
    for word in PROMISES {
        assert_eq!(found("docs/a.md", &format!("one\n{word}: later")), 1, "{word}");
        assert_eq!(found("docs/a.md", &format!("A{word}S")), 0, "{word}");
    }
    for word in HOLLOW {
        assert_eq!(found("src/a.rs", &format!("{word}()")), 1, "{word}");
        assert_eq!(found("src/a.rs", &format!("// {word}()")), 0, "{word}");
    }
    for word in LOCAL {
        assert_eq!(found("README.md", &format!("see {word}x")), 1, "{word}");
    }
    assert_eq!(found("README.md", &format!("see {} 3", concat!("iss", "ue"))), 1);
    assert_eq!(found("README.md", &format!("see {} #3", concat!("Iss", "ue"))), 1);
    assert_eq!(found("README.md", "open an issue before you begin"), 0);
}

#[test]
fn sleeps_in_tests_and_blocking_sleeps_anywhere_are_found() {
    let found = |path: &str, text: &str| sleeps(&Tree::of(&[(path, text)])).len();
    assert_eq!(found("tests/a.rs", "tokio::time::sleep(a).await"), 1);
    assert_eq!(found("src/a.rs", "sleep(a).await;\n#[cfg(test)]\nmod tests {\nsleep(a) }"), 1);
    assert_eq!(found("src/a.rs", "std::thread::sleep(a)"), 1);
    assert_eq!(found("src/a.rs", "#[cfg(test)]\nmod tests;\ntokio::time::sleep(a).await"), 0);
}

#[test]
fn empty_names_and_allowed_lints_are_found() {
    let named = |path: &str, text: &str| module_names(&Tree::of(&[(path, text)])).len();
    assert_eq!(named("src/store/util.rs", ""), 1);
    assert_eq!(named("src/store/mod.rs", "pub mod helpers;"), 1);
    assert_eq!(named("src/store/mod.rs", "pub mod devices;"), 0);
    let allowed = |path: &str, text: &str| allowed_lints(&Tree::of(&[(path, text)])).len();
    assert_eq!(allowed("src/a.rs", "#[allow(dead_code)]"), 1);
    assert_eq!(allowed("src/a.rs", "#![cfg_attr(test, allow(dead_code))]"), 1);
    assert_eq!(allowed("src/a.rs", "#[expect(dead_code, reason = \"x\")] fn b() { allow(1) }"), 0);
}
