//! Flags for the log.

use crate::args::flag::{FLAG, Flag, Job};
use crate::args::values::{choice, path};
use crate::args::{Level, LogFormat};

const LOG: &str = "Log";

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "quiet",
        short: Some('q'),
        about: "as --log none --log-level warn",
        group: LOG,
        default: "off",
        job: Job::Switch(|o, on| {
            if on {
                o.log = Some(LogFormat::None);
                o.log_level = Level::Warn;
            }
        }),
        ..FLAG
    },
    Flag {
        long: "verbose",
        short: Some('v'),
        about: "as --log-level debug",
        group: LOG,
        default: "off",
        job: Job::Switch(|o, on| {
            if on {
                o.log_level = Level::Debug;
            }
        }),
        ..FLAG
    },
    Flag {
        long: "log",
        value: "text|json|common|none",
        about: "access lines",
        group: LOG,
        default: "text on a terminal, else json",
        job: Job::Value(|o, v| choice(v, FORMATS).map(|v| o.log = Some(v))),
        ..FLAG
    },
    Flag {
        long: "log-file",
        value: "PATH",
        about: "where access lines go",
        group: LOG,
        default: "standard output",
        job: Job::Value(|o, v| path(v, "a file").map(|v| o.log_file = Some(v))),
        ..FLAG
    },
    Flag {
        long: "log-level",
        value: "error|warn|info|debug",
        about: "events, on standard error",
        group: LOG,
        default: "info",
        job: Job::Value(|o, v| choice(v, LEVELS).map(|v| o.log_level = v)),
        ..FLAG
    },
];

const FORMATS: &[(&str, LogFormat)] = &[
    ("text", LogFormat::Text),
    ("json", LogFormat::Json),
    ("common", LogFormat::Common),
    ("none", LogFormat::None),
];

const LEVELS: &[(&str, Level)] = &[
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
];
