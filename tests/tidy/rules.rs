//! The page that names a test for every rule of delivery names tests that exist.

use crate::source::{Tree, occurrences};

const PAGE: &str = "docs/delivery-rules.md";

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

#[test]
fn a_test_that_does_not_exist_is_found() {
    let code = ("src/domain/plan/tests.rs", "fn it_holds() {}");
    let page = |text| Tree::of(&[code, (PAGE, text)]);
    assert!(unproven(&page("| A rule. | `domain::plan::it_holds` |")).is_empty());
    assert_eq!(unproven(&page("| A rule. | `domain::plan::it_fails` |")).len(), 1);
    assert_eq!(unproven(&page("| A rule. | `domain::settle::it_holds` |")).len(), 1);
    assert_eq!(unproven(&Tree::of(&[code])).len(), 1);
}
