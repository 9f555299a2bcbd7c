//! The rules of the house, as tests: layers, `unsafe`, heads, names, sizes, dependencies.
//!
//! Every rule is a function from a file's text to complaints of the form `file:line: rule`, and
//! every one of them is shown a sample that breaks it: a rule that cannot fail protects nothing.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/fields.rs"]
mod fields;
#[path = "tidy/words.rs"]
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which module may import which, within the crate. What is not in the table may not exist; `main`
/// and `lib` are not in it because they may import everything.
const LAYERS: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("time", &[]),
    ("args", &[]),
    ("manual", &[]),
    ("json", &[]),
    ("log", &["json", "time", "sys"]),
    ("process", &["time"]),
    ("shared", &["sys"]),
    ("scoreboard", &["process", "sys"]),
    ("http", &["process", "time"]),
    (
        "handlers",
        &["http", "json", "process", "scoreboard", "sys", "time"],
    ),
    ("worker", &["process", "scoreboard", "sys", "time", "log"]),
    ("master", &["worker", "scoreboard", "sys", "time", "log"]),
    (
        "server",
        &[
            "master",
            "worker",
            "process",
            "scoreboard",
            "sys",
            "time",
            "log",
        ],
    ),
];

/// How many `unsafe` blocks there are: a new one changes this number, which a reviewer sees.
const UNSAFE_BLOCKS: usize = 59 + 4;

/// Besides src/sys: an allocator that counts is `unsafe` by its trait, and only a test has one; and
/// an example is about a C function that crashes.
const UNSAFE_TESTS: [&str; 2] = ["tests/allocations.rs", "tests/examples/crash_isolation.rs"];

/// A file has at most so many lines before its tests.
const LONGEST: usize = 400;

/// Files that are longer, and should not stay so.
const TOO_LONG: &[&str] = &[];

/// What is neither Rust nor a script, and so outside of the rules for `unsafe`.
const OTHER_LANGUAGES: &[&str] = &["tests/bench/floor.c"];

/// The README has at most so many bytes: it is read to its end before anything is tried.
const LONGEST_README: usize = 9_000;

/// Flags of other programs that the README and the manual name.
const OTHER_FLAGS: &[&str] = &["--limit-rate", "--path"];

/// All that the top level may hold.
const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "fuzz",
    "src",
    "tests",
];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc"];

#[test]
fn imports_point_downwards() {
    complain(each_source(layers));
}

/// The library's files, each with its code up to its tests.
fn library() -> Vec<circles::File> {
    let is_library = |path: &str| path.starts_with("src/") && !path.starts_with("src/main/");
    let files = sources().into_iter().filter(|(path, _)| is_library(path));
    files
        .map(|(path, text)| (path.clone(), code(before_tests(&path, &text))))
        .collect()
}

#[test]
fn a_shared_field_has_an_owner() {
    complain(fields::shared(&library()));
}

#[test]
fn sentences_have_subjects() {
    // The rule itself has the words.
    let rule = "tests/tidy/words.rs";
    complain(each_source(|path, text| match path == rule {
        true => Vec::new(),
        false => words::plain(path, text),
    }));
    complain(each_page(words::plain));
}

#[test]
fn no_file_imports_itself() {
    let arrows = circles::arrows(&library());
    // Some that must be there: a reader of imports that sees none finds no circle either.
    for (from, to) in [
        ("src/worker/event_loop.rs", "src/worker/accept/endpoint.rs"),
        ("src/http/connection/http1.rs", "src/http/connection/mod.rs"),
        ("src/server/run.rs", "src/master/manager.rs"),
        ("src/handlers/files/render.rs", "src/http/semantics/date.rs"),
    ] {
        assert!(arrows[from].contains(to), "{from} -> {to}");
    }
    complain(circles::circle(&arrows).into_iter().collect());
}

