//! Flags for serving files.

use crate::args::flag::{FLAG, Flag, Job};
use crate::args::values::{
    caching, cors, error_page, file_name, header, mime, number, path, prefix,
};

const FILES: &str = "Files";

pub(super) const FLAGS: &[Flag] = &[
    Flag {
        long: "index",
        value: "NAME",
        about: "the file that stands for its directory",
        group: FILES,
        default: "index.html",
        job: Job::Value(|o, v| file_name(v).map(|v| o.index = v)),
        ..FLAG
    },
    Flag {
        long: "spa",
        about: "the root's index also for pages that are not there",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.spa = on),
        ..FLAG
    },
    Flag {
        long: "listing",
        about: "list directories that have no index file",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.listing = on),
        ..FLAG
    },
    Flag {
        long: "hidden",
        about: "serve names that begin with a dot",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.hidden = on),
        ..FLAG
    },
    Flag {
        long: "no-symlinks",
        about: "follow no links, not even those that stay inside",
        group: FILES,
        default: "off",
        job: Job::Switch(|o, on| o.no_symlinks = on),
        ..FLAG
    },
    Flag {
        long: "file-cache",
        value: "N",
        about: "files that a worker remembers for a second; 0: none",
        group: FILES,
        default: "256",
        job: Job::Value(|o, v| number(v, 0, 65_536).map(|n| o.file_cache = n as usize)),
        ..FLAG
    },
    Flag {
        long: "cache",
        value: "auto|off|SECS",
        about: "what Cache-Control lets others keep, and how long",
        group: FILES,
        default: "auto",
        job: Job::Value(|o, v| caching(v).map(|v| o.cache = v)),
        ..FLAG
    },
    Flag {
        long: "immutable",
        value: "PREFIX",
        about: "paths that never change, as /build/; repeatable",
        group: FILES,
        default: "no more",
        job: Job::List(|o, v| prefix(v).map(|v| o.immutable.push(v))),
        ..FLAG
    },
    Flag {
        long: "error-page",
        value: "CODE=PATH",
        about: "a page for 4xx or 5xx, as 404=/404.html; repeatable",
        group: FILES,
        default: "built in",
        job: Job::List(|o, v| error_page(v).map(|v| o.error_pages.push(v))),
        ..FLAG
    },
    Flag {
        long: "mime",
        value: "EXT=TYPE",
        about: "the type of files that end in .EXT; repeatable",
        group: FILES,
        default: "a built-in table",
        job: Job::List(|o, v| mime(v).map(|v| o.mime.push(v))),
        ..FLAG
    },
    Flag {
        long: "mime-types",
        value: "FILE",
        about: "more types, as Apache or nginx lists them",
        group: FILES,
        default: "no file",
        job: Job::Value(|o, v| path(v, "a file").map(|v| o.mime_types = Some(v))),
        ..FLAG
    },
    Flag {
        long: "header",
        value: "'NAME: VALUE'",
        about: "a field on every answer of the files; repeatable",
        group: FILES,
        default: "no more",
        job: Job::Lines(|o, v| header(v).map(|v| o.headers.push(v))),
        ..FLAG
    },
    Flag {
        long: "cors",
        value: "ORIGIN",
        about: "whose pages may read the files; * for all; repeatable",
        group: FILES,
        default: "their own",
        job: Job::List(|o, v| cors(v, &o.cors).map(|v| o.cors.push(v))),
        ..FLAG
    },
];
