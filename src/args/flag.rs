//! [`Flag`]: the names, texts and effect of a flag.

use std::ffi::OsStr;

use super::Options;

/// A row of the table.
pub(super) struct Flag {
    /// The flag's name without the dashes; the variable's name follows from it.
    pub(super) long: &'static str,
    /// An older or likelier spelling.
    pub(super) alias: Option<&'static str>,
    /// The one-letter name.
    pub(super) short: Option<char>,
    /// The name of the value in the help; empty for a switch.
    pub(super) value: &'static str,
    /// A variable that platforms set; weaker than `HTTPRS_*`.
    pub(super) platform: Option<&'static str>,
    /// The default, as an operator would type it; with a blank inside if it cannot be typed.
    pub(super) default: &'static str,
    /// The purpose, in a few words.
    pub(super) about: &'static str,
    /// The heading in the help.
    pub(super) group: &'static str,
    /// The effect.
    pub(super) job: Job,
}

/// Reads a value into the options; the error is the form that was expected.
pub(super) type Set = fn(&mut Options, &OsStr) -> Result<(), String>;

/// The effect of a flag.
#[derive(Clone, Copy)]
pub(super) enum Job {
    /// Takes no value on the command line, and `1` or `0` in the environment.
    Switch(fn(&mut Options, bool)),
    /// Takes a value; the last one counts.
    Value(Set),
    /// Takes a value each time; several in the environment, separated by commas.
    List(Set),
    /// Like [`Job::List`], but separated by newlines: for values that have commas inside.
    Lines(Set),
    /// Asks for help.
    Help,
    /// Asks for the version.
    Version,
}

impl Flag {
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.long == name || self.alias == Some(name)
    }

    pub(super) fn takes_value(&self) -> bool {
        matches!(self.job, Job::Value(_) | Job::List(_) | Job::Lines(_))
    }

    /// The name of the flag's environment variable.
    pub(super) fn variable(&self) -> String {
        variable(self.long)
    }

    /// The names of the variables for the flag and for its alias.
    pub(super) fn variables(&self) -> impl Iterator<Item = String> {
        [Some(self.long), self.alias]
            .into_iter()
            .flatten()
            .map(variable)
    }
}

fn variable(name: &str) -> String {
    format!("HTTPRS_{}", name.replace('-', "_").to_ascii_uppercase())
}

/// The values that rows of the table start from.
pub(super) const FLAG: Flag = Flag {
    long: "",
    alias: None,
    short: None,
    value: "",
    platform: None,
    default: "",
    about: "",
    group: "",
    job: Job::Help,
};
