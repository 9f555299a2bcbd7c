//! The status as a page for people: without JavaScript, on a phone, in the dark, and with a screen
//! reader, for which each drawing has a text as well.

use std::io::{self, Write};

use super::REFRESH_S;
use super::snapshot::{Counters, Snapshot, Worker};
use super::text::time;
use crate::handlers::escape::Html;
use crate::handlers::human::{Brief, Count, Rate, Size, Span};
use crate::handlers::pages;
use crate::scoreboard::{BUCKETS, Latency, Record};

/// The style of the page, besides that of all pages.
const STYLE: &str = include_str!("page.css");

pub fn write(out: &mut impl Write, status: &Snapshot, still: bool) -> io::Result<()> {
    let (word, class) = match (status.stopping, status.is_ready) {
        (true, _) => ("stopping", "bad"),
        (_, false) => ("not ready", "bad"),
        _ if status.ready < status.wanted => ("short of workers", "bad"),
        _ => ("serving", "good"),
    };
    pages::begin(out, format_args!("httprs: {word}"), STYLE)?;
    writeln!(
        out,
        "<h1>httprs <span class=\"state {class}\">{word}</span></h1>\n<p class=\"soft\">Version {}, \
         process {}, up {} at <time datetime=\"{now}\">{} {} UTC</time>. {}</p>",
        env!("CARGO_PKG_VERSION"),
        status.master_pid,
        Span(status.uptime_ms()),
        &time(status.now_ms)[..10],
        &time(status.now_ms)[11..19],
        match still {
            true => "<a href=\"/status\">Keep up to date</a>".into(),
            false => format!(
                "Made anew every {REFRESH_S} seconds; <a href=\"/status?still\">hold still</a>"
            ),
        },
        now = time(status.now_ms),
    )?;
    write_tiles(out, status)?;
    write_board(out, status)?;
    write_answers(out, &status.total)?;
    write_latency(out, &status.total.latency)?;
    write_workers(out, status)?;
    write_deaths(out, status)?;
    writeln!(
        out,
        "<footer>The same as <a href=\"/status.txt\">text</a>, as \
         <a href=\"/status.json\">JSON</a> and <a href=\"/metrics\">for Prometheus</a>; \
         <a href=\"/livez\">alive?</a> <a href=\"/readyz\">ready?</a></footer>"
    )?;
    pages::end(out)
}

fn write_tiles(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    let (total, rate) = (&status.total, status.rate_tenths());
    let per_second = format!("{} a second on average", Rate(rate));
    let each = match total.requests {
        0 => "none yet".into(),
        n => format!("{} an answer", Size(total.body_bytes / n)),
    };
    writeln!(out, "<dl class=\"tiles\">")?;
    for (name, value, note) in [
        (
            "Workers ready",
            format!("{} <small>of {}</small>", status.ready, status.wanted),
            match status.deaths {
                0 => "none has died".into(),
                1 => "one has died".into(),
                n => format!("{} have died", Count(n)),
            },
        ),
        (
            "Connections",
            Count(total.connections).to_string(),
            format!("{} so far", Count(total.accepted)),
        ),
        ("Requests", Count(total.requests).to_string(), per_second),
        ("Sent", Size(total.body_bytes).to_string(), each),
    ] {
        writeln!(
            out,
            "<div><dt>{name}</dt><dd>{value}</dd><dd>{note}</dd></div>"
        )?;
    }
    writeln!(out, "</dl>")?;
    if total.lost_lines > 0 {
        let lines = Count(total.lost_lines);
        writeln!(
            out,
            "<p class=\"note\">{lines} lines of the access log were lost, unread or unwritten.</p>"
        )?;
    }
    Ok(())
}

/// Letters and words in the order of the key.
const KEY: [(char, &str); 6] = [
    ('_', "waiting"),
    ('R', "reading request"),
    ('W', "sending reply"),
    ('S', "starting up"),
    ('G', "gracefully finishing"),
    ('.', "open slot"),
];

