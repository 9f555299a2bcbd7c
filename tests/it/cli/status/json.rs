//! JSON (RFC 8259), read strictly: what is not JSON panics.

use std::iter::Peekable;
use std::ops::Index;
use std::str::Chars;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    #[track_caller]
    pub fn parse(text: &str) -> Json {
        Json::try_parse(text).unwrap_or_else(|| panic!("no JSON: {text}"))
    }

    pub fn try_parse(text: &str) -> Option<Json> {
        let mut rest = text.chars().peekable();
        let value = value(&mut rest)?;
        blanks(&mut rest);
        rest.next().is_none().then_some(value)
    }

    #[track_caller]
    pub fn number(&self) -> u64 {
        match self {
            Json::Number(number) => *number as u64,
            other => panic!("no number: {other:?}"),
        }
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        match self {
            Json::Text(text) => text,
            other => panic!("no text: {other:?}"),
        }
    }

    #[track_caller]
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(list) => list,
            other => panic!("no list: {other:?}"),
        }
    }
}

impl Index<&str> for Json {
    type Output = Json;

    #[track_caller]
    fn index(&self, name: &str) -> &Json {
        let Json::Object(members) = self else {
            panic!("no object: {self:?}");
        };
        let found = members.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no {name} in {self:?}")).1
    }
}

type Rest<'a> = Peekable<Chars<'a>>;

fn blanks(rest: &mut Rest<'_>) {
    while rest.next_if(|c| " \t\r\n".contains(*c)).is_some() {}
}

fn value(rest: &mut Rest<'_>) -> Option<Json> {
    blanks(rest);
    match rest.peek()? {
        '{' => list(rest, '}', |rest| {
            let name = string(rest)?;
            blanks(rest);
            rest.next_if_eq(&':')?;
            Some((name, value(rest)?))
        })
        .filter(|members| {
            // It is not known which of two members of one name counts.
            let names = members.iter().map(|(name, _)| name);
            names
                .clone()
                .all(|n| names.clone().filter(|m| *m == n).count() == 1)
        })
        .map(Json::Object),
        '[' => list(rest, ']', value).map(Json::List),
        '"' => string(rest).map(Json::Text),
        't' => word(rest, "true", Json::Bool(true)),
        'f' => word(rest, "false", Json::Bool(false)),
        'n' => word(rest, "null", Json::Null),
        _ => number(rest),
    }
}

fn list<T>(
    rest: &mut Rest<'_>,
    end: char,
    mut item: impl FnMut(&mut Rest<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    rest.next();
    let mut items = Vec::new();
    blanks(rest);
    if rest.next_if_eq(&end).is_some() {
        return Some(items);
    }
    loop {
        blanks(rest);
        items.push(item(rest)?);
        blanks(rest);
        match rest.next()? {
            ',' => {}
            c if c == end => return Some(items),
            _ => return None,
        }
    }
}

fn word(rest: &mut Rest<'_>, word: &str, value: Json) -> Option<Json> {
    word.chars()
        .all(|c| rest.next() == Some(c))
        .then_some(value)
}

fn string(rest: &mut Rest<'_>) -> Option<String> {
    rest.next_if_eq(&'"')?;
    let mut text = String::new();
    loop {
        match rest.next()? {
            '"' => return Some(text),
            '\\' => text.push(match rest.next()? {
                c @ ('"' | '\\' | '/') => c,
                'n' => '\n',
                'u' => {
                    let digits: String = rest.take(4).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                // The others are not written here.
                _ => return None,
            }),
            '\0'..='\x1f' => return None,
            c => text.push(c),
        }
    }
}

fn number(rest: &mut Rest<'_>) -> Option<Json> {
    let mut text = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || "+-.eE".contains(*c)) {
        text.push(c);
    }
    let padded = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
    let strange = !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') || padded;
    text.parse().ok().filter(|_| !strange).map(Json::Number)
}

#[test]
fn what_is_not_json_is_not_read() {
    for good in [
        "{}",
        "[1, -2.5e3]",
        "{\"a\":[null,true],\"b\":\"\\u00e4\\n\"}\n",
    ] {
        assert!(Json::try_parse(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "{",
        "{\"a\":1,}",
        "[1,]",
        "[1 2]",
        "{\"a\" 1}",
        "{a:1}",
        "01",
        "+1",
        "1 2",
        "\"\n\"",
        "\"\\x\"",
        "nul",
        "{\"a\":1,\"a\":2}",
        "\"a",
        "NaN",
    ] {
        assert!(Json::try_parse(bad).is_none(), "{bad}");
    }
}
