//! The text format 0.0.4 of Prometheus, read as strictly as its documents have it, with what it
//! recommends for names.

use std::collections::{BTreeMap, BTreeSet};

/// All series with their values, each named as it was written.
pub type Series = BTreeMap<String, f64>;

/// Reads what was scraped, and says what is wrong with it.
pub fn parse(text: &str) -> Result<Series, String> {
    let mut series = Series::new();
    let mut families = BTreeMap::new();
    // The family whose lines these are; each has all of its lines together.
    let mut current = None;
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let wrong = |why: &str| Err(format!("{why}: {line}"));
        if let Some(help) = line.strip_prefix("# HELP ") {
            let Some((name, about)) = help.split_once(' ') else {
                return wrong("no help");
            };
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let Some(kind) = kind.and_then(|rest| rest.strip_prefix(name)?.strip_prefix(' '))
            else {
                return wrong("no type behind it");
            };
            if !is_name(name) || !name.starts_with("httprs_") || !about.ends_with('.') {
                return wrong("a strange name or help");
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return wrong("a strange type");
            }
            if (kind == "counter") != name.ends_with("_total") {
                return wrong("counters, and nothing else, end with _total");
            }
            if families.insert(name.to_owned(), kind.to_owned()).is_some() {
                return wrong("twice");
            }
            current = Some((name, kind));
            continue;
        }
        let Some((key, value)) = line.rsplit_once(' ') else {
            return wrong("no sample");
        };
        let (name, labels) = match key.split_once('{') {
            None => (key, ""),
            Some((name, labels)) => match labels.strip_suffix('}') {
                Some(labels) => (name, labels),
                None => return wrong("no end of the labels"),
            },
        };
        let fits = current.is_some_and(|(family, kind)| match kind {
            "histogram" => ["_bucket", "_sum", "_count"]
                .iter()
                .any(|suffix| name.strip_suffix(suffix) == Some(family)),
            _ => name == family,
        });
        if !fits {
            return wrong("a sample outside of its family");
        }
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let value = label.split_once("=\"").and_then(|(name, value)| {
                let value = value.strip_suffix('"')?;
                is_name(name).then_some(value)
            });
            if value.is_none_or(|value| value.is_empty() || value.contains(['"', '\\'])) {
                return wrong("a strange label");
            }
        }
        let Ok(value) = value.parse::<f64>() else {
            return wrong("no number");
        };
        if !value.is_finite() || value < 0.0 {
            return wrong("a strange number");
        }
        if series.insert(key.to_owned(), value).is_some() {
            return wrong("twice");
        }
    }
    for (name, kind) in &families {
        if kind == "histogram" {
            histogram(name, text, &series)?;
        }
    }
    Ok(series)
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    !name.is_empty() && name.chars().all(plain)
}

fn histogram(name: &str, text: &str, series: &Series) -> Result<(), String> {
    let bucket = format!("{name}_bucket{{le=\"");
    let (mut bound, mut count) = (f64::NEG_INFINITY, 0.0);
    for line in text.lines().filter_map(|line| line.strip_prefix(&bucket)) {
        let (le, value) = line.split_once("\"} ").ok_or("a strange bucket")?;
        let le = match le {
            "+Inf" => f64::INFINITY,
            le => le.parse::<f64>().map_err(|error| error.to_string())?,
        };
        let value = value.parse::<f64>().map_err(|error| error.to_string())?;
        if le <= bound || value < count {
            return Err(format!("{name}: buckets do not grow at {le}"));
        }
        (bound, count) = (le, value);
    }
    let total = series.get(&format!("{name}_count"));
    if bound != f64::INFINITY || total != Some(&count) {
        return Err(format!("{name}: {count} in all buckets, but {total:?}"));
    }
    match series.get(&format!("{name}_sum")) {
        Some(_) => Ok(()),
        None => Err(format!("{name} has no sum")),
    }
}

/// Series that went backwards from one scrape to the next, or were lost, though they are counters.
pub fn backwards(before: &Series, after: &Series) -> BTreeSet<String> {
    let counts = |key: &str| {
        ["_total", "_bucket", "_count", "_sum"]
            .iter()
            .any(|s| key.contains(s))
    };
    let lost = |(key, value): &(&String, &f64)| after.get(*key).is_none_or(|new| new < *value);
    let counters = before.iter().filter(|(key, _)| counts(key));
    counters.filter(lost).map(|(key, _)| key.clone()).collect()
}

#[test]
fn what_prometheus_would_refuse_is_refused() {
    let good = "# HELP httprs_a_total A.\n# TYPE httprs_a_total counter\n\
                httprs_a_total{b=\"0\",c=\"d\"} 1\n";
    assert_eq!(parse(good).unwrap().len(), 1);
    let histogram = "# HELP httprs_h H.\n# TYPE httprs_h histogram\n\
                     httprs_h_bucket{le=\"0.1\"} 1\nhttprs_h_bucket{le=\"+Inf\"} 2\n\
                     httprs_h_sum 1.5\nhttprs_h_count 2\n";
    assert_eq!(parse(histogram).unwrap().len(), 4);
    for (text, from, to) in [
        (good, "} 1\n", "} 1"),
        (good, "} 1", "} x"),
        (good, "} 1", "} NaN"),
        (good, "} 1", "} -1"),
        (good, "} 1", "1"),
        (good, "counter", "number"),
        (good, "counter", "gauge"),
        (good, "# TYPE httprs_a_total", "# TYPE httprs_b_total"),
        (good, "# TYPE", "# TIPE"),
        (good, "A.", ""),
        (good, "\nhttprs_a", "\nhttprs_b"),
        (good, "b=\"0\"", "b=0"),
        (good, "b=", "B-="),
        (good, "\"0\"", "\"\""),
        (histogram, "0.1", "+Inf"),
        (histogram, "} 1", "} 3"),
        (histogram, "+Inf", "0.2"),
        (histogram, "_count 2", "_count 3"),
        (histogram, "_sum", "_some"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        assert!(parse(&bad).is_err(), "{bad}");
    }
    assert!(parse(&good.repeat(2)).is_err(), "twice");
    let (before, mut after) = (parse(good).unwrap(), parse(good).unwrap());
    assert!(backwards(&before, &after).is_empty());
    after.values_mut().for_each(|value| *value = 0.5);
    assert_eq!(backwards(&before, &after).len(), 1);
    assert_eq!(backwards(&before, &Series::new()).len(), 1);
}