/// The scoreboard as Apache draws it. The table says the same in words.
fn write_board(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    writeln!(
        out,
        "<section aria-hidden=\"true\">\n<h2>Scoreboard</h2>\n<p class=\"board\">"
    )?;
    for worker in &status.workers {
        if worker.processes.is_empty() {
            write_letter(out, '.', &format!("worker {}: open slot", name(worker)))?;
        }
        for process in &worker.processes {
            let (pid, word) = (process.pid, process.word());
            let title = format!("worker {}, process {pid}: {word}", name(worker));
            write_letter(out, process.letter(), &title)?;
        }
    }
    writeln!(out, "</p>\n<p class=\"key\">")?;
    for (letter, word) in KEY {
        write!(out, "<span>")?;
        write_letter(out, letter, word)?;
        writeln!(out, " {word}</span>")?;
    }
    writeln!(out, "</p>\n</section>")
}

fn write_workers(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    writeln!(
        out,
        "<section>\n<h2>Workers</h2>\n<div class=\"wide\" role=\"region\" aria-label=\"Table of workers\" \
         tabindex=\"0\">\n<table>\n<thead>\n<tr><th scope=\"col\">No.</th>\
         <th scope=\"col\">Process</th><th scope=\"col\">State</th><th scope=\"col\">Age</th>\
         <th scope=\"col\"><abbr title=\"Processes that were this worker so far\">Starts</abbr>\
         </th><th scope=\"col\">Clients</th><th scope=\"col\">Accepted</th>\
         <th scope=\"col\">Requests</th><th scope=\"col\">2xx</th><th scope=\"col\">4xx</th>\
         <th scope=\"col\">5xx</th><th scope=\"col\">Sent</th></tr>\n</thead>\n<tbody>"
    )?;
    for worker in &status.workers {
        write_worker(out, worker, status.now_ms)?;
    }
    writeln!(out, "</tbody>\n</table>\n</div>\n</section>")
}

fn write_letter(out: &mut impl Write, letter: char, title: &str) -> io::Result<()> {
    let class = match letter {
        '_' => "waiting",
        'R' | 'W' => "busy",
        '.' => "open",
        _ => "moving",
    };
    write!(out, "<i class=\"{class}\" title=\"{title}\">{letter}</i>")
}

/// The number of a worker, and the name of its group where there are several.
fn name(worker: &Worker) -> String {
    match worker.group {
        "" => worker.number.to_string(),
        group => format!("{} ({})", worker.number, Html(group.as_bytes())),
    }
}

fn write_worker(out: &mut impl Write, worker: &Worker, now_ms: u64) -> io::Result<()> {
    let counters = &worker.counters;
    let lines = |line: &dyn Fn(&Record) -> String| match &worker.processes[..] {
        [] => "\u{2013}".to_owned(),
        processes => {
            let lines: Vec<String> = processes.iter().map(line).collect();
            lines.join("<br>")
        }
    };
    let word = match &worker.processes[..] {
        [] => "open slot".to_owned(),
        _ => lines(&|process| process.word().to_owned()),
    };
    write!(
        out,
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{word}</td><td>{}</td>",
        name(worker),
        lines(&|process| process.pid.to_string()),
        lines(&|process| Span(now_ms.saturating_sub(process.born_unix_ms)).to_string()),
    )?;
    for count in [
        counters.starts,
        counters.connections,
        counters.accepted,
        counters.requests,
        counters.by_class[1],
        counters.by_class[3],
        counters.by_class[4],
    ] {
        match count {
            0 => write!(out, "<td class=\"zero\">0</td>")?,
            n => write!(out, "<td>{}</td>", Count(n))?,
        }
    }
    writeln!(out, "<td>{}</td></tr>", Size(counters.body_bytes))
}

fn write_answers(out: &mut impl Write, total: &Counters) -> io::Result<()> {
    let sum: u64 = total.by_class.iter().sum();
    if sum == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "<section>\n<h2>Answers</h2>\n<p class=\"strip\" aria-hidden=\"true\">"
    )?;
    for (class, answers) in (1..).zip(total.by_class) {
        if answers > 0 {
            // A single error among millions must be visible.
            write!(
                out,
                "<i class=\"c{class}\" style=\"flex-grow:{answers}\"></i>"
            )?;
        }
    }
    writeln!(out, "</p>\n<ul class=\"legend\">")?;
    for (class, answers) in (1..).zip(total.by_class) {
        if answers > 0 {
            let (count, share) = (Count(answers), share(answers, sum));
            writeln!(
                out,
                "<li><i class=\"c{class}\"></i><b>{class}xx</b> {count} <small>{share}</small></li>"
            )?;
        }
    }
    writeln!(out, "</ul>\n</section>")
}

