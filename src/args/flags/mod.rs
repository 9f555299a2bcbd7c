//! The one table of flags, group by group.

mod admin;
mod files;
mod limits;
mod log;
mod serving;
mod workers;

use super::flag::{FLAG, Flag, Job};
use super::values::server_name;

const OTHER: &str = "Other";

/// Flags of all groups, in the order of `--help`.
const GROUPS: &[&[Flag]] = &[
    serving::FLAGS,
    workers::FLAGS,
    limits::FLAGS,
    files::FLAGS,
    log::FLAGS,
    admin::FLAGS,
    FLAGS,
];

/// All flags, in the order of `--help`. Variables are applied in this order too, so a flag that
/// sets several options (`-q`) stands above the flags that set one of them.
pub(super) fn all() -> impl Iterator<Item = &'static Flag> {
    GROUPS.iter().copied().flatten()
}

/// The flag for the admin address, which `httprs status` takes as well.
pub(super) fn admin() -> &'static Flag {
    &admin::FLAGS[0]
}

/// The flag that a bare argument stands for: the first row.
pub(super) fn root() -> &'static Flag {
    &serving::FLAGS[0]
}

const FLAGS: &[Flag] = &[
    Flag {
        long: "server-name",
        value: "NAME",
        about: "the Server field; '' leaves it out",
        group: OTHER,
        default: "httprs",
        job: Job::Value(|o, v| server_name(v).map(|v| o.server_name = v)),
        ..FLAG
    },
    Flag {
        long: "help",
        short: Some('h'),
        about: "print this and exit",
        group: OTHER,
        job: Job::Help,
        ..FLAG
    },
    Flag {
        long: "version",
        short: Some('V'),
        about: "print the version and exit",
        group: OTHER,
        job: Job::Version,
        ..FLAG
    },
];
