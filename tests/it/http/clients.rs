//! Clients that are slow, pause, stall or vanish, on loopback and across a bad link: a few of those
//! of `make clients` and `make network`, which are Python, with shorter deadlines still.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

#[test]
fn clients_on_loopback_meet_what_is_documented() {
    meets_no_surprise("run.py");
}

#[test]
fn clients_across_a_bad_link_meet_what_is_documented() {
    meets_no_surprise("network.py");
}

/// Runs the short form of a script. Its slack is large because machines are busy.
#[track_caller]
fn meets_no_surprise(name: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name);
    let programs = Path::new(env!("CARGO_BIN_EXE_httprs")).parent();
    let mut command = crate::server::clean(Command::new("python3"));
    command.arg(script).arg("--programs");
    command.arg(programs.expect("a folder"));
    command.args(["--quick", "--factor", "20", "--slack", "4"]);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return skip(&format!("{name}: skipped, python3: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name}: {}", output.status);
    for line in said.lines().filter(|line| line.contains(": skipped, ")) {
        skip(line);
    }
}

/// Says so past the harness, which shows nothing of tests that pass.
fn skip(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
