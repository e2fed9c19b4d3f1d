//! Keeps the repository tidy: the dependency rule, budgets, banned words, orphans.
//!
//! Each rule is a test and says, by file and line, what to do instead. Nothing here needs more than the files: no
//! Rust parser, so the rules read code the way a person skims it. Every rule has small examples that break it.

mod budgets;
mod dependencies;
mod orphans;
mod rules;
mod source;
mod words;

use source::{Tree, mask};

/// Fails with every finding, one a line.
fn verdict(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}

#[test]
fn modules_import_only_what_the_map_allows() {
    let findings = dependencies::modules(&Tree::read());
    verdict("The map is in src/lib.rs; an arrow allows everything further right.", &findings);
}

#[test]
fn crates_are_used_only_where_they_belong() {
    let findings = dependencies::crates(&Tree::read());
    verdict("Go through the module that owns the crate.", &findings);
}

#[test]
fn files_are_at_most_400_lines() {
    let tree = Tree::read();
    for note in budgets::long_files(&tree, budgets::FILE_LINES_GOOD) {
        println!("long: {note}");
    }
    let findings = budgets::long_files(&tree, budgets::FILE_LINES_MAX);
    verdict("Split the file along its nouns; 200 lines are a good length.", &findings);
}

#[test]
fn functions_are_at_most_70_lines() {
    verdict("Name the parts of the function.", &budgets::long_functions(&Tree::read()));
}

#[test]
fn lines_are_at_most_100_columns_and_comments_120() {
    verdict("Break the line.", &budgets::long_lines(&Tree::read()));
}

#[test]
fn no_banned_word_is_in_the_repository() {
    verdict("Do it now, or say what is true today.", &words::banned(&Tree::read()));
}

#[test]
fn no_test_sleeps() {
    let findings = words::sleeps(&Tree::read());
    verdict("Move a manual clock, or wait for the fact itself with a bound.", &findings);
}

#[test]
fn every_module_has_a_name_that_says_something() {
    verdict("Name what the module is about.", &words::module_names(&Tree::read()));
}

#[test]
fn every_file_of_code_belongs_to_a_module() {
    verdict("Declare it with `mod`, or delete it.", &orphans::undeclared(&Tree::read()));
}

#[test]
fn every_rule_of_delivery_names_tests_that_exist() {
    let findings = rules::unproven(&Tree::read());
    verdict("Name the test that proves the rule, or write it.", &findings);
}

#[test]
fn every_invariant_is_kept_and_tested_where_the_page_says() {
    let findings = rules::lost_places(&Tree::read());
    verdict("Name the file as it is below src or tests.", &findings);
}

#[test]
fn every_proto_file_has_its_pair() {
    let findings = orphans::proto_pairs(&Tree::read());
    verdict("Messages go to <thing>.proto, the service to <thing>_service.proto.", &findings);
}

#[test]
fn every_module_begins_by_saying_what_it_is_for() {
    let findings = orphans::without_introduction(&Tree::read());
    verdict("Begin with `//!`: what it is for, what it may import, what it keeps true.", &findings);
}

#[test]
fn lints_are_silenced_only_with_an_expectation() {
    let findings = words::allowed_lints(&Tree::read());
    verdict("Write #[expect(lint, reason = \"...\")].", &findings);
}

#[test]
fn the_rules_see_the_whole_repository() {
    let tree = Tree::read();
    for path in ["src/lib.rs", "src/clock.rs", "migrations/src/lib.rs", "tests/tidy/main.rs"] {
        assert!(tree.rust().any(|file| file.path == path), "{path}");
    }
    assert!(tree.files.iter().any(|file| file.path == "scripts/test"));
    assert!(tree.files.iter().any(|file| file.path == "proto/tidings/v1/device.proto"));
}

#[test]
fn masking_keeps_code_and_blanks_strings_and_comments() {
    let lifetimes = "fn a<'x>(b: &'x str) -> char { '\"' }";
    assert_eq!(mask(lifetimes), "fn a<'x>(b: &'x str) -> char {     }");
    assert_eq!(mask(r#"a("{\"}") // }"#), "a(      )     ");
    assert_eq!(mask("r#\"one \" two\"# + x"), "r              + x");
    assert_eq!(mask("/* a /* b */ c */ d"), "                  d");
    assert_eq!(mask("\"a\nb\";\nc"), "  \n  ;\nc");
    assert_eq!(mask(r"'\'' + '\\' + b'{' + e"), "     +      + b    + e");
}
