//! `httprs status`: the one command besides serving.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::environment::{self, apply};
use super::{Command, Error, Job, Options, Problem};
use super::{flags, read_long, shown};

/// The word that asks for it, as the first argument. A directory of that name is `./status`.
pub(super) const WORD: &str = "status";

/// Reads the arguments behind the word. Of the environment, `HTTPRS_ADMIN` alone is read: an error
/// in the server's other variables is no reason not to ask for its status.
pub(super) fn parse(
    mut args: impl Iterator<Item = OsString>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Command, Error> {
    let mut given = Vec::new();
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        if bytes == b"-h" {
            return Ok(Command::Help);
        }
        let Some(long) = bytes.strip_prefix(b"--").filter(|name| !name.is_empty()) else {
            return Err(unwanted(shown(&arg)));
        };
        read_long(long, &mut args, &mut given)?;
        match given.last() {
            Some(last) if matches!(last.flag.job, Job::Help) => return Ok(Command::Help),
            Some(last) if last.flag.long != flags::admin().long => {
                return Err(unwanted(last.name.clone()));
            }
            _ => {}
        }
    }
    let mut options = Options::default();
    match given.pop() {
        None => environment::read(flags::admin(), env, &mut options)?,
        Some(last) => apply(last.flag, &last.value, &mut options).map_err(|expected| {
            Error(Problem::BadFlag {
                flag: last.name,
                given: shown(&last.value),
                expected,
            })
        })?,
    }
    let admin = options.admin.ok_or(Error(Problem::NoAdmin))?;
    Ok(Command::Status(admin))
}

fn unwanted(given: String) -> Error {
    Error(Problem::NotForStatus { given })
}
