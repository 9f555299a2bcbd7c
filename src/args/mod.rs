//! The command line: flags and environment variables in, [`Options`] out.
//!
//! One table (`flags`) drives the parser, the environment, `--help` and the manual, so that none
//! of them can promise what another does not keep. Pure: arguments and a lookup in, [`Command`]
//! out. Knows nothing of files, sockets or the rest of the crate.

mod environment;
mod flag;
mod flags;
mod nearest;
mod options;
mod status;
mod text;
mod values;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

pub use environment::unknown_variables;
use flag::{Flag, Job};
pub use options::{Caching, Level, LogFormat, Options, Protocol, Workers};
pub use text::{flag_table, help, version};

/// The command that the operator gave.
// A process has one command, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Run(Options),
    /// Print the status of the server that has this admin address.
    Status(String),
    /// Print [`help`] and exit with 0.
    Help,
    /// Print [`version`] and exit with 0.
    Version,
}

/// An error in a flag or a variable. Displays as one line: the error, and how to put it right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    UnknownFlag {
        given: String,
        nearest: Option<&'static str>,
    },
    MissingValue {
        flag: String,
        value: &'static str,
    },
    UnwantedValue {
        flag: String,
        given: String,
    },
    ExtraArgument {
        given: String,
    },
    BadFlag {
        flag: String,
        given: String,
        expected: String,
    },
    BadVariable {
        name: String,
        given: String,
        expected: String,
    },
    NotForStatus {
        given: String,
    },
    NoAdmin,
    NoTimeToDrain {
        delay_ms: u64,
        timeout_ms: u64,
        typed: bool,
    },
}

impl Error {
    /// The exit code, as sysexits(3) has it: 64 (`EX_USAGE`) for the command line, 78 (`EX_CONFIG`)
    /// for the environment, which another program may have set.
    pub fn exit_code(&self) -> u8 {
        match self.0 {
            Problem::BadVariable { .. } | Problem::NoTimeToDrain { typed: false, .. } => 78,
            _ => 64,
        }
    }
}

impl fmt::Display for Error {
    // The given text is shown in quotes, with escapes, so that the message stays one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::UnknownFlag { given, nearest } => {
                write!(f, "unknown flag {given:?}; ")?;
                match nearest {
                    Some(flag) => write!(f, "did you mean --{flag}?"),
                    None => f.write_str("see --help"),
                }
            }
            Problem::MissingValue { flag, value } => {
                write!(f, "{flag} needs a value: {flag} {value}")
            }
            Problem::UnwantedValue { flag, given } => {
                write!(f, "{flag} takes no value, but got {given:?}; leave it out")
            }
            Problem::ExtraArgument { given } => {
                write!(f, "unexpected argument {given:?}; one ROOT is all there is")
            }
            Problem::BadFlag {
                flag: source,
                given,
                expected,
            }
            | Problem::BadVariable {
                name: source,
                given,
                expected,
            } => write!(f, "{source} got {given:?}, but expects {expected}"),
            Problem::NotForStatus { given } => write!(
                f,
                "unexpected argument {given:?}; --admin is all that `httprs status` takes, and \
                 ./status is the directory"
            ),
            Problem::NoAdmin => f.write_str(
                "status needs the address that the server has as its --admin: give it here, too, \
                 or in HTTPRS_ADMIN",
            ),
            Problem::NoTimeToDrain {
                delay_ms,
                timeout_ms,
                ..
            } => write!(
                f,
                "--drain-delay-ms {delay_ms} leaves no time to drain; it must be less than \
                 --drain-timeout-ms, which bounds both and is {timeout_ms}"
            ),
        }
    }
}

impl std::error::Error for Error {}

