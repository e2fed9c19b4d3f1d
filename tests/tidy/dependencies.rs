//! The dependency rule: which module of the crate may import which, and who may use which crate.

use crate::source::{File, Tree, first_word, is_word, occurrences};

/// Leaves that everyone may import, except the simulator, which has a world of its own.
const LEAVES: [&str; 5] = ["clock", "error", "listener", "secrets", "telemetry"];

/// What a module may import.
enum May {
    Everything,
    /// These and the leaves.
    Layers(&'static [&'static str]),
    /// These alone.
    Only(&'static [&'static str]),
}

/// The map of src/lib.rs. A module that is not in it is refused, so that the map stays whole.
const MAP: [(&str, May); 19] = [
    ("main", May::Everything),
    ("lib", May::Everything),
    ("server", May::Everything),
    ("config", May::Everything),
    ("grpc", May::Layers(&["service", "store", "bus", "domain", "proto"])),
    ("http", May::Layers(&["service", "store", "bus", "domain", "proto"])),
    ("service", May::Layers(&["store", "bus", "domain"])),
    ("dispatch", May::Layers(&["store", "provider", "bus", "domain"])),
    ("webhook", May::Layers(&["store", "bus", "domain"])),
    ("provider", May::Layers(&["domain"])),
    ("store", May::Layers(&["domain"])),
    ("bus", May::Layers(&["domain"])),
    ("domain", May::Layers(&[])),
    ("clock", May::Only(&[])),
    ("listener", May::Only(&[])),
    ("error", May::Only(&[])),
    ("secrets", May::Only(&["error"])),
    ("telemetry", May::Only(&["error"])),
    ("simulator", May::Only(&["proto", "clock"])),
];

/// Generated code, which imports nothing.
const GENERATED: &str = "proto";

/// Modules that only the composition may import.
const COMPOSITION: [(&str, &[&str]); 2] = [("server", &["main"]), ("config", &["main", "server"])];

/// Crates that belong to some modules alone. The composition root may hand them on.
const OWNERS: [(&[&str], &[&str]); 6] = [
    (&["sea_orm", "sqlx", "sea_query", "migrations"], &["store"]),
    (&["h2", "reqwest", "tokio_rustls"], &["provider", "webhook", "simulator"]),
    (&["async_nats"], &["bus"]),
    (
        &["tonic", "prost", "prost_types", "tonic_types"],
        &["cli", "grpc", "http", "listener", "proto", "simulator"],
    ),
    (&["axum"], &["http", "listener", "simulator"]),
    (&["figment"], &["config"]),
];

/// Crates that rules must do without: `domain` is pure and synchronous.
const IMPURE: [&str; 4] = ["tokio", "futures", "tracing", "rand"];

pub(crate) fn modules(tree: &Tree) -> Vec<String> {
    let binary = tree.files.iter().find(|file| file.path == "src/main.rs");
    let of_binary = |module: &str| {
        binary
            .is_some_and(|main| occurrences(&main.code, &format!("mod {module};")).next().is_some())
    };
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(module) = file.module() else { continue };
        if module == GENERATED || of_binary(module) {
            continue;
        }
        let Some((_, may)) = MAP.iter().find(|(name, _)| *name == module) else {
            findings.push(format!("{}:1: the module `{module}` is not on the map", file.path));
            continue;
        };
        for (offset, import) in imports(file) {
            if let Some(instead) = refusal(module, may, &import) {
                let line = file.line_of(offset);
                let path = &file.path;
                findings.push(format!("{path}:{line}: `{module}` imports `{import}`; {instead}"));
            }
        }
    }
    findings
}

/// Why a module may not import another, as what to do instead.
fn refusal(module: &str, may: &May, import: &str) -> Option<String> {
    let known = MAP.iter().any(|(name, _)| *name == import) || import == GENERATED;
    // A name that is no module is an item or a macro of the crate's root.
    if !known || module == import {
        return None;
    }
    if let Some((_, users)) = COMPOSITION.iter().find(|(name, _)| *name == import) {
        let passes = users.contains(&module);
        return (!passes)
            .then(|| format!("only {} may; take what you need as arguments", users.join(", ")));
    }
    let (allowed, with_leaves): (&[&str], bool) = match may {
        May::Everything => return None,
        May::Layers(allowed) => (allowed, true),
        May::Only(allowed) => (allowed, false),
    };
    if allowed.contains(&import) || (with_leaves && LEAVES.contains(&import)) {
        return None;
    }
    let leaves: &[&str] = if with_leaves { &LEAVES } else { &[] };
    let may = [allowed, leaves].concat();
    Some(if may.is_empty() {
        "it may import nothing of the crate".to_owned()
    } else {
        format!("it may import: {}", may.join(", "))
    })
}

/// The modules of the crate that the code names, with where it names them.
fn imports(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let absolute = occurrences(&file.code, "crate::").map(|offset| (offset, "crate::".len()));
    for (offset, length) in absolute.chain(ways_up_to_the_root(file)) {
        let rest = file.code.get(offset + length..).unwrap_or_default();
        if rest.starts_with('{') {
            found.extend(group(rest).into_iter().map(|name| (offset, name)));
        } else {
            found.push((offset, first_word(rest).to_owned()));
        }
    }
    found
}

