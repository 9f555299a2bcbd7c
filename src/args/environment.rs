//! The environment: variables of flags, and variables that no flag has.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::flag::{Flag, Job};
use super::{Error, Options, Problem, flags, nearest, shown};

/// A warning for each `HTTPRS_*` variable that no flag has, so that a typing slip is noticed.
pub fn unknown_variables<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let known = |name: &str| flags::all().any(|flag| flag.variables().any(|own| own == name));
    let unknown = names.filter(|name| {
        let own = name.strip_prefix("HTTPRS_");
        // Kubernetes and Docker links set these variables for a service called `httprs`.
        own.is_some_and(|own| !own.starts_with("SERVICE_") && !own.starts_with("PORT_"))
            && !known(name)
    });
    let mut found: Vec<String> = unknown
        .map(|name| {
            let long = name["HTTPRS_".len()..]
                .to_ascii_lowercase()
                .replace('_', "-");
            let meant = nearest::nearest(&long);
            let flag = meant.and_then(|long| flags::all().find(|flag| flag.is_called(long)));
            match flag {
                Some(flag) => {
                    let variable = flag.variable();
                    format!(
                        "{name} is no variable of httprs and is ignored; did you mean {variable}?"
                    )
                }
                None => format!("{name} is no variable of httprs and is ignored; see --help"),
            }
        })
        .collect();
    found.sort_unstable();
    found
}

/// Reads the variables of a flag that was not given.
pub(super) fn read(
    flag: &Flag,
    env: &dyn Fn(&str) -> Option<OsString>,
    options: &mut Options,
) -> Result<(), Error> {
    if matches!(flag.job, Job::Help | Job::Version) {
        return Ok(());
    }
    for name in flag.variables().chain(flag.platform.map(str::to_owned)) {
        let Some(value) = env(&name).filter(|value| !value.is_empty()) else {
            continue;
        };
        // For a service called `httprs`, Kubernetes and Docker links set HTTPRS_PORT to a URL.
        // The URL is not the operator's setting, and must not keep the server from starting.
        if flag.long == "port" && value.as_bytes().starts_with(b"tcp://") {
            continue;
        }
        return apply(flag, &value, options).map_err(|expected| {
            Error(Problem::BadVariable {
                name: name.clone(),
                given: shown(&value),
                expected,
            })
        });
    }
    Ok(())
}

/// Applies the value of a variable; the error is the form that was expected.
pub(super) fn apply(flag: &Flag, value: &OsStr, options: &mut Options) -> Result<(), String> {
    match flag.job {
        Job::Switch(set) => match value.as_bytes() {
            b"1" | b"true" => set(options, true),
            b"0" | b"false" => set(options, false),
            _ => return Err("1, true, 0 or false".to_owned()),
        },
        Job::Value(set) => set(options, value)?,
        Job::List(set) => {
            for item in value.as_bytes().split(|b| *b == b',') {
                set(options, OsStr::from_bytes(item.trim_ascii()))?;
            }
        }
        Job::Lines(set) => {
            // A block of lines in YAML ends with an empty one.
            for line in value.as_bytes().split(|b| *b == b'\n') {
                let line = line.trim_ascii();
                if !line.is_empty() {
                    set(options, OsStr::from_bytes(line))?;
                }
            }
        }
        Job::Help | Job::Version => {}
    }
    Ok(())
}
