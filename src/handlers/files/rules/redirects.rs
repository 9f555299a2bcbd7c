//! [`Redirects`]: the rules of a `_redirects` file, as static hosts know it.

use std::collections::HashMap;

use super::index::Index;
use super::pattern::{Captures, Pattern, Template};
use super::{LineError, lines};
use crate::http::StatusCode;

/// How many rules for one path each there may be, and how many with placeholders or a splat.
const MOST_STATIC: usize = 2_000;
const MOST_DYNAMIC: usize = 100;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 1_000;

/// Rules, compiled. The first rule that matches a path counts.
#[derive(Debug, Default)]
pub struct Redirects {
    rules: Vec<Rule>,
    /// Rules for one path each, by that path.
    by_path: HashMap<Box<[u8]>, usize>,
    /// The others.
    dynamic: Index,
    /// A rule applies where a file exists, too.
    pub has_forced: bool,
}

/// A rule of the file.
#[derive(Debug)]
pub struct Rule {
    pattern: Pattern,
    /// Where it leads, or which file is sent.
    pub to: Template,
    /// The status: a redirection, 200, or 404.
    pub status: StatusCode,
    /// The rule applies where a file exists, too.
    pub is_forced: bool,
}

impl Redirects {
    /// Reads the file. Lines that are no rules are left out, and named.
    pub fn parse(text: &str) -> (Redirects, Vec<LineError>) {
        let (mut redirects, mut errors) = (Redirects::default(), Vec::new());
        for (line, text) in lines(text) {
            let added = match text.len() > LONGEST_LINE {
                true => Err("the line is longer than 1,000 bytes"),
                false => Rule::parse(text).and_then(|rule| redirects.add(rule)),
            };
            errors.extend(added.err().map(|why| LineError { line, why }));
        }
        (redirects, errors)
    }

    fn add(&mut self, rule: Rule) -> Result<(), &'static str> {
        let index = self.rules.len();
        match rule.pattern.only_path() {
            Some(_) if self.by_path.len() >= MOST_STATIC => {
                return Err("there are more than 2,000 rules for one path each");
            }
            None if self.dynamic.len() >= MOST_DYNAMIC => {
                return Err("there are more than 100 rules with placeholders or a splat");
            }
            Some(path) => {
                self.by_path.entry(path.into()).or_insert(index);
            }
            None => self.dynamic.add(index, &rule.pattern),
        }
        self.has_forced |= rule.is_forced;
        self.rules.push(rule);
        Ok(())
    }

    /// The rule for a path, if there is one, and where the parts are that it has named.
    pub fn find(&self, path: &[u8]) -> Option<(&Rule, Captures)> {
        let trimmed = path.strip_suffix(b"/").unwrap_or(path);
        let fixed = self.by_path.get(trimmed).copied();
        for index in self.dynamic.of(path) {
            if fixed.is_some_and(|fixed| fixed < index) {
                break;
            }
            let rule = &self.rules[index];
            if let Some(captures) = rule.pattern.find(path) {
                return Some((rule, captures));
            }
        }
        Some((&self.rules[fixed?], Captures::default()))
    }
}

impl Rule {
    /// Reads `FROM TO [STATUS[!]]`.
    fn parse(line: &str) -> Result<Rule, &'static str> {
        let words = line
            .split_ascii_whitespace()
            .take_while(|word| !word.starts_with('#'));
        let words: Vec<&str> = words.collect();
        let [from, rest @ ..] = &words[..] else {
            return Err("there is no rule");
        };
        let (to, rest) = match rest {
            [] => return Err("there is no destination"),
            [query, ..] if query.contains('=') && !is_destination(query) => {
                return Err("rules for query parameters are not supported");
            }
            [to, rest @ ..] => (*to, rest),
        };
        let pattern = Pattern::parse(from)?;
        let (status, is_forced) = match rest {
            [] => ("302", false),
            [status] => match status.strip_suffix('!') {
                Some(status) => (status, true),
                None => (*status, false),
            },
            _ => return Err("conditions on country, language, role or cookie are not supported"),
        };
        if status.contains('=') {
            return Err("conditions on country, language, role or cookie are not supported");
        }
        let status = match status {
            "200" => StatusCode::OK,
            "301" => StatusCode::MOVED_PERMANENTLY,
            "302" => StatusCode::FOUND,
            "303" => StatusCode::SEE_OTHER,
            "307" => StatusCode::TEMPORARY_REDIRECT,
            "308" => StatusCode::PERMANENT_REDIRECT,
            "404" => StatusCode::NOT_FOUND,
            _ => return Err("the status is none of 200, 301, 302, 303, 307, 308 and 404"),
        };
        let to = check_destination(to, status, &pattern)?;
        if pattern
            .only_path()
            .is_some_and(|path| to.literal().is_some_and(|to| leads_to(to, &path)))
        {
            return Err("the rule leads to its own path");
        }
        Ok(Rule {
            pattern,
            to,
            status,
            is_forced,
        })
    }

    /// Whether the client is sent to another place.
    pub fn redirects(&self) -> bool {
        (300..400).contains(&self.status.get())
    }
}

fn is_destination(word: &str) -> bool {
    word.starts_with('/') || word.starts_with("http://") || word.starts_with("https://")
}

