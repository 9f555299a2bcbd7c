//! Plain words: a sentence names its subject with a noun, and a comment is as wide as the code.

/// Pronouns for people, where a noun says whether a client, a worker, the master or an operator is
/// meant; and words for which the field has terms.
const INSTEAD: &[(&str, &str)] = &[
    ("who", "the noun"),
    ("whoever", "the noun"),
    ("whom", "the noun"),
    ("nobody", "no client, no worker ..."),
    ("somebody", "the noun"),
    ("anybody", "the noun"),
    ("everybody", "the noun"),
    ("one that", "the noun"),
    ("patience", "timeout"),
    ("under way", "in flight"),
];

/// How wide a comment may be, in columns, its indentation included.
const WIDEST: usize = 100;

/// Complaints about one file: all of a Markdown file, and the comments and texts of a source.
pub fn plain(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let is_source = path.ends_with(".rs");
    for (at, line) in text.lines().enumerate() {
        let at = at + 1;
        let is_comment = line.trim_start().starts_with("//");
        if is_source && is_comment && line.chars().count() > WIDEST && !line.contains('|') {
            found.push(format!(
                "{path}:{at}: a comment of more than {WIDEST} columns"
            ));
        }
        if is_source && !is_comment && !line.contains('"') && !line.contains("// ") {
            continue;
        }
        let lower = line.to_lowercase();
        for (word, instead) in INSTEAD.iter().filter(|(word, _)| contains(&lower, word)) {
            found.push(format!("{path}:{at}: `{word}`: say {instead}"));
        }
    }
    found
}

fn contains(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        // "The one that" has its noun before it.
        let is_resumed = word == "one that" && line[..at].ends_with("the ");
        !is_resumed
            && !line[..at].ends_with(is_part)
            && !line[at + word.len()..].starts_with(is_part)
    })
}

#[test]
fn words_for_people_are_found() {
    for (path, text, count) in [
        ("src/a.rs", "// Nobody is closed for one that is gone.", 2),
        (
            "src/a.rs",
            "/// The client that reads.\nlet nobody = who;",
            0,
        ),
        ("src/a.rs", "log(\"whoever asks\")", 1),
        ("src/a.rs", "let x = 1; // who", 1),
        ("src/a.rs", "// the whole of somebody-else", 0),
        ("src/a.rs", "// A client, the one that waits.", 0),
        ("README.md", "A server for whom?", 1),
        (
            "README.md",
            "A comment in a page may be as wide as it likes, since its reader wraps it, and so does the editor.",
            0,
        ),
    ] {
        assert_eq!(plain(path, text).len(), count, "{text}");
    }
    let wide = format!("// {}", "x".repeat(98));
    assert_eq!(plain("src/a.rs", &wide).len(), 1);
    assert!(plain("src/a.rs", &wide[1..]).is_empty());
}