#[test]
fn unsafe_is_only_in_sys_and_explained() {
    complain(each_source(unsafe_code));
    let blocks: usize = sources().iter().map(|(_, text)| unsafe_blocks(text)).sum();
    assert_eq!(
        blocks, UNSAFE_BLOCKS,
        "tests/tidy.rs: the number of unsafe blocks changed: is each one needed?"
    );
}

#[test]
fn no_other_language_hides_what_is_unsafe() {
    let found = other_languages(&files());
    let known: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(
        known, OTHER_LANGUAGES,
        "what is unsafe is in Rust, in src/sys"
    );
}

#[test]
fn every_file_says_what_it_is() {
    complain(each_source(head));
}

#[test]
fn names_say_something() {
    complain(each_source(|path, _| names(path)));
}

#[test]
fn files_stay_short() {
    complain(each_source(|path, text| length(path, text, TOO_LONG)));
    for path in TOO_LONG {
        let still = length(path, &read(path), &[]);
        assert!(
            !still.is_empty(),
            "tests/tidy.rs: {path} may leave TOO_LONG"
        );
    }
}

#[test]
fn every_doctest_runs() {
    complain(each_source(doctests));
    complain(each_page(doctests));
}

#[test]
fn libc_is_the_only_dependency() {
    complain(dependencies("Cargo.toml", &read("Cargo.toml")));
}

#[test]
fn the_top_level_is_tidy() {
    complain(top_level(&tracked()));
}

#[test]
fn the_changelog_knows_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    complain(changelog("CHANGELOG.md", &read("CHANGELOG.md"), version));
}

#[test]
fn the_manual_lists_every_flag() {
    let page = "src/manual/operating.md";
    complain(flags(page, &read(page), &httprs::args::flag_table()));
}

#[test]
fn the_readme_stays_short() {
    complain(each_page(readme_length));
}

#[test]
fn pages_name_what_exists() {
    // A package has neither fuzz/ nor the tests that need it.
    let is_whole = root().join("fuzz").exists();
    let left_out = |path: &str| !is_whole && !path.starts_with("src/");
    let exists = |path: &str| left_out(path) || root().join(path).exists();
    complain(each_page(|path, text| named_paths(path, text, exists)));
    let table = httprs::args::flag_table();
    complain(each_page(|path, text| named_flags(path, text, &table)));
}

fn layers(path: &str, text: &str) -> Vec<String> {
    let Some(inside) = path.strip_prefix("src/") else {
        return Vec::new();
    };
    let module = inside.split('/').next().unwrap_or(inside);
    let module = module.trim_end_matches(".rs");
    if module == "lib" || module == "main" {
        return Vec::new();
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{path}:1: {module} has no place among the layers")];
    };
    let code = code(before_tests(path, text));
    let mut found = Vec::new();
    for (line, name) in imports(path, &code) {
        if name != module && !allowed.contains(&name.as_str()) {
            found.push(format!("{path}:{line}: {module} must not import {name}"));
        }
    }
    found
}

/// The top-level modules that a file names, by `crate::x`, `crate::{x, y}` or enough `super::`s.
fn imports(path: &str, code: &str) -> Vec<(usize, String)> {
    let depth = path.trim_end_matches("/mod.rs").matches('/').count();
    let chain = "super::".repeat(depth);
    let by_crate = code.match_indices("crate::");
    // One `super` more than the chain cannot be: that would be above the crate.
    let by_super = code.match_indices(&chain).filter(|_| depth > 0);
    let mut found = Vec::new();
    for (at, prefix) in by_crate.chain(by_super) {
        if in_word(code, at) {
            continue;
        }
        let after = at + prefix.len();
        let line = line_of(code, after);
        for name in first_names(&code[after..]) {
            found.push((line, name));
        }
    }
    found
}

