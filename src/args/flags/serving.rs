//! Flags for the root, the protocol and the addresses.

use std::ffi::OsStr;

use crate::args::Protocol;
use crate::args::flag::{FLAG, Flag, Job};
use crate::args::values::{choice, host, number, path};

const WHAT: &str = "What to serve";
const WHERE: &str = "Where";

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "root",
        short: Some('d'),
        value: "DIR",
        about: "a directory of files; the same as ROOT",
        group: WHAT,
        default: "a built-in page and echo",
        job: Job::Value(|o, v| path(v, "a directory").map(|v| o.root = Some(v))),
        ..FLAG
    },
    Flag {
        long: "protocol",
        value: "http|echo|websocket",
        about: "what connections speak",
        group: WHAT,
        default: "http",
        job: Job::Value(|o, v| choice(v, PROTOCOLS).map(|v| o.protocol = v)),
        ..FLAG
    },
    Flag {
        long: "udp-echo",
        value: "PORT",
        about: "one more worker sends back UDP datagrams on this port",
        group: WHAT,
        default: "off",
        job: Job::Value(|o, v| udp_port(v).map(|v| o.udp_echo = v)),
        ..FLAG
    },
    Flag {
        long: "host",
        value: "ADDR",
        about: "IPv4, IPv6, localhost or unix:/path; repeatable",
        group: WHERE,
        default: "all addresses",
        job: Job::List(|o, v| host(v).map(|v| o.hosts.push(v))),
        ..FLAG
    },
    Flag {
        long: "port",
        short: Some('p'),
        value: "PORT",
        platform: Some("PORT"),
        about: "TCP port; 0 picks a free one",
        group: WHERE,
        default: "8080",
        job: Job::Value(|o, v| number(v, 0, 65_535).map(|n| o.port = n as u16)),
        ..FLAG
    },
    Flag {
        long: "reuse-port",
        about: "share the port with another server that says so too",
        group: WHERE,
        default: "off",
        job: Job::Switch(|o, on| o.reuse_port = on),
        ..FLAG
    },
    Flag {
        long: "backlog",
        value: "N",
        about: "connections that wait in the kernel's queue",
        group: WHERE,
        default: "1024",
        job: Job::Value(|o, v| number(v, 1, 65_535).map(|n| o.backlog = n as u32)),
        ..FLAG
    },
];

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("http", Protocol::Http),
    ("echo", Protocol::Echo),
    ("websocket", Protocol::WebSocket),
];

fn udp_port(value: &OsStr) -> Result<Option<u16>, String> {
    match value == "off" {
        true => Ok(None),
        false => number(value, 0, 65_535).map(|port| Some(port as u16)),
    }
}
