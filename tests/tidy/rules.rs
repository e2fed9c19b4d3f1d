//! The pages that say what proves what are right about it: the rules of delivery name tests that exist, the invariants
//! of the architecture name files that exist.

use crate::source::{Tree, has_ending, occurrences};

const PAGE: &str = "docs/delivery-rules.md";
const INVARIANTS: &str = "docs/ARCHITECTURE.md";

/// The names in code marks that look like a path to a test.
fn named(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let rows = (1..).zip(text.lines()).filter(|(_, line)| line.starts_with('|'));
    rows.flat_map(|(number, line)| line.split('`').map(move |part| (number, part)))
        .filter(|(_, part)| part.contains("::"))
}

fn exists(tree: &Tree, path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else { return false };
    let (folder, definition) = (module.replace("::", "/"), format!("fn {name}("));
    let mut files = tree.rust().filter(|file| file.path.contains(&folder));
    files.any(|file| occurrences(&file.code, &definition).next().is_some())
}

pub(crate) fn unproven(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.files.iter().find(|file| file.path == PAGE) else {
        return vec![format!("{PAGE}:1: the page is missing")];
    };
    let missing = named(&page.text).filter(|(_, path)| !exists(tree, path));
    missing.map(|(number, path)| format!("{PAGE}:{number}: no test {path}")).collect()
}

/// The places in the table of invariants, each without the function that it may name.
fn places(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_invariant =
        |line: &str| line.starts_with("| ") && line[2..].starts_with(char::is_numeric);
    let rows = (1..).zip(text.lines()).filter(move |(_, line)| is_invariant(line));
    let parts = rows.flat_map(|(number, line)| {
        let in_marks = line.split('`').skip(1).step_by(2);
        in_marks.map(move |part| (number, part))
    });
    parts.filter(|(_, part)| part.contains('/') || has_ending(part, "rs"))
}

/// What the table of invariants names and nobody finds, below `src` or below `tests`.
pub(crate) fn lost_places(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.files.iter().find(|file| file.path == INVARIANTS) else {
        return vec![format!("{INVARIANTS}:1: the page is missing")];
    };
    let is_there = |place: &str| {
        tree.files.iter().any(|file| {
            ["src/", "tests/"].into_iter().filter_map(|folder| file.path.strip_prefix(folder)).any(
                |path| {
                    let rest = path.strip_prefix(place);
                    rest.is_some_and(|rest| matches!(rest, "" | ".rs") || rest.starts_with('/'))
                },
            )
        })
    };
    let lost = places(&page.text).filter(|(_, place)| !is_there(place));
    lost.map(|(number, place)| format!("{INVARIANTS}:{number}: there is no {place}")).collect()
}

#[test]
fn a_place_that_does_not_exist_is_found() {
    let code = [("src/domain/plan/tests.rs", ""), ("tests/it/flight.rs", "")];
    let with = |text| Tree::of(&[code[0], code[1], (INVARIANTS, text)]);
    let good = "| 1 | It holds | `domain/plan` | `domain/plan/tests.rs`, `it/flight.rs`, `Debug` |";
    assert!(lost_places(&with(good)).is_empty());
    assert_eq!(lost_places(&with("| 12 | It holds | `domain/pla` | `flight.rs` |")).len(), 2);
    assert_eq!(lost_places(&Tree::of(&[code[0]])).len(), 1);
}

#[test]
fn a_test_that_does_not_exist_is_found() {
    let code = ("src/domain/plan/tests.rs", "fn it_holds() {}");
    let page = |text| Tree::of(&[code, (PAGE, text)]);
    assert!(unproven(&page("| A rule. | `domain::plan::it_holds` |")).is_empty());
    assert_eq!(unproven(&page("| A rule. | `domain::plan::it_fails` |")).len(), 1);
    assert_eq!(unproven(&page("| A rule. | `domain::settle::it_holds` |")).len(), 1);
    assert_eq!(unproven(&Tree::of(&[code])).len(), 1);
}