/// `x` of `x::y`, or `x` and `z` of `{x::{self, y}, z}`.
fn first_names(path: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        let text = text.trim_start().chars();
        text.take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let mut names = vec![word(group)];
    let mut depth = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn unsafe_code(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for at in words(&code, "unsafe") {
        let line = line_of(&code, at);
        if !path.starts_with("src/sys/") && !UNSAFE_TESTS.contains(&path) {
            found.push(format!("{path}:{line}: unsafe belongs into src/sys"));
            continue;
        }
        let after = code[at + "unsafe".len()..].trim_start();
        let is_fn = after.starts_with("fn");
        let want = if is_fn { "# Safety" } else { "SAFETY:" };
        if !comment_above(&lines, line).contains(want) {
            found.push(format!("{path}:{line}: unsafe needs a `{want}` just above"));
        }
    }
    found
}

fn unsafe_blocks(text: &str) -> usize {
    let code = code(text);
    words(&code, "unsafe")
        .into_iter()
        .filter(|at| code[at + "unsafe".len()..].trim_start().starts_with('{'))
        .count()
}

/// The comment directly above the statement or item that line number `line` belongs to.
fn comment_above(lines: &[&str], line: usize) -> String {
    let mut at = line - 1;
    while at > 0 {
        let above = lines[at - 1].trim();
        let is_end = above.is_empty() || above.ends_with([';', '{', '}']);
        if is_end || above.starts_with("//") {
            break;
        }
        at -= 1;
    }
    let comment = lines[..at].iter().rev();
    let comment = comment.take_while(|l| l.trim().starts_with("//"));
    comment.copied().collect::<Vec<_>>().join("\n")
}

fn head(path: &str, text: &str) -> Vec<String> {
    if text.starts_with("//!") {
        return Vec::new();
    }
    vec![format!(
        "{path}:1: a file begins with a //! line that says what it is"
    )]
}

fn other_languages(paths: &[String]) -> Vec<String> {
    let compiled = ["c", "cc", "cpp", "h", "s", "S"];
    let is_other = |path: &&String| {
        let extension = Path::new(path.as_str()).extension();
        extension.is_some_and(|e| compiled.iter().any(|other| e == *other))
    };
    paths.iter().filter(is_other).cloned().collect()
}

fn names(path: &str) -> Vec<String> {
    let parts = path.split('/').map(|part| part.trim_end_matches(".rs"));
    parts
        .filter(|part| EMPTY_NAMES.contains(part))
        .map(|part| format!("{path}:1: `{part}` says nothing about what is inside"))
        .collect()
}

fn length(path: &str, text: &str, allowed: &[&str]) -> Vec<String> {
    let lines = before_tests(path, text).lines().count();
    if !path.starts_with("src/") || lines <= LONGEST || allowed.contains(&path) {
        return Vec::new();
    }
    vec![format!(
        "{path}:{lines}: {lines} lines before the tests, more than {LONGEST}: is it two ideas?"
    )]
}

fn doctests(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches(['/', '!']).trim();
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let mut words = info.split([',', ' ']);
        if words.any(|word| matches!(word, "no_run" | "ignore")) {
            let line = at + 1;
            found.push(format!(
                "{path}:{line}: an example that does not run is a promise"
            ));
        }
    }
    found
}

fn dependencies(path: &str, manifest: &str) -> Vec<String> {
    let mut section = "";
    let mut found = Vec::new();
    for (at, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        }
        let is_table = section
            .split('.')
            .any(|part| part.ends_with("dependencies"));
        let key = line.split(['=', '.', ' ']).next().unwrap_or(line);
        let is_entry = !line.is_empty() && !line.starts_with(['[', '#']);
        let is_fine = section == "dependencies" && (!is_entry || key == "libc");
        if is_table && !is_fine && !line.is_empty() {
            let line = at + 1;
            found.push(format!("{path}:{line}: libc is the only dependency"));
        }
    }
    found
}

fn top_level(names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("{name}:1: the top level has no place for this"))
        .collect()
}

fn changelog(path: &str, text: &str, version: &str) -> Vec<String> {
    let mut headings = text.lines().filter(|line| line.starts_with("## "));
    if headings.any(|line| line.contains("Unreleased") || line.contains(version)) {
        return Vec::new();
    }
    vec![format!(
        "{path}:1: neither Unreleased nor {version} has a heading"
    )]
}

