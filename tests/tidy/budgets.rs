//! How long files, functions and lines may be.

use crate::source::{File, Tree, has_ending, is_word, occurrences};

pub(crate) const FILE_LINES_MAX: usize = 400;
/// Longer files are worth a thought.
pub(crate) const FILE_LINES_GOOD: usize = 250;
const FUNCTION_LINES_MAX: usize = 70;
const CODE_COLUMNS_MAX: usize = 100;
const COMMENT_COLUMNS_MAX: usize = 120;

pub(crate) fn long_files(tree: &Tree, max: usize) -> Vec<String> {
    let lengths = tree.rust().map(|file| (file, file.text.lines().count()));
    let long = lengths.filter(|(_, lines)| *lines > max);
    long.map(|(file, lines)| format!("{}:{lines}: {lines} lines, over {max}", file.path)).collect()
}

pub(crate) fn long_functions(tree: &Tree) -> Vec<String> {
    tree.rust().flat_map(functions_over_budget).collect()
}

fn functions_over_budget(file: &File) -> Vec<String> {
    let mut findings = Vec::new();
    for offset in occurrences(&file.code, "fn ") {
        let rest = file.code.get(offset..).unwrap_or_default();
        let name = rest.get(3..).unwrap_or_default();
        if let Some(end) = name.starts_with(is_word).then(|| body_end(rest)).flatten() {
            let lines = file.line_of(offset + end) - file.line_of(offset) + 1;
            if lines > FUNCTION_LINES_MAX {
                let name: String = name.chars().take_while(|&c| is_word(c)).collect();
                let at = file.line_of(offset);
                findings.push(format!(
                    "{}:{at}: `{name}` has {lines} lines, over {FUNCTION_LINES_MAX}",
                    file.path
                ));
            }
        }
    }
    findings
}

/// Where the body of the function that the text begins with ends; nothing where it has no body.
fn body_end(text: &str) -> Option<usize> {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (offset, next) in text.char_indices() {
        match next {
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            ';' if braces == 0 && others == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(offset);
                }
            }
            _ => {}
        }
    }
    None
}

pub(crate) fn long_lines(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if !(file.is_rust() || has_ending(&file.path, "proto")) {
            continue;
        }
        for (number, line) in file.lines() {
            let comment = line.trim_start().starts_with("//");
            let max = if comment { COMMENT_COLUMNS_MAX } else { CODE_COLUMNS_MAX };
            let columns = line.chars().count();
            // An address cannot be broken.
            let address = comment && line.contains("https://");
            if columns > max && !address {
                findings.push(format!("{}:{number}: {columns} columns, over {max}", file.path));
            }
        }
    }
    findings
}

#[test]
fn a_long_function_is_found_whatever_braces_its_strings_hold() {
    let body = "    let a = \"}\"; // }\n".repeat(69);
    let text = format!("fn short() {{}}\nfn long(a: [u8; 2]) -> u8\nwhere u8: Copy {{\n{body}}}\n");
    let findings = long_functions(&Tree::of(&[("src/a.rs", &text)]));
    assert_eq!(findings, ["src/a.rs:2: `long` has 72 lines, over 70"]);
    let declared = format!("trait A {{ fn a(&self); }}\n{}", "\n".repeat(80));
    assert_eq!(long_functions(&Tree::of(&[("src/a.rs", &declared)])), [""; 0]);
}

#[test]
fn a_long_file_and_a_long_line_are_found() {
    let tree = Tree::of(&[("src/a.rs", &"a\n".repeat(401))]);
    assert_eq!(long_files(&tree, FILE_LINES_MAX), ["src/a.rs:401: 401 lines, over 400"]);
    let code =
        format!("{}\n// {}\n// https://{}", "a".repeat(101), "b".repeat(118), "c".repeat(200));
    let findings = long_lines(&Tree::of(&[("src/a.rs", &code)]));
    assert_eq!(findings.len(), 2, "{findings:?}");
}
