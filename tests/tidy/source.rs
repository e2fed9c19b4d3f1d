//! The files of the repository, and their code without strings and comments.

use std::fs;
use std::path::Path;

/// Folders that hold nothing of our own.
const SKIPPED: [&str; 8] =
    ["target", ".git", "third_party", "node_modules", "__pycache__", ".venv", "gen", "build"];

/// Files that others write.
const FOREIGN: [&str; 3] = ["Cargo.lock", "LICENSE", "package-lock.json"];

/// What our own text files end in; files without an ending are read too.
const ENDINGS: [&str; 12] =
    ["rs", "proto", "md", "toml", "yaml", "yml", "json", "py", "js", "mjs", "sh", "sql"];

/// Every text file of our own.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// One file, its path from the root with `/` between the parts.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with strings and comments blanked, line for line; empty where it is not Rust.
    pub(crate) code: String,
}

impl Tree {
    pub(crate) fn read() -> Self {
        let mut files = Vec::new();
        walk(Path::new(env!("CARGO_MANIFEST_DIR")), "", &mut files);
        files.sort_by(|a: &File, b| a.path.cmp(&b.path));
        Tree { files }
    }

    /// A tree for an example.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File::new((*path).into(), (*text).into()));
        Tree { files: files.collect() }
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

impl File {
    fn new(path: String, text: String) -> Self {
        let code = if has_ending(&path, "rs") { mask(&text) } else { String::new() };
        File { path, text, code }
    }

    pub(crate) fn is_rust(&self) -> bool {
        has_ending(&self.path, "rs")
    }

    /// The lines of the file with their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The number of the line that the code's byte at `offset` is in.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        1 + self.code.bytes().take(offset).filter(|&byte| byte == b'\n').count()
    }

    /// The module of the crate that the file belongs to, for files under `src/`: `store` for `src/store/write.rs`.
    pub(crate) fn module(&self) -> Option<&str> {
        let path = self.path.strip_prefix("src/")?;
        let first = path.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first))
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs")
    }
}

pub(crate) fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == ending)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        if entry.path().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                walk(&entry.path(), &format!("{path}/"), files);
            }
        } else if is_ours(&name)
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(File::new(path, text));
        }
    }
}

fn is_ours(name: &str) -> bool {
    let known = ENDINGS.iter().any(|ending| has_ending(name, ending)) || !name.contains('.');
    known && !FOREIGN.contains(&name)
}

/// Blanks strings, characters and comments; every line and every column stays where it was.
pub(crate) fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&next) = chars.get(at) {
        if is_word(next) {
            let end = skip_while(&chars, at, is_word);
            let word: String = chars.get(at..end).unwrap_or_default().iter().collect();
            code.push_str(&word);
            at = end;
            if matches!(word.as_str(), "r" | "br" | "cr") {
                at = blank(&chars, at, raw_string_end(&chars, at), &mut code);
            }
        } else if let Some(end) = token_end(&chars, at) {
            at = blank(&chars, at, Some(end), &mut code);
        } else {
            code.push(next);
            at += 1;
        }
    }
    code
}

/// Writes spaces up to the end, if there is one, and says where to go on.
fn blank(chars: &[char], at: usize, end: Option<usize>, code: &mut String) -> usize {
    let end = end.unwrap_or(at).min(chars.len());
    let blanked = chars.get(at..end).unwrap_or_default();
    code.extend(blanked.iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
    end
}

/// Where the comment, string or character that begins here ends.
fn token_end(chars: &[char], at: usize) -> Option<usize> {
    let get = |offset: usize| chars.get(at + offset).copied();
    match (get(0)?, get(1), get(2)) {
        ('/', Some('/'), _) => Some(skip_while(chars, at, |c| c != '\n')),
        ('/', Some('*'), _) => Some(block_comment_end(chars, at)),
        ('"', ..) => Some(quoted_end(chars, at + 1, '"')),
        ('\'', Some('\\'), _) => Some(quoted_end(chars, at + 1, '\'')),
        ('\'', Some(_), Some('\'')) => Some(at + 3),
        _ => None,
    }
}

fn quoted_end(chars: &[char], mut at: usize, quote: char) -> usize {
    while let Some(&next) = chars.get(at) {
        match next {
            '\\' => at += 2,
            _ if next == quote => return at + 1,
            _ => at += 1,
        }
    }
    at
}

fn block_comment_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(&next) = chars.get(at) {
        match (next, chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let quote = skip_while(chars, at, |c| c == '#');
    let hashes = quote - at;
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let closes = |end: &usize| {
        chars.get(*end) == Some(&'"') && skip_while(chars, end + 1, |c| c == '#') > *end + hashes
    };
    (quote + 1..chars.len()).find(closes).map(|end| end + 1 + hashes)
}

fn skip_while(chars: &[char], at: usize, wanted: impl Fn(char) -> bool) -> usize {
    at + chars.iter().skip(at).take_while(|&&c| wanted(c)).count()
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The word that the text begins with.
pub(crate) fn first_word(text: &str) -> &str {
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

/// Where a word stands in the code, by itself.
pub(crate) fn occurrences<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(offset, _)| offset).filter(move |&offset| {
        let before = code.get(..offset).and_then(|text| text.chars().next_back());
        let after = code.get(offset + word.len()..).and_then(|text| text.chars().next());
        let joins = |next: Option<char>| next.is_some_and(is_word);
        let (first, last) = (word.starts_with(is_word), word.ends_with(is_word));
        !(first && joins(before) || last && joins(after))
    })
}