fn flags(path: &str, readme: &str, table: &str) -> Vec<String> {
    let (open, close) = ("<!-- flags -->", "<!-- /flags -->");
    let block = readme.split_once(open).and_then(|(before, rest)| {
        let (block, _) = rest.split_once(close)?;
        Some((line_of(before, before.len()), block))
    });
    match block {
        None => vec![format!("{path}:1: there is no {open} ... {close}")],
        Some((_, block)) if block.trim() == table.trim() => Vec::new(),
        Some((line, _)) => vec![format!(
            "{path}:{line}: between {open} and {close} there should be\n{table}"
        )],
    }
}

fn readme_length(path: &str, text: &str) -> Vec<String> {
    let bytes = text.len();
    if path != "README.md" || bytes <= LONGEST_README {
        return Vec::new();
    }
    vec![format!(
        "{path}:1: {bytes} bytes, more than {LONGEST_README}: the manual has room for the rest"
    )]
}

/// Paths that a page names and that are not there.
fn named_paths(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let folders = ["src/", "tests/", "fuzz/"];
    let mut found = Vec::new();
    for (at, _) in folders.iter().flat_map(|folder| text.match_indices(folder)) {
        let rest = &text[at..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let named = rest[..end].trim_end_matches('.');
        // Inside of another path it is not ours.
        if !text[..at].ends_with(is_part) && !exists(named) {
            let line = line_of(text, at);
            found.push(format!("{path}:{line}: there is no {named}"));
        }
    }
    found
}

/// Flags that a page names and that the table does not have.
fn named_flags(path: &str, text: &str, table: &str) -> Vec<String> {
    let known: Vec<&str> = long_flags(table).map(|(_, flag)| flag).collect();
    long_flags(text)
        .filter(|(_, flag)| !known.contains(flag) && !OTHER_FLAGS.contains(flag))
        .map(|(at, flag)| format!("{path}:{}: there is no {flag}", line_of(text, at)))
        .collect()
}

/// Each `--flag` of a text, and where it is.
fn long_flags(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("--").filter_map(|(at, _)| {
        let rest = &text[at..];
        let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
        let flag = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let begins = flag[2..].starts_with(|c: char| c != '-');
        let inside = text[..at].ends_with(|c: char| c == '-' || c.is_alphanumeric());
        (begins && !inside).then_some((at, flag))
    })
}

/// The text up to the tests at its end; nothing of a file that is all tests.
fn before_tests<'a>(path: &str, text: &'a str) -> &'a str {
    if path.ends_with("/tests.rs") {
        return "";
    }
    match text.find("\n#[cfg(test)]\nmod ") {
        Some(at) => &text[..at + 1],
        None => text,
    }
}

/// The text with comments, strings and characters blanked out, and every line where it was.
fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let len = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            'r' => raw_string(text, at),
            '"' => string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if len == 0 {
            out.push(c);
            at += c.len_utf8();
        } else {
            let blank = rest[..len].bytes();
            out.extend(blank.map(|b| if b == b'\n' { '\n' } else { ' ' }));
            at += len;
        }
    }
    out
}

/// The length of the raw string that begins here; 0 if none does.
fn raw_string(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let before = text[..at].trim_end_matches('b');
    let hashes = rest[1..].len() - rest[1..].trim_start_matches('#').len();
    let open = hashes + 2;
    if in_word(text, before.len()) || !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let found = rest[open..].find(&end);
    found.map_or(rest.len(), |n| open + n + end.len())
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, b) in rest.bytes().enumerate().skip(1) {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, c))) => {
            let after = at + c.len_utf8();
            rest[after..].find('\'').map_or(0, |n| after + n + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

fn words(code: &str, word: &str) -> Vec<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| !in_word(code, *at) && !code[at + word.len()..].starts_with(is_part))
        .collect()
}

