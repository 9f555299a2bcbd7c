//! No two files of `src` import each other, directly or by way of others.
//!
//! An arrow leads from a file to each file that defines something that it names, re-exports looked
//! through. The face of a folder (its `mod.rs`) may hand on what is in its folder, and a type that
//! is defined there may have some of its methods in files beside it, so the arrows from a `mod.rs`
//! into its own folder do not count.

use std::collections::{BTreeMap, BTreeSet};

/// Arrows from file to file.
pub type Arrows = BTreeMap<String, BTreeSet<String>>;

/// A file: its path, and its code without comments, strings and tests.
pub type File = (String, String);

/// A circle of files, if there is one, as a complaint.
pub fn circle(arrows: &Arrows) -> Option<String> {
    let mut done = BTreeSet::new();
    for start in arrows.keys() {
        if let Some(way) = walk(arrows, start, &mut Vec::new(), &mut done) {
            return Some(format!(
                "{}:1: imports itself: {}",
                way[0],
                way.join(" -> ")
            ));
        }
    }
    None
}

fn walk<'a>(
    arrows: &'a Arrows,
    file: &'a str,
    way: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(at) = way.iter().position(|before| *before == file) {
        way.push(file);
        return Some(way[at..].to_vec());
    }
    if done.contains(file) {
        return None;
    }
    way.push(file);
    for next in arrows.get(file).into_iter().flatten() {
        if let Some(found) = walk(arrows, next, way, done) {
            return Some(found);
        }
    }
    way.pop();
    done.insert(file);
    None
}

/// The arrows between these files.
pub fn arrows(files: &[File]) -> Arrows {
    let modules: BTreeMap<Vec<&str>, &File> = files.iter().map(|f| (module(&f.0), f)).collect();
    let mut arrows = Arrows::new();
    for (path, code) in files {
        let to = arrows.entry(path.clone()).or_default();
        for name in names(&module(path), code) {
            let Some(target) = resolve(&modules, &name, 0) else {
                continue;
            };
            let is_face = path.strip_suffix("mod.rs").or(path.strip_suffix("lib.rs"));
            if target != path && !is_face.is_some_and(|folder| target.starts_with(folder)) {
                to.insert(target.to_owned());
            }
        }
    }
    arrows
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
fn module(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut names: Vec<&str> = path.split('/').collect();
    names.pop_if(|last| ["mod", "lib"].contains(last));
    names
}

/// The file that defines what is called so.
fn resolve<'a>(
    modules: &BTreeMap<Vec<&str>, &'a File>,
    name: &[String],
    depth: usize,
) -> Option<&'a str> {
    let prefix = |len| -> Vec<&str> { name[..len].iter().map(String::as_str).collect() };
    let len = (0..=name.len())
        .rev()
        .find(|len| modules.contains_key(&prefix(*len)))?;
    let (path, code) = modules[&prefix(len)];
    let item = name.get(len);
    // What is handed on was named in full where it is handed on.
    let from = item.filter(|_| depth < 8).and_then(|item| {
        let uses = code.match_indices("use ").map(|(at, _)| at + 4);
        let mut named = uses.flat_map(|at| use_tree(&prefix(len), &code[at..]));
        named.find(|full| full.last() == Some(item) && full[..] != name[..len + 1])
    });
    match from {
        Some(full) => resolve(modules, &full, depth + 1),
        None => Some(path),
    }
}

/// All that a file names in full: by `crate::`, by `super::`, or in a `use`.
fn names(module: &[&str], code: &str) -> Vec<Vec<String>> {
    let starts = ["crate::", "super::", "use "].iter().flat_map(|prefix| {
        let hits = code.match_indices(prefix);
        let is_start = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == ':');
        hits.filter(move |(at, _)| is_start(*at))
            .map(move |(at, _)| at + if *prefix == "use " { 4 } else { 0 })
    });
    starts
        .flat_map(|at| use_tree(module, &code[at..]))
        .collect()
}

