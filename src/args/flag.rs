//! [`Flag`]: what there is to say about a flag.

use std::ffi::OsStr;

use super::Options;

/// A row of the table.
pub(super) struct Flag {
    /// Its name without the dashes; the variable's name follows from it.
    pub(super) long: &'static str,
    /// An older or likelier spelling.
    pub(super) alias: Option<&'static str>,
    /// Its one-letter name.
    pub(super) short: Option<char>,
    /// What help calls its value; empty for a switch.
    pub(super) value: &'static str,
    /// A variable that platforms set; weaker than our own.
    pub(super) platform: Option<&'static str>,
    /// What holds if nothing is said, as it would be typed if it can be typed.
    pub(super) default: &'static str,
    /// What it is for, in a few words.
    pub(super) about: &'static str,
    /// The heading it stands under.
    pub(super) group: &'static str,
    /// What it does.
    pub(super) job: Job,
}

/// Reads a value into the options, or says what it should have been.
pub(super) type Set = fn(&mut Options, &OsStr) -> Result<(), String>;

/// What a flag does.
#[derive(Clone, Copy)]
pub(super) enum Job {
    /// Takes no value on the command line, and `1` or `0` in the environment.
    Switch(fn(&mut Options, bool)),
    /// Takes a value; the last one counts.
    Value(Set),
    /// Takes a value each time; several in the environment, separated by commas.
    List(Set),
    /// The same, separated by newlines: for values that have commas of their own.
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

    /// The name of its environment variable.
    pub(super) fn variable(&self) -> String {
        variable(self.long)
    }

    /// The same, and that of its alias.
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

/// What rows that do not say otherwise have.
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
