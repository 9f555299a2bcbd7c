//! A field that a folder shares (`pub(super)`) is read by one other file at most: what several
//! files read and write has no owner. Records are excepted: plain data that is handed from file to
//! file.

use super::circles::File;

/// Files whose shared fields are those of records.
const RECORDS: &[&str] = &[
    // An entry of the table of flags.
    "src/args/flag.rs",
    // A request and its answer, which the two halves of a connection hand to each other.
    "src/http/connection/exchange.rs",
    // What a fork is given.
    "src/master/spawn.rs",
];

/// Complaints about one folder.
pub fn shared(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, code) in files {
        let others = files
            .iter()
            .filter(|(other, _)| other != path && folder(other) == folder(path));
        if RECORDS.contains(&path.as_str()) {
            continue;
        }
        for (at, line) in code.lines().enumerate() {
            let field = line
                .trim()
                .strip_prefix("pub(super) ")
                .and_then(|rest| rest.split_once(": "));
            let Some((name, _)) = field.filter(|(name, _)| !name.contains(['(', ' '])) else {
                continue;
            };
            let readers = others.clone().filter(|(_, code)| reads(code, name));
            let readers: Vec<&str> = readers.map(|(path, _)| path.as_str()).collect();
            if readers.len() > 1 {
                found.push(format!(
                    "{path}:{}: `{name}` is read in {}: what is its owner?",
                    at + 1,
                    readers.join(", ")
                ));
            }
        }
    }
    found
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether there is `.name`, and not a call of a method.
fn reads(code: &str, name: &str) -> bool {
    let dotted = format!(".{name}");
    code.match_indices(&dotted).any(|(at, _)| {
        let after = &code[at + dotted.len()..];
        !after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(')
    })
}

#[test]
fn a_field_with_several_readers_is_found() {
    let file = |path: &str, code: &str| (path.to_owned(), code.to_owned());
    let owner = file("src/a/x.rs", "pub struct X {\n    pub(super) now: u64,\n}");
    let (one, two) = (
        file("src/a/y.rs", "x.now + 1"),
        file("src/a/z.rs", "f(x.now)"),
    );
    let call = file("src/a/z.rs", "x.now() + x.nowhere");
    let elsewhere = file("src/b/z.rs", "x.now");
    assert_eq!(shared(&[owner.clone(), one.clone(), two]).len(), 1);
    assert!(shared(&[owner.clone(), one.clone(), call]).is_empty());
    assert!(shared(&[owner, one, elsewhere]).is_empty());
}