/// The names of a tree such as `super::a::{B, c::{self, D}}` that begins here.
fn use_tree(module: &[&str], text: &str) -> Vec<Vec<String>> {
    let mut base: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
    let mut rest = text.trim_start();
    if let Some(after) = rest.strip_prefix("crate::") {
        (base, rest) = (Vec::new(), after);
    }
    while let Some(after) = rest.strip_prefix("super::") {
        base.pop();
        rest = after;
    }
    let mut found = Vec::new();
    branch(base, rest, &mut found);
    found
}

/// Adds the names of one branch; returns what follows it.
fn branch<'a>(mut name: Vec<String>, text: &'a str, found: &mut Vec<Vec<String>>) -> &'a str {
    let mut rest = text.trim_start();
    loop {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        if !word.is_empty() && word != "self" {
            name.push(word.to_owned());
        }
        match after.strip_prefix("::").map(str::trim_start) {
            Some(inner) if inner.starts_with('{') => {
                let mut inner = &inner[1..];
                loop {
                    inner = branch(name.clone(), inner, found).trim_start();
                    match inner.strip_prefix(',') {
                        Some(next) if !next.trim_start().starts_with('}') => inner = next,
                        _ => break,
                    }
                }
                let inner = inner.trim_start_matches(',').trim_start();
                return inner.strip_prefix('}').unwrap_or(inner);
            }
            Some(next) => rest = next,
            None => {
                found.push(name);
                // `as` gives it another name, by which it is not asked for here.
                let after = after.trim_start();
                return match after.strip_prefix("as ") {
                    Some(alias) => alias.trim_start_matches(|c: char| c.is_alphanumeric()),
                    None => after,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle_of(files: &[(&str, &str)]) -> Option<String> {
        let own = |(path, code): &(&str, &str)| ((*path).to_owned(), (*code).to_owned());
        circle(&arrows(&files.iter().map(own).collect::<Vec<_>>()))
    }

    #[test]
    fn circles_are_found_and_only_circles() {
        let direct = [
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "use crate::a::{self, A};"),
        ];
        assert!(
            circle_of(&direct)
                .unwrap()
                .contains("src/a.rs -> src/b.rs -> src/a.rs")
        );
        let by_super = [
            ("src/r/mod.rs", "mod a;\nmod b;\npub use a::A;"),
            ("src/r/a.rs", "use super::b::{B, C as D};\nstruct A;"),
            ("src/r/b.rs", "fn f(x: super::A) {}"),
        ];
        let found = circle_of(&by_super).unwrap();
        assert!(
            found.contains("src/r/a.rs -> src/r/b.rs -> src/r/a.rs"),
            "{found}"
        );
        let down = [
            ("src/lib.rs", "mod r;\npub use r::A;"),
            ("src/r/mod.rs", "mod a;\nmod b;\npub use a::A;\nstruct R;"),
            ("src/r/a.rs", "use super::R;\nuse super::b::B;"),
            ("src/r/b.rs", "use crate::s::{x::{self, X}, y};"),
            ("src/s/mod.rs", "pub mod x;\npub mod y;"),
            ("src/s/x.rs", "use super::y::Y;"),
            ("src/s/y.rs", ""),
        ];
        assert_eq!(circle_of(&down), None);
        let files: Vec<File> = down.iter().map(|f| (f.0.into(), f.1.into())).collect();
        let found = arrows(&files);
        let want = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        assert_eq!(found["src/r/a.rs"], want(&["src/r/b.rs", "src/r/mod.rs"]));
        assert_eq!(found["src/r/b.rs"], want(&["src/s/x.rs", "src/s/y.rs"]));
        let long = [
            ("src/a.rs", "use crate::b::B;"),
            ("src/b.rs", "use crate::c::C;"),
            ("src/c.rs", "use crate::A;"),
            ("src/lib.rs", "pub use a::A;"),
        ];
        assert!(circle_of(&long).is_some());
    }
}
