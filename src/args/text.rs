//! Texts for people, made from the table of flags: `--help`, `--version`, the manual's table.

use super::flag::{Flag, Job};
use super::flags;

/// The column of the explanations; a wider flag gets a line of its own.
const COLUMN: usize = 33;

/// The text of `--help`. No line is longer than 100 columns.
pub fn help() -> String {
    let mut text = String::from(
        "httprs, a prefork HTTP/1.1 server\n\nUsage: httprs [FLAGS] [ROOT]\n       httprs status [--admin ADDR]\n\n  \
         ROOT is a directory of files. Without one there is a welcome page at / for browsers,\n  \
         and an echo of the request for everything else.\n\n  \
         `status` prints what the server does whose --admin that is. A directory of that name is\n  \
         ./status.\n",
    );
    let mut group = "";
    for flag in flags::all() {
        if flag.group != group {
            group = flag.group;
            text += &format!("\n{group}:\n");
        }
        let left = left(flag);
        let note = note(flag);
        if left.len() < COLUMN {
            text += &format!("{left:COLUMN$}{}{note}\n", flag.about);
        } else {
            text += &format!("{left}\n{:COLUMN$}{}{note}\n", "", flag.about);
        }
    }
    text += "\nEvery flag is also an environment variable: --timeout-ms is HTTPRS_TIMEOUT_MS. \
             Switches are\n1 or 0 there. What is repeatable is separated by commas, headers by \
             newlines. A flag beats its\nvariable, which beats the platform's ($PORT, \
             $WEB_CONCURRENCY), which beats the default.\n\nExamples:\n  \
             httprs --port 8080 ./public\n  \
             httprs --host 127.0.0.1 --port 8080 --worker 4 --timeout-ms 2000 \
             --max-header-size 8192\n";
    text
}

/// The text of `--version`.
pub fn version() -> String {
    format!("httprs {}\n", env!("CARGO_PKG_VERSION"))
}

/// The table of flags, as Markdown. The manual has it between `<!-- flags -->` and
/// `<!-- /flags -->`, and a test compares the two.
pub fn flag_table() -> String {
    let mut text = String::from("| flag | variable | default | |\n|---|---|---|---|\n");
    for flag in flags::all() {
        let short = flag.short.map(|s| format!("`-{s}`, ")).unwrap_or_default();
        let alias = flag.alias.map(|a| format!(", `--{a}`")).unwrap_or_default();
        let name = format!("--{} {}", flag.long, flag.value);
        let row = format!(
            "| {short}`{}`{alias} | {} | {} | {} |\n",
            // A bar ends a cell, even between backticks.
            name.trim_end().replace('|', "\\|"),
            variables(flag),
            flag.default,
            flag.about,
        );
        text += &row;
    }
    text
}

fn variables(flag: &Flag) -> String {
    if matches!(flag.job, Job::Help | Job::Version) {
        return String::new();
    }
    let platform = flag.platform.map(|p| format!(", `{p}`"));
    format!("`{}`{}", flag.variable(), platform.unwrap_or_default())
}

fn left(flag: &Flag) -> String {
    let short = match flag.short {
        Some(short) => format!("-{short}, "),
        None => "    ".to_owned(),
    };
    let name = format!("  {short}--{} {}", flag.long, flag.value);
    name.trim_end().to_owned()
}

fn note(flag: &Flag) -> String {
    let platform = flag.platform.map(|p| format!("${p}"));
    let default = Some(flag.default.to_owned()).filter(|d| !d.is_empty() && d != "off");
    match (default, platform) {
        (None, None) => String::new(),
        (Some(one), None) | (None, Some(one)) => format!(" [{one}]"),
        (Some(default), Some(platform)) => format!(" [{default}; {platform}]"),
    }
}
