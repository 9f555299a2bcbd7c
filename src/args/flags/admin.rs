//! The flag for the admin address.

use crate::args::flag::{FLAG, Flag, Job};
use crate::args::values::address;

pub(super) const FLAGS: &[Flag] = &[Flag {
    long: "admin",
    value: "ADDR",
    about: "HOST:PORT or unix:/path that serves /status, /metrics",
    group: "Admin",
    default: "off",
    job: Job::Value(|o, v| address(v).map(|v| o.admin = v)),
    ..FLAG
}];
