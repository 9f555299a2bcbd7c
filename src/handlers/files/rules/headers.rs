//! [`HeaderRules`]: the rules of a `_headers` file, as static hosts know it.

use super::index::Index;
use super::pattern::{Pattern, Template};
use super::{LineError, lines};
use crate::http::HttpResponse;

/// How many rules there may be.
const MOST: usize = 100;
/// The longest line, in bytes.
const LONGEST_LINE: usize = 2_000;

/// Rules, compiled. All rules that match a path count, in their order.
#[derive(Debug, Default)]
pub struct HeaderRules {
    rules: Vec<Rule>,
    index: Index,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    changes: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    /// The field gets this value; a second rule for it adds another value.
    Set(Box<str>, Template),
    /// The field is removed.
    Detach(Box<str>),
}

impl HeaderRules {
    /// Reads the file. Lines that are no rules are left out, and named.
    pub fn parse(text: &str) -> (HeaderRules, Vec<LineError>) {
        let (mut rules, mut errors) = (HeaderRules::default(), Vec::new());
        // The rule that lines of fields belong to; none behind a pattern that is wrong.
        let mut is_open = false;
        for (line, text) in lines(text) {
            let added = if text.len() > LONGEST_LINE {
                Err("the line is longer than 2,000 bytes")
            } else if !text.starts_with([' ', '\t']) {
                let begun = rules.begin(text.trim());
                is_open = begun.is_ok();
                begun
            } else if is_open {
                rules.change(text.trim())
            } else {
                Err("the field belongs to no rule")
            };
            errors.extend(added.err().map(|why| LineError { line, why }));
        }
        (rules, errors)
    }

    fn begin(&mut self, pattern: &str) -> Result<(), &'static str> {
        if self.rules.len() >= MOST {
            return Err("there are more than 100 rules");
        }
        let pattern = Pattern::parse(pattern)?;
        self.index.add(self.rules.len(), &pattern);
        self.rules.push(Rule {
            pattern,
            changes: Vec::new(),
        });
        Ok(())
    }

    fn change(&mut self, line: &str) -> Result<(), &'static str> {
        let Some(rule) = self.rules.last_mut() else {
            return Err("the field belongs to no rule");
        };
        if let Some(name) = line.strip_prefix('!') {
            rule.changes
                .push(Change::Detach(checked(name.trim(), "x")?.into()));
            return Ok(());
        }
        let (name, value) = line
            .split_once(':')
            .ok_or("a field is a name, a colon and a value")?;
        let (name, value) = (checked(name.trim(), value.trim())?, value.trim());
        let value = Template::parse(value, &rule.pattern);
        rule.changes.push(Change::Set(name.into(), value));
        Ok(())
    }

    /// Changes the fields of a response for this path.
    pub fn apply(&self, path: &[u8], res: &mut HttpResponse) {
        // A second rule adds to a field; the first replaces what the server has set.
        let mut set: Vec<&str> = Vec::new();
        for index in self.index.of(path) {
            let rule = &self.rules[index];
            let Some(captures) = rule.pattern.find(path) else {
                continue;
            };
            for change in &rule.changes {
                match change {
                    Change::Detach(name) => res.remove(name),
                    Change::Set(name, value) => {
                        if !set.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                            res.remove(name);
                            set.push(name);
                        }
                        // Both were checked; a part of a path is percent-encoded.
                        let _ = match value.literal() {
                            Some(value) => res.header(name, value),
                            None => res.header(name, value.encoded(path, &captures)),
                        };
                    }
                }
            }
        }
    }
}

/// The name, if a rule may set the field to this value.
fn checked<'n>(name: &'n str, value: &str) -> Result<&'n str, &'static str> {
    /// What the length, the coding or the connection of a response depends on.
    const OURS: [&str; 5] = [
        "accept-ranges",
        "content-encoding",
        "content-range",
        "etag",
        "upgrade",
    ];
    if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        return Err("the server sets this field itself");
    }
    match HttpResponse::default().header(name, value) {
        Ok(_) => Ok(name),
        Err(crate::http::FieldError::Name) => Err("this is not the name of a field"),
        Err(crate::http::FieldError::Value) => Err("the value has bytes that a field has not"),
        Err(_) => Err("the server sets this field itself"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str, path: &str) -> String {
        let (rules, errors) = HeaderRules::parse(text);
        assert!(errors.is_empty(), "{errors:?}");
        let mut res = HttpResponse::default();
        res.header("Cache-Control", "no-cache").unwrap();
        res.header("Content-Type", "text/html").unwrap();
        rules.apply(path.as_bytes(), &mut res);
        String::from_utf8(res.fields.clone())
            .unwrap()
            .replace("\r\n", "|")
    }

    #[test]
    fn rules_add_up_replace_and_detach() {
        let both = "Cache-Control: no-cache|Content-Type: text/html|";
        for (text, path, want) in [
            ("/a\n  X-A: b\n", "/a", format!("{both}X-A: b|")),
            ("/a\n  X-A: b\n", "/b", both.into()),
            ("/*\n\tX-A: b: c\n", "/", format!("{both}X-A: b: c|")),
            (
                "/*\n  X-A: 1\n/a\n  X-A: 2\n  x-a: 3\n",
                "/a",
                format!("{both}X-A: 1|X-A: 2|x-a: 3|"),
            ),
            (
                "/*\n  cache-control: max-age=5\n",
                "/a",
                "Content-Type: text/html|cache-control: max-age=5|".into(),
            ),
            (
                "/*\n  ! Content-Type\n",
                "/a",
                "Cache-Control: no-cache|".into(),
            ),
            ("/*\n  X-A: 1\n/a\n  ! X-A\n", "/a", both.into()),
            (
                "# c\n/u/:id/*\n  # c\n  Link: </:id/:splat>\n",
                "/u/7/a\r\nb",
                format!("{both}Link: </7/a%0D%0Ab>|"),
            ),
        ] {
            assert_eq!(fields(text, path), want, "{text:?} {path}");
        }
    }

    #[test]
    fn what_is_no_rule_is_said_and_left_out() {
        for (text, line, why) in [
            ("  X-A: b\n", 1, "the field belongs to no rule"),
            ("a\n  X-A: b\n", 1, "the path does not begin with a slash"),
            ("/a\n  X A: b\n", 2, "this is not the name of a field"),
            ("/a\n  X-A\n", 2, "a field is a name, a colon and a value"),
            (
                "/a\n  X-A: \u{1}\n",
                2,
                "the value has bytes that a field has not",
            ),
            (
                "/a\n  Content-Length: 5\n",
                2,
                "the server sets this field itself",
            ),
            (
                "/a\n  Transfer-Encoding: chunked\n",
                2,
                "the server sets this field itself",
            ),
            ("/a\n  ETag: x\n", 2, "the server sets this field itself"),
            (
                "/a\n  ! Connection\n",
                2,
                "the server sets this field itself",
            ),
        ] {
            let (_, errors) = HeaderRules::parse(text);
            let first = errors.first().map(|error| (error.line, error.why));
            assert_eq!(first, Some((line, why)), "{text:?}");
        }
    }
}
