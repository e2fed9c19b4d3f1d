//! Files that nothing leads to, and modules that do not introduce themselves.

use crate::source::{File, Tree, occurrences};

/// Words of the protocol that belong to no service.
const WITHOUT_SERVICE: [&str; 1] = ["error_reason"];

pub(crate) fn undeclared(tree: &Tree) -> Vec<String> {
    let orphans = tree.rust().filter(|file| {
        let Some((name, parents)) = declaration(&file.path) else { return false };
        !parents.iter().any(|parent| declares(tree, parent, &name))
    });
    orphans.map(|file| format!("{}:1: no `mod` leads here", file.path)).collect()
}

fn declares(tree: &Tree, parent: &str, name: &str) -> bool {
    let parent = tree.files.iter().find(|file| file.path == parent);
    let line = format!("mod {name};");
    parent.is_some_and(|parent| occurrences(&parent.code, &line).next().is_some())
}

/// The name of the module that a file is, and the files that may declare it; nothing for the root of a crate.
fn declaration(path: &str) -> Option<(String, Vec<String>)> {
    let module = path.strip_suffix(".rs")?;
    let module = module.strip_suffix("/mod").unwrap_or(module);
    let (folder, name) = module.rsplit_once('/')?;
    let top = matches!(folder, "src" | "migrations/src");
    let crate_root = (top && matches!(name, "lib" | "main"))
        || matches!(folder, "tests" | "benches" | "examples" | "src/bin")
        || (name == "main" && folder.matches('/').count() == 1 && folder.starts_with("tests/"));
    if crate_root {
        return None;
    }
    let parents = if top {
        vec![format!("{folder}/lib.rs"), format!("{folder}/main.rs")]
    } else {
        vec![format!("{folder}/mod.rs"), format!("{folder}.rs"), format!("{folder}/main.rs")]
    };
    Some((name.to_owned(), parents))
}

pub(crate) fn proto_pairs(tree: &Tree) -> Vec<String> {
    let stems: Vec<&str> = tree.files.iter().filter_map(own_proto).collect();
    let mut findings = Vec::new();
    for file in &tree.files {
        let Some(stem) = own_proto(file) else { continue };
        let thing = stem.rsplit('/').next().unwrap_or_default();
        let has_service = file.text.lines().any(|line| line.starts_with("service "));
        let (pair, should_serve) = match stem.strip_suffix("_service") {
            Some(messages) => (messages.to_owned(), true),
            None => (format!("{stem}_service"), false),
        };
        if !WITHOUT_SERVICE.contains(&thing) && !stems.contains(&pair.as_str()) {
            findings.push(format!("{}:1: {pair}.proto is missing", file.path));
        }
        if has_service != should_serve {
            findings.push(format!("{}:1: the service is in the wrong file", file.path));
        }
    }
    findings
}

/// The path of a file of the public API without its ending. The simulator's API has one service for all it can do.
fn own_proto(file: &File) -> Option<&str> {
    file.path.strip_suffix(".proto").filter(|stem| stem.starts_with("proto/tidings/v1/"))
}

pub(crate) fn without_introduction(tree: &Tree) -> Vec<String> {
    let introduced = |file: &&File| file.text.trim_start().starts_with("//!");
    let silent = tree.rust().filter(|file| !introduced(file));
    silent.map(|file| format!("{}:1: the first line is not `//!`", file.path)).collect()
}

#[test]
fn a_file_that_no_mod_declares_is_found() {
    let tree = Tree::of(&[
        ("src/lib.rs", "pub mod store;\n// mod lost;"),
        ("src/main.rs", "mod demo;"),
        ("src/demo.rs", ""),
        ("src/store/mod.rs", "mod write;"),
        ("src/store/write.rs", "#[cfg(test)]\nmod tests;"),
        ("src/store/write/tests.rs", ""),
        ("src/store/forgotten.rs", ""),
        ("src/lost/mod.rs", ""),
        ("tests/flight.rs", ""),
        ("tests/tidy/main.rs", "mod words;"),
        ("tests/tidy/words.rs", ""),
    ]);
    let findings = undeclared(&tree);
    let lost =
        ["src/store/forgotten.rs:1: no `mod` leads here", "src/lost/mod.rs:1: no `mod` leads here"];
    assert_eq!(findings, lost);
}

#[test]
fn a_proto_file_without_its_pair_is_found() {
    let tree = Tree::of(&[
        ("proto/tidings/v1/app.proto", ""),
        ("proto/tidings/v1/app_service.proto", "service AppService {"),
        ("proto/tidings/v1/error_reason.proto", ""),
        ("proto/tidings/v1/device.proto", "service DeviceService {"),
    ]);
    let findings = proto_pairs(&tree);
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.starts_with("proto/tidings/v1/device.proto")));
}

#[test]
fn a_module_without_introduction_is_found() {
    let tree = Tree::of(&[("src/a.rs", "//! What it is.\n"), ("src/b.rs", "use std::fmt;\n")]);
    assert_eq!(without_introduction(&tree), ["src/b.rs:1: the first line is not `//!`"]);
}