/// Reads `args` (without the program's name) and, for flags that they leave out, the environment.
///
/// A flag beats its `HTTPRS_*` variable, which beats a variable of the platform (`PORT`), which
/// beats the default. A variable is only read if its flag was not given, so a flag always helps
/// against a bad variable. Of a flag that is repeated, the last one counts.
pub fn parse(
    args: impl Iterator<Item = OsString>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let mut args = args.peekable();
    if args.next_if(|first| first == status::WORD).is_some() {
        return status::parse(args, env);
    }
    let mut given = Vec::new();
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        if bytes == b"--" {
            for arg in args.by_ref() {
                positional(&mut given, arg)?;
            }
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            read_long(long, &mut args, &mut given)?;
        } else if bytes.len() > 1 && bytes[0] == b'-' {
            read_short(&bytes[1..], &mut args, &mut given)?;
        } else {
            positional(&mut given, arg)?;
        }
        match given.last().map(|g: &Given| g.flag.job) {
            Some(Job::Help) => return Ok(Command::Help),
            Some(Job::Version) => return Ok(Command::Version),
            _ => {}
        }
    }
    let mut options = Options::default();
    for flag in flags::all() {
        if !given.iter().any(|g| g.flag.long == flag.long) {
            environment::read(flag, env, &mut options)?;
        }
    }
    // The hosts of the command line replace those of the environment, they do not join them.
    if given.iter().any(|g| g.flag.long == "host") {
        options.hosts.clear();
    }
    for Given { flag, name, value } in &given {
        let outcome = match flag.job {
            Job::Switch(set) => {
                set(&mut options, true);
                Ok(())
            }
            Job::Value(set) | Job::List(set) | Job::Lines(set) => set(&mut options, value),
            Job::Help | Job::Version => Ok(()),
        };
        outcome.map_err(|expected| {
            Error(Problem::BadFlag {
                flag: name.clone(),
                given: shown(value),
                expected,
            })
        })?;
    }
    let (delay_ms, timeout_ms) = (options.drain_delay_ms, options.drain_timeout_ms);
    if delay_ms > 0 && delay_ms >= timeout_ms {
        let typed = given.iter().any(|g| g.flag.long.starts_with("drain-"));
        return Err(Error(Problem::NoTimeToDrain {
            delay_ms,
            timeout_ms,
            typed,
        }));
    }
    Ok(Command::Run(options))
}

/// A flag that was given, how it was spelled, and its value (empty for a switch).
struct Given {
    flag: &'static Flag,
    name: String,
    value: OsString,
}

fn positional(given: &mut Vec<Given>, value: OsString) -> Result<(), Error> {
    if given.iter().any(|g| g.name == "ROOT") {
        let given = shown(&value);
        return Err(Error(Problem::ExtraArgument { given }));
    }
    given.push(Given {
        flag: flags::root(),
        name: "ROOT".to_owned(),
        value,
    });
    Ok(())
}

/// `--flag value` or `--flag=value`; `arg` is the text behind the dashes.
fn read_long(
    arg: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
    given: &mut Vec<Given>,
) -> Result<(), Error> {
    let (name, value) = match arg.iter().position(|b| *b == b'=') {
        Some(at) => (&arg[..at], Some(os_string(&arg[at + 1..]))),
        None => (arg, None),
    };
    let name = String::from_utf8_lossy(name);
    let Some(flag) = flags::all().find(|f| f.is_called(&name)) else {
        return Err(Error(Problem::UnknownFlag {
            nearest: nearest::nearest(&name),
            given: format!("--{name}"),
        }));
    };
    let name = format!("--{name}");
    let value = match (flag.takes_value(), value) {
        (true, Some(value)) => value,
        (true, None) => next_value(flag, &name, rest)?,
        (false, None) => OsString::new(),
        (false, Some(value)) => {
            let given = shown(&value);
            return Err(Error(Problem::UnwantedValue { flag: name, given }));
        }
    };
    given.push(Given { flag, name, value });
    Ok(())
}

/// `-p 8080`, `-p8080`, `-p=8080`, or switches in one word (`-qh`), without the dash.
fn read_short(
    word: &[u8],
    rest: &mut impl Iterator<Item = OsString>,
    given: &mut Vec<Given>,
) -> Result<(), Error> {
    for (at, letter) in word.iter().enumerate() {
        let letter = char::from(*letter);
        let name = format!("-{letter}");
        let Some(flag) = flags::all().find(|f| f.short == Some(letter)) else {
            let given = shown(&os_string(word));
            return Err(Error(Problem::UnknownFlag {
                nearest: nearest::nearest(&given),
                given: format!("-{given}"),
            }));
        };
        if !flag.takes_value() {
            let value = OsString::new();
            given.push(Given { flag, name, value });
            continue;
        }
        let attached = &word[at + 1..];
        let value = if attached.is_empty() {
            next_value(flag, &name, rest)?
        } else {
            os_string(attached.strip_prefix(b"=").unwrap_or(attached))
        };
        given.push(Given { flag, name, value });
        break;
    }
    Ok(())
}

/// The next argument, unless it looks like a flag: then the operator forgot the value, and taking
/// the flag for it would give a stranger error later. `--flag=-x` still gives such a value.
fn next_value(
    flag: &Flag,
    name: &str,
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<OsString, Error> {
    match rest.next() {
        Some(next) if !(next.len() > 1 && next.as_bytes()[0] == b'-') => Ok(next),
        _ => Err(Error(Problem::MissingValue {
            flag: name.to_owned(),
            value: flag.value,
        })),
    }
}

fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

fn shown(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