fn write_latency(out: &mut impl Write, latency: &Latency) -> io::Result<()> {
    let (count, most) = (latency.count(), latency.buckets.iter().max());
    let (Some(most), Some(first)) = (most, latency.buckets.iter().position(|n| *n > 0)) else {
        return Ok(());
    };
    let last = latency.buckets.iter().rposition(|n| *n > 0);
    writeln!(
        out,
        "<section>\n<h2>Time to answer</h2>\n<p class=\"soft\">From the first byte of a request \
         until all of its answer was queued.</p>\n<table class=\"times\">\n<thead>\n<tr>\
         <th scope=\"col\">Below</th><th scope=\"col\"><span>Answers, drawn</span></th>\
         <th scope=\"col\">Answers</th><th scope=\"col\">Share</th><th scope=\"col\">\
         <span>Of all, this fast</span></th>\
         </tr>\n</thead>\n<tbody>"
    )?;
    for (at, answers) in latency.buckets.iter().enumerate() {
        if at < first || last.is_none_or(|last| at > last) {
            continue;
        }
        let bound = match Latency::bound_us(at) {
            Some(us) => Brief(us).to_string(),
            None => "any".into(),
        };
        // In thousandths, and never too little to be visible.
        let width = u128::from(*answers) * 1_000 / u128::from(*most.max(&1));
        let width = width.max(u128::from(*answers > 0) * 4);
        write!(
            out,
            "<tr><th scope=\"row\">{bound}</th><td><i style=\"width:{}.{}%\"></i>",
            width / 10,
            width % 10
        )?;
        let (answers, share) = (Count(*answers), share(*answers, count));
        write!(out, "</td><td>{answers}</td><td>{share}</td><td>")?;
        for (name, thousandths) in [("50 %", 500), ("90 %", 900), ("99 %", 990)] {
            if reaches(latency, thousandths) == Some(at) {
                write!(out, "<span class=\"mark\">{name}</span>")?;
            }
        }
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</tbody>\n</table>\n</section>")
}

/// The bucket in which this many thousandths of the answers are complete.
fn reaches(latency: &Latency, thousandths: u64) -> Option<usize> {
    let bound = latency.below_us(thousandths)?;
    (0..BUCKETS).find(|at| Latency::bound_us(*at) == Some(bound))
}

fn write_deaths(out: &mut impl Write, status: &Snapshot) -> io::Result<()> {
    if status.deaths == 0 {
        return Ok(());
    }
    writeln!(out, "<section>\n<h2>Deaths of workers</h2>")?;
    if status.deaths > status.reports.len() as u64 {
        let (last, all) = (status.reports.len(), Count(status.deaths));
        writeln!(out, "<p class=\"soft\">The last {last} of {all}.</p>")?;
    }
    for report in &status.reports {
        let when = time(report.unix_ms);
        let (date, clock) = (&when[..10], &when[11..19]);
        let (line, head) = match report.text.split_once('\n') {
            Some((line, head)) => (line, head),
            None => (&report.text[..], ""),
        };
        let line = Html(line.as_bytes());
        let told = format!("<time datetime=\"{when}\">{date} {clock}</time> <span>{line}</span>");
        if head.is_empty() {
            writeln!(out, "<p class=\"death\">{told}</p>")?;
            continue;
        }
        writeln!(
            out,
            "<details class=\"death\"><summary>{told}</summary>\n<pre>"
        )?;
        for line in head.lines() {
            writeln!(out, "{}", Html(line.as_bytes()))?;
        }
        writeln!(out, "</pre></details>")?;
    }
    writeln!(out, "</section>")
}

/// The share of `part` in `all`, in percent.
pub(super) fn share(part: u64, all: u64) -> String {
    let tenths = u128::from(part) * 1_000 / u128::from(all.max(1));
    match tenths {
        0 if part > 0 => "&lt; 0.1 %".into(),
        // Nearly all is not all.
        999 => "&gt; 99.9 %".into(),
        0..100 | 990.. => format!("{}.{} %", tenths / 10, tenths % 10).replace(".0", ""),
        _ => format!("{} %", (tenths + 5) / 10),
    }
}