/// Chains of `super::` that are long enough to leave the module: where they begin, and how long they are.
fn ways_up_to_the_root(file: &File) -> impl Iterator<Item = (usize, usize)> {
    const UP: &str = "super::";
    let path = file.path.trim_start_matches("src/").trim_end_matches(".rs");
    let levels = path.trim_end_matches("/mod").split('/').count();
    let begins = |offset: &usize| !file.code.get(..*offset).is_some_and(|text| text.ends_with(UP));
    occurrences(&file.code, UP).filter(begins).filter_map(move |offset| {
        let chain = file.code.get(offset..).unwrap_or_default();
        let length = chain.len() - chain.trim_start_matches(UP).len();
        // Inside `mod tests {`, the first step leads to the file itself.
        let inside = usize::from(has_inline_module(file.code.get(..offset).unwrap_or_default()));
        (length / UP.len() >= levels + inside).then_some((offset, length))
    })
}

fn has_inline_module(code: &str) -> bool {
    code.lines().any(|line| line.trim_start().starts_with("mod ") && line.ends_with('{'))
}

/// The first words of a group's items: `{a, b::{c, d}}` gives a and b.
fn group(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    for (offset, next) in text.char_indices() {
        match next {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(next, '{' | ',') {
            let rest = text.get(offset + 1..).unwrap_or_default();
            names.push(first_word(rest.trim_start()).to_owned());
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

pub(crate) fn crates(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(module) = file.module() else { continue };
        if matches!(module, "main" | "lib" | "server") {
            continue;
        }
        for (crates, owners) in OWNERS {
            if !owners.contains(&module) {
                let instead = format!("only {} may", owners.join(", "));
                findings.extend(crates.iter().flat_map(|name| uses(file, name, &instead)));
            }
        }
        if module == "domain" {
            let instead = "rules are pure: take it as an argument, return a value";
            findings.extend(IMPURE.iter().flat_map(|name| uses(file, name, instead)));
        }
    }
    findings
}

/// Where the code begins a path with that crate.
fn uses(file: &File, name: &str, instead: &str) -> Vec<String> {
    let path = format!("{name}::");
    let begins = |offset: &usize| {
        let before = file.code.get(..*offset).unwrap_or_default().trim_end();
        let inside =
            before.ends_with("::") && !before.trim_end_matches(':').ends_with([' ', '(', ',']);
        !inside || before.ends_with(|c: char| is_word(c))
    };
    let offsets = occurrences(&file.code, &path).filter(begins);
    let finding = |offset| {
        format!("{}:{}: uses the crate `{name}`; {instead}", file.path, file.line_of(offset))
    };
    offsets.map(finding).collect()
}

#[test]
fn an_arrow_against_the_map_is_found() {
    let found = |path: &str, text: &str| modules(&Tree::of(&[(path, text)]));
    let wrong =
        found("src/service/activities.rs", "use crate::store::Write;\nuse crate::provider::Push;");
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].starts_with("src/service/activities.rs:2: `service` imports `provider`"));
    assert_eq!(
        found("src/store/mod.rs", "use crate::{clock::Time, service::{a, store}};").len(),
        1
    );
    assert_eq!(found("src/domain/a.rs", "fn a() { crate::store::write() }").len(), 1);
    assert_eq!(found("src/http/mod.rs", "use crate::config::Config;").len(), 1);
    assert_eq!(found("src/config.rs", "use crate::server::Server;").len(), 1);
    assert_eq!(found("src/simulator/apns.rs", "use crate::error::Error;").len(), 1);
    assert_eq!(found("src/store/a/b.rs", "use super::super::super::grpc;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "use super::grpc::a;").len(), 1);
    assert_eq!(found("src/store/mod.rs", "mod a {\n use super::super::{grpc, b};").len(), 1);
    assert_eq!(found("src/plumbing.rs", "").len(), 1);
}

#[test]
fn an_arrow_of_the_map_passes() {
    let found = |path: &str, text: &str| modules(&Tree::of(&[(path, text)]));
    assert_eq!(found("src/grpc/a.rs", "use crate::{domain, proto::v1, store};"), [""; 0]);
    assert_eq!(found("src/server.rs", "use crate::config::Config;"), [""; 0]);
    assert_eq!(found("src/domain/a.rs", "// use crate::store\nuse crate::clock;"), [""; 0]);
    assert_eq!(found("src/store/a.rs", "use super::grpc;"), [""; 0]);
    assert_eq!(found("src/store/a/b.rs", "use super::super::grpc;"), [""; 0]);
    assert_eq!(found("src/store/mod.rs", "mod a {\n use super::grpc;"), [""; 0]);
    let binary = [("src/main.rs", "mod demo;"), ("src/demo.rs", "use tidings::server;")];
    assert_eq!(modules(&Tree::of(&binary)), [""; 0]);
}

#[test]
fn a_crate_in_the_wrong_place_is_found() {
    let found = |path: &str, text: &str| crates(&Tree::of(&[(path, text)]));
    assert_eq!(
        found("src/service/a.rs", "use sea_orm::Query;\nfn a() { ::sqlx::query() }").len(),
        2
    );
    assert_eq!(found("src/dispatch/a.rs", "h2::client::handshake(io)").len(), 1);
    assert_eq!(found("src/domain/a.rs", "use tokio::time;").len(), 1);
    assert_eq!(found("src/store/a.rs", "use sea_orm::Query;"), [""; 0]);
    assert_eq!(found("src/domain/a.rs", "use crate::domain::tokio::x;"), [""; 0]);
}