/// Reads where a rule leads. The place is what the file says, whatever a client asks for: no part
/// of its path comes into the host.
fn check_destination(
    to: &str,
    status: StatusCode,
    pattern: &Pattern,
) -> Result<Template, &'static str> {
    if !is_destination(to) {
        return Err("the destination begins with neither a slash nor http:// nor https://");
    }
    if !to.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the destination has bytes that a URL has not; write them as %20 and the like");
    }
    // Of a file that is sent, only the path counts.
    let is_file = status == StatusCode::OK || status == StatusCode::NOT_FOUND;
    let text = match is_file {
        true => to.split(['?', '#']).next().unwrap_or(to),
        false => to,
    };
    let template = Template::parse(text, pattern);
    let begin = template.begin();
    if !to.starts_with('/') {
        if is_file {
            return Err("proxying is not supported");
        }
        let host = begin.split_once("://").map_or("", |(_, host)| host);
        // Behind the host, or without a part of the path at all.
        if !host.contains(['/', '?', '#']) && template.literal().is_none() {
            return Err("a placeholder stands in the host");
        }
        return Ok(template);
    }
    if begin.starts_with("//") || begin.starts_with("/\\") {
        return Err("the destination begins with two slashes, which names another host");
    }
    if is_file && to.split('/').any(|part| part == "..") {
        return Err("the destination has dots for a segment");
    }
    Ok(template)
}

/// Whether a destination is this path of the site.
fn leads_to(to: &str, path: &[u8]) -> bool {
    let to = to.split(['?', '#']).next().unwrap_or(to);
    to.strip_suffix('/').unwrap_or(to).as_bytes() == path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Result<Rule, &'static str> {
        Rule::parse(line)
    }

    #[test]
    fn lines_are_rules_or_say_why_not() {
        for (line, want) in [
            ("/a /b", Ok((302, false))),
            ("/a /b 301", Ok((301, false))),
            ("/a   /b\t308!", Ok((308, true))),
            ("/a /b 303 # why", Ok((303, false))),
            ("/a https://x.example 307", Ok((307, false))),
            ("/a/* https://x.example/:splat", Ok((302, false))),
            ("/* /index.html 200", Ok((200, false))),
            ("/en/* /en/404.html 404", Ok((404, false))),
            ("/a /a/b?c=d#e", Ok((302, false))),
            ("/a", Err("there is no destination")),
            ("/a # /b", Err("there is no destination")),
            (
                "/a b",
                Err("the destination begins with neither a slash nor http:// nor https://"),
            ),
            (
                "/a javascript:x",
                Err("the destination begins with neither a slash nor http:// nor https://"),
            ),
            (
                "/a //evil.example",
                Err("the destination begins with two slashes, which names another host"),
            ),
            (
                "/a /\\evil.example",
                Err("the destination begins with two slashes, which names another host"),
            ),
            (
                "/a/* https://x.example:splat",
                Err("a placeholder stands in the host"),
            ),
            (
                "/a/:h https://:h.example/",
                Err("a placeholder stands in the host"),
            ),
            (
                "/api/* https://x.example/:splat 200",
                Err("proxying is not supported"),
            ),
            (
                "/a id=:id /b/:id 301",
                Err("rules for query parameters are not supported"),
            ),
            (
                "/a /b 302 Country=de",
                Err("conditions on country, language, role or cookie are not supported"),
            ),
            (
                "/a /b Country=de",
                Err("conditions on country, language, role or cookie are not supported"),
            ),
            (
                "/a /b 418",
                Err("the status is none of 200, 301, 302, 303, 307, 308 and 404"),
            ),
            (
                "/a /b 302!!",
                Err("the status is none of 200, 301, 302, 303, 307, 308 and 404"),
            ),
            ("/a /a 301", Err("the rule leads to its own path")),
            ("/a /a/ 301", Err("the rule leads to its own path")),
            (
                "/a /../etc 200",
                Err("the destination has dots for a segment"),
            ),
            (
                "/a /\u{fc}",
                Err("the destination has bytes that a URL has not; write them as %20 and the like"),
            ),
        ] {
            let got = one(line).map(|rule| (rule.status.get(), rule.is_forced));
            assert_eq!(got, want, "{line}");
        }
    }

    #[test]
    fn the_first_rule_counts_whichever_kind_it_is() {
        let text = "# comment\n\n/a /1\n/a /2\n/:x /3\n/b /4 301\n/c/* /5\n/c/d /6\n";
        let (redirects, errors) = Redirects::parse(text);
        assert!(errors.is_empty());
        for (path, want) in [
            ("/a", Some("/1")),
            ("/a/", Some("/1")),
            ("/b", Some("/3")),
            ("/c/d", Some("/5")),
            ("/c", Some("/3")),
            ("/x/y", None),
            ("/", None),
        ] {
            let found = redirects.find(path.as_bytes());
            assert_eq!(found.map(|(rule, _)| rule.to.begin()), want, "{path}");
        }
    }

    #[test]
    fn limits_are_those_of_the_hosts() {
        let mut text = String::new();
        for n in 0..2_001 {
            text += &format!("/s{n} /x\n");
        }
        for n in 0..101 {
            text += &format!("/d{n}/* /x\n");
        }
        text += &format!("/long /{}\n", "x".repeat(1_000));
        let (redirects, errors) = Redirects::parse(&text);
        let lines: Vec<usize> = errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [2_001, 2_102, 2_103]);
        assert!(redirects.find(b"/s1999").is_some() && redirects.find(b"/s2000").is_none());
        assert!(redirects.find(b"/d99/x").is_some() && redirects.find(b"/d100/x").is_none());
    }
}
