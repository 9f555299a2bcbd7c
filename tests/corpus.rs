//! Every seed of `fuzz/corpus`, run through the invariant of its fuzz target on stable Rust.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/invariants/mod.rs"]
mod invariants;

/// Stands in for the server's module of this name, which the supervisor's source imports.
mod time {
    pub use httprs::Millis;
}

/// Targets that need more than the server's own dependencies; the tests of `fuzz/` replay these.
const ELSEWHERE: &[&str] = &["differential"];

#[test]
fn every_seed_keeps_its_invariant() {
    let mut broken = Vec::new();
    for (target, holds) in invariants::ALL {
        let seeds = entries(&fuzz().join("corpus").join(target));
        for seed in &seeds {
            let bytes = fs::read(seed).expect("a readable seed");
            if panic::catch_unwind(|| holds(&bytes)).is_err() {
                broken.push(format!("{target}: {}", seed.display()));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_target_has_an_invariant_and_seeds() {
    let known: BTreeSet<String> = targets().map(str::to_owned).collect();
    assert_eq!(known.len(), targets().count(), "a target twice");
    assert_eq!(stems(&fuzz().join("fuzz_targets")), known, "fuzz_targets");
    assert_eq!(stems(&fuzz().join("corpus")), known, "corpus");
    for target in &known {
        let seeds = entries(&fuzz().join("corpus").join(target));
        assert!(seeds.len() >= 5, "{target} has {} seeds", seeds.len());
        for seed in seeds {
            let name = seed.file_name().unwrap_or_default().to_string_lossy();
            // A fuzzer names what it finds by its hash, forty digits without a word.
            let says = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            assert!(says && name.len() < 40, "{target}: a name for {name}");
        }
    }
}

#[test]
fn every_target_calls_its_own_invariant() {
    for target in targets() {
        let folder = match ELSEWHERE.contains(&target) {
            true => "",
            false => "invariants/",
        };
        let path = fuzz().join(format!("fuzz_targets/{target}.rs"));
        let text = fs::read_to_string(&path).expect("a readable target");
        let call = format!("{target}::holds(data)");
        let call = format!("httprs_fuzz::{folder}{call}").replace('/', "::");
        assert!(text.contains(&call), "{target} does not call {call}");
        let path = fuzz().join(format!("src/{folder}{target}.rs"));
        let invariant = fs::read_to_string(&path).expect("a readable invariant");
        assert_eq!(text.lines().next(), invariant.lines().next(), "{target}");
    }
}

fn targets() -> impl Iterator<Item = &'static str> {
    let here = invariants::ALL.iter().map(|target| target.0);
    here.chain(ELSEWHERE.iter().copied())
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// What a folder holds, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    paths
}

fn stems(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().map(|s| s.to_string_lossy().into_owned());
    entries(folder).into_iter().filter_map(stem).collect()
}
