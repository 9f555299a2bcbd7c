//! A listing written out: as a page, and as JSON. Pure: names, sizes and times in, bytes out.
//!
//! The page works without JavaScript, on a phone and with a screen reader. All its links are
//! relative, because a proxy may have changed the path above.

use std::io::{self, Write};

use super::contents::{Contents, Item};
use crate::handlers::escape::{Html, Json, Segment};
use crate::handlers::human::Size;
use crate::handlers::pages;
use crate::http::date::rfc3339;

/// The style of listings, besides that of all pages.
const STYLE: &str = include_str!("listing.css");

/// The form of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page in HTML.
    Html,
    /// JSON for programs.
    Json,
}

/// Writes the beginning, before the items.
pub fn begin(out: &mut Vec<u8>, form: Form, path: &[u8], contents: &Contents) {
    // Writing to a Vec cannot fail.
    let _ = match form {
        Form::Html => begin_html(out, path, contents),
        Form::Json => write!(out, "{{\"path\":{},\"entries\":[", Json(path)),
    };
}

/// Writes some of the items, the first of which has this index.
pub fn items<'a>(out: &mut Vec<u8>, form: Form, at: usize, items: impl Iterator<Item = &'a Item>) {
    for (item, at) in items.zip(at..) {
        let _ = match form {
            Form::Html => write_row(out, item),
            Form::Json => write_entry(out, item, at == 0),
        };
    }
}

/// Writes the end, behind the items.
pub fn end(out: &mut Vec<u8>, form: Form, contents: &Contents) {
    let _ = match form {
        Form::Html => end_html(out, contents),
        Form::Json => end_json(out, contents),
    };
}

fn begin_html(out: &mut Vec<u8>, path: &[u8], contents: &Contents) -> io::Result<()> {
    pages::begin(out, format_args!("Files in {}", Html(path)), STYLE)?;
    let mut names: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    names.retain(|name| !name.is_empty());
    match names.split_last() {
        None => writeln!(out, "<h1>Files in the root directory</h1>")?,
        Some((here, above)) => {
            write_way(out, above)?;
            writeln!(out, "<h1>Files in <bdi>{}</bdi></h1>", Html(here))?;
        }
    }
    if contents.cut {
        writeln!(
            out,
            "<p class=\"note\">There is more here than can be shown: these are {} of the names.</p>",
            contents.items.len()
        )?;
    }
    if contents.items.is_empty() {
        return writeln!(out, "<p>There is nothing to show.</p>");
    }
    begin_table(out, contents)
}

fn end_html(out: &mut Vec<u8>, contents: &Contents) -> io::Result<()> {
    if !contents.items.is_empty() {
        writeln!(out, "</tbody>\n</table>")?;
    }
    pages::end(out)
}

/// Writes links to the directories above this one, the root first.
fn write_way(out: &mut Vec<u8>, above: &[&[u8]]) -> io::Result<()> {
    writeln!(out, "<nav aria-label=\"Directories above\">\n<ol>")?;
    for depth in 0..=above.len() {
        let up = "../".repeat(above.len() - depth + 1);
        let name = match depth.checked_sub(1).and_then(|at| above.get(at)) {
            Some(name) => name,
            None => &b"root"[..],
        };
        let name = Html(name);
        writeln!(out, "<li><a href=\"{up}\"><bdi>{name}</bdi></a></li>")?;
    }
    writeln!(out, "</ol>\n</nav>")
}

fn begin_table(out: &mut Vec<u8>, contents: &Contents) -> io::Result<()> {
    let items = &contents.items;
    // Directories come first.
    let directories = items.iter().take_while(|item| item.is_directory).count();
    let files = items.len() - directories;
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let directory = if directories == 1 {
        "directory"
    } else {
        "directories"
    };
    writeln!(
        out,
        "<table>\n<caption>{directories} {directory} and {files} file{}. Times are in UTC.\
         </caption>\n<thead>\n<tr><th scope=\"col\">Name</th><th scope=\"col\">Size</th>\
         <th scope=\"col\">Changed</th></tr>\n</thead>\n<tbody>",
        plural(files)
    )
}

fn write_row(out: &mut Vec<u8>, item: &Item) -> io::Result<()> {
    let (slash, link, name) = (item.slash(), Segment(&item.name), Html(&item.name));
    write!(
        out,
        "<tr><th scope=\"row\"><a href=\"{link}{slash}\"><bdi>{name}{slash}</bdi></a></th><td>"
    )?;
    if !item.is_directory {
        let (size, short) = (item.size, Size(item.size));
        let s = if size == 1 { "" } else { "s" };
        write!(
            out,
            "<data value=\"{size}\" title=\"{size} byte{s}\">{short}</data>"
        )?;
    }
    let time = rfc3339(item.changed);
    // On a phone there is no room for the time of the day.
    out.extend_from_slice(b"</td><td><time datetime=\"");
    out.extend_from_slice(&time);
    out.extend_from_slice(b"\">");
    out.extend_from_slice(&time[..10]);
    out.extend_from_slice(b"<span> ");
    out.extend_from_slice(&time[11..16]);
    out.extend_from_slice(b"</span></time></td></tr>\n");
    Ok(())
}

fn write_entry(out: &mut Vec<u8>, item: &Item, is_first: bool) -> io::Result<()> {
    let comma = if is_first { "" } else { "," };
    write!(out, "{comma}\n{{\"name\":{},", Json(&item.name))?;
    if std::str::from_utf8(&item.name).is_err() {
        write!(out, "\"href\":\"{}{}\",", Segment(&item.name), item.slash())?;
    }
    if item.is_directory {
        write!(out, "\"type\":\"directory\",")?;
    } else {
        write!(out, "\"type\":\"file\",\"size\":{},", item.size)?;
    }
    out.extend_from_slice(b"\"modified\":\"");
    out.extend_from_slice(&rfc3339(item.changed));
    out.extend_from_slice(b"\"}");
    Ok(())
}

fn end_json(out: &mut Vec<u8>, contents: &Contents) -> io::Result<()> {
    let end = if contents.items.is_empty() { "" } else { "\n" };
    let cut = match contents.cut {
        true => ",\"truncated\":true",
        false => "",
    };
    writeln!(out, "{end}]{cut}}}")
}

impl Item {
    /// What stands behind the name of a directory.
    fn slash(&self) -> &'static str {
        if self.is_directory { "/" } else { "" }
    }
}