/// Whether the character before `at` belongs to the same word.
fn in_word(code: &str, at: usize) -> bool {
    code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}:1: {e}"))
}

/// Every Rust file of ours, with its path from the top.
fn sources() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|name| name.ends_with(".rs"));
    let found: Vec<_> = rust.map(|name| (name.clone(), read(&name))).collect();
    assert!(found.len() > 5, "the rules must have something to look at");
    found
}

/// Every file of ours, by its path from the top.
fn files() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["src", "tests", "fuzz"].map(|d| root().join(d)).into();
    while let Some(folder) = folders.pop() {
        // There may be no fuzz/.
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() && !path.ends_with("fuzz/target") {
                folders.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(root()).expect("a path below the top");
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn each_source(rule: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let sources = sources();
    let found = sources.iter().flat_map(|(path, text)| rule(path, text));
    found.collect()
}

/// The README, if there is one, and the pages of the manual.
fn each_page(rule: impl Fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let manual = files().into_iter().filter(|name| name.ends_with(".md"));
    let manual = manual.filter(|name| name.starts_with("src/manual/"));
    let pages = manual.chain(["README.md".to_owned()]);
    let pages: Vec<_> = pages
        .filter(|name| root().join(name).exists())
        .map(|name| (name.clone(), read(&name)))
        .collect();
    assert!(
        !pages.is_empty(),
        "the rules must have something to look at"
    );
    pages
        .iter()
        .flat_map(|(path, text)| rule(path, text))
        .collect()
}

/// What git knows of the top level; what is there, where git is not.
fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .arg("ls-files")
        .current_dir(root())
        .output();
    let mut names: Vec<String> = match listed {
        Ok(listed) if listed.status.success() && !listed.stdout.is_empty() => {
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            let tops = listed.lines().filter_map(|path| path.split('/').next());
            tops.map(str::to_owned).collect()
        }
        _ => fs::read_dir(root())
            .expect("a readable top level")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name != "target" && name != ".git")
            .collect(),
    };
    names.dedup();
    names
}

fn complain(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

mod rules_can_fail {
    use super::*;

    #[test]
    fn layers() {
        let inner = "\n#[cfg(test)]\nmod tests { use crate::http::X; }";
        for (name, path, text, want) in [
            ("allowed", "src/log/mod.rs", "use crate::time::Now;", ""),
            ("own", "src/http/a.rs", "use crate::http::b::C;", ""),
            (
                "everything",
                "src/main/main.rs",
                "use crate::worker::X;",
                "",
            ),
            (
                "upwards",
                "src/sys/a.rs",
                "\nuse crate::time::X;",
                "2: sys must not import time",
            ),
            (
                "a path",
                "src/time.rs",
                "fn f() { crate::log::g() }",
                "1: time must not import log",
            ),
            (
                "a group",
                "src/http/a.rs",
                "use crate::{http::{a, b}, sys::c};",
                "1: http must not import sys",
            ),
            (
                "super",
                "src/http/mod.rs",
                "use super::sys::X;",
                "1: http must not import sys",
            ),
            (
                "two supers",
                "src/http/a.rs",
                "use super::super::sys::X;",
                "1: http must not import sys",
            ),
            (
                "one super stays inside",
                "src/http/a.rs",
                "use super::sys::X;",
                "",
            ),
            (
                "the root",
                "src/http/a.rs",
                "use crate::Log;",
                "1: http must not import Log",
            ),
            ("a comment", "src/sys/a.rs", "// use crate::http::X;", ""),
            (
                "a string",
                "src/sys/a.rs",
                "f(\"a\\\"crate::http\", '\"', '\\'')",
                "",
            ),
            (
                "after one",
                "src/sys/a.rs",
                "f('\"', '\\''); crate::time::g('\"')",
                "1: sys must not import time",
            ),
            (
                "a raw string",
                "src/sys/a.rs",
                "f(r#\"\"crate::http\"#)",
                "",
            ),
            ("tests", "src/sys/a.rs", inner, ""),
            (
                "no place",
                "src/stuff/a.rs",
                "",
                "1: stuff has no place among the layers",
            ),
        ] {
            expect(super::layers(path, text), path, want, name);
        }
    }

    #[test]
    fn unsafe_code() {
        let good = "// SAFETY: it is.\nlet x = unsafe { f() };";
        let early = "// SAFETY: it is.\nf();\nlet x = unsafe { g() };";
        let lines = "// SAFETY: so\n// it is.\nlet x =\n    unsafe { f() };";
        let documented = "/// # Safety\n/// Never.\npub unsafe fn f() {}";
        for (name, path, text, want) in [
            ("explained", "src/sys/a.rs", good, ""),
            (
                "elsewhere",
                "src/http/a.rs",
                good,
                "2: unsafe belongs into src/sys",
            ),
            (
                "in a test",
                "tests/a.rs",
                good,
                "2: unsafe belongs into src/sys",
            ),
            (
                "not explained",
                "src/sys/a.rs",
                "unsafe { f() };",
                "1: unsafe needs a `SAFETY:` just above",
            ),
            (
                "too early",
                "src/sys/a.rs",
                early,
                "3: unsafe needs a `SAFETY:` just above",
            ),
            ("several lines", "src/sys/a.rs", lines, ""),
            (
                "impl",
                "src/sys/a.rs",
                "unsafe impl Send for X {}",
                "1: unsafe needs a `SAFETY:` just above",
            ),
            (
                "fn",
                "src/sys/a.rs",
                "unsafe fn f() {}",
                "1: unsafe needs a `# Safety` just above",
            ),
            ("fn, explained", "src/sys/a.rs", documented, ""),
            (
                "a lint",
                "src/lib.rs",
                "#![deny(unsafe_code)] // no unsafe",
                "",
            ),
        ] {
            expect(super::unsafe_code(path, text), path, want, name);
        }
        assert_eq!(unsafe_blocks(good), 1);
        assert_eq!(
            unsafe_blocks("unsafe fn f() {} // unsafe {\nunsafe\n{ }"),
            1
        );
    }

    #[test]
    fn other_languages() {
        let paths = ["src/a.rs", "src/sys/call.c", "src/c", "tests/x.S"].map(str::to_owned);
        let want = ["src/sys/call.c", "tests/x.S"];
        assert_eq!(super::other_languages(&paths), want);
    }

    #[test]
    fn heads_names_and_lengths() {
        expect(super::head("a.rs", "//! A.\n"), "a.rs", "", "head");
        let want = "1: a file begins with a //! line that says what it is";
        expect(super::head("a.rs", "use x;\n"), "a.rs", want, "no head");
        for (path, complaints) in [
            ("src/http/date.rs", 0),
            ("src/util.rs", 1),
            ("src/http/helpers.rs", 1),
            ("src/misc/common.rs", 2),
            ("tests/common/mod.rs", 1),
            ("tests/common.rs", 1),
        ] {
            assert_eq!(names(path).len(), complaints, "{path}");
        }
        let tests = "\n#[cfg(test)]\nmod tests {}\n".to_owned() + &"\n".repeat(LONGEST);
        for (name, path, lines, complaints) in [
            ("as long as it may be", "src/a.rs", LONGEST, 0),
            ("one more", "src/a.rs", LONGEST + 1, 1),
            ("a test", "tests/a.rs", LONGEST + 1, 0),
            ("all tests", "src/a/tests.rs", LONGEST + 1, 0),
            ("known", "src/known.rs", LONGEST + 1, 0),
        ] {
            let text = "x\n".repeat(lines - 1) + "x" + &tests;
            let found = length(path, &text, &["src/known.rs"]);
            assert_eq!(found.len(), complaints, "{name}: {found:?}");
        }
    }

    #[test]
    fn doctests() {
        for (text, complaints) in [
            ("/// ```\n/// f();\n/// ```", 0),
            ("/// ```text", 0),
            ("/// ```no_run", 1),
            ("//! ```rust,ignore", 1),
            ("```rust,no_run", 1),
            ("/// to ignore it", 0),
        ] {
            let found = super::doctests("a.rs", text);
            assert_eq!(found.len(), complaints, "{text}");
        }
    }

    #[test]
    fn dependencies() {
        let only = "[package]\nname = \"x\"\n[dependencies]\nlibc = \"0.2\"\n\n[lints]\na = 1\n";
        for (name, more, complaints) in [
            ("libc alone", "", 0),
            ("another", "[dependencies]\nserde = \"1\"\n", 1),
            ("its own table", "[dependencies.serde]\n", 1),
            ("for tests", "[dev-dependencies]\n", 1),
            ("for building", "[build-dependencies]\ncc = \"1\"\n", 2),
            (
                "for a target",
                "[target.'cfg(unix)'.dependencies]\nnix = \"1\"\n",
                2,
            ),
        ] {
            let manifest = only.to_owned() + more;
            let found = super::dependencies("Cargo.toml", &manifest);
            assert_eq!(found.len(), complaints, "{name}: {found:?}");
        }
    }

    #[test]
    fn top_level_changelog_and_readme() {
        let names = ["src", "notes.txt"].map(str::to_owned);
        assert_eq!(top_level(&names).len(), 1);
        for (text, complaints) in [
            ("## Unreleased", 0),
            ("## 1.2.3 - today", 0),
            ("## 1.2.2", 1),
            ("1.2.3", 1),
        ] {
            let found = changelog("C", text, "1.2.3");
            assert_eq!(found.len(), complaints, "{text}");
        }
        for (text, complaints) in [
            ("a\n<!-- flags -->\n| x |\n<!-- /flags -->\n", 0),
            ("a\n<!-- flags -->\n| y |\n<!-- /flags -->\n", 1),
            ("a\n| x |\n", 1),
        ] {
            assert_eq!(flags("R", text, "| x |\n").len(), complaints, "{text}");
        }
    }

    #[test]
    fn what_pages_name() {
        let exists = |path: &str| ["src/http", "src/http/", "src/http/mod.rs"].contains(&path);
        for (name, text, want) in [
            ("a file", "see `src/http/mod.rs`.", ""),
            ("a folder", "in src/http/, and in src/http.", ""),
            (
                "of another project",
                "github.com/x/src/y.c, nginx-src/z",
                "",
            ),
            (
                "none",
                "a\n`src/http/mud.rs`",
                "2: there is no src/http/mud.rs",
            ),
            ("no test", "(tests/x.rs)", "1: there is no tests/x.rs"),
        ] {
            expect(named_paths("R", text, exists), "R", want, name);
        }
        let table = "| `-p`, `--port PORT` | `--spa` |";
        for (name, text, want) in [
            ("known", "httprs --port 80 --spa, `--port=80`", ""),
            ("of curl", "curl --limit-rate 20M", ""),
            ("no flag", "|---|---|\n<!-- a -->\n-- b --> a--b", ""),
            ("unknown", "a\n`--ports`", "2: there is no --ports"),
            ("its beginning", "(--por)", "1: there is no --por"),
        ] {
            expect(named_flags("R", text, table), "R", want, name);
        }
    }

    #[test]
    fn readme_length() {
        for (name, path, bytes, complaints) in [
            ("as long as it may be", "README.md", LONGEST_README, 0),
            ("one more", "README.md", LONGEST_README + 1, 1),
            ("the manual", "src/manual/x.md", LONGEST_README + 1, 0),
        ] {
            let found = super::readme_length(path, &"x".repeat(bytes));
            assert_eq!(found.len(), complaints, "{name}: {found:?}");
        }
    }

    fn expect(found: Vec<String>, path: &str, want: &str, name: &str) {
        let want = match want {
            "" => Vec::new(),
            want => vec![format!("{path}:{want}")],
        };
        assert_eq!(found, want, "{name}");
    }
}
