//! An accepted head, written out again, reads the same, and holds no bare CR, bare LF or NUL.

use httprs::http::{Head, HeadEnd, HeadError, Limits};

use super::{naive, small};

/// Panics where the invariant is broken.
pub fn holds(data: &[u8]) {
    for limits in [small(), Limits::default()] {
        let mut head = Head::default();
        let found = HeadEnd::default().find(data, &limits);
        received(data, found, &limits);
        match found {
            Ok(None) => {}
            Ok(Some(end)) => match head.parse(&data[..end], &limits) {
                Ok(()) => accepted(&data[..end], &head, &limits),
                Err(error) => refused(error),
            },
            Err(error) => {
                refused(error);
                // Bytes without the end of a head are no head either.
                assert!(head.parse(data, &limits).is_err(), "{error:?}, then read");
            }
        }
    }
}

/// `receive` returns what `find` and `parse` do.
fn received(data: &[u8], found: Result<Option<usize>, HeadError>, limits: &Limits) {
    let (mut one, mut two) = (Head::default(), Head::default());
    let parsed = match found {
        Ok(Some(end)) => two.parse(&data[..end], limits).map(|()| Some(end)),
        other => other,
    };
    let received = one.receive(data, &mut HeadEnd::default(), limits);
    assert_eq!(received, parsed);
    if let Ok(Some(_)) = received {
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
    }
}

fn accepted(wire: &[u8], head: &Head, limits: &Limits) {
    assert!(wire.len() <= limits.head_bytes);
    assert!(head.method_str().len() <= limits.method_bytes);
    assert!(head.target_str().len() <= limits.target_bytes);
    assert!(head.fields().len() <= limits.fields);

    // Without its CRLFs a head has no control byte but the tab.
    let mut rest = wire;
    while let Some((line, after)) = naive::line(rest) {
        assert!(
            line.iter().all(|&b| b == b'\t' || (b >= b' ' && b != 0x7f)),
            "a control byte in {}",
            line.escape_ascii()
        );
        rest = after;
    }
    assert!(rest.is_empty(), "bytes behind the empty line");

    let simple = naive::head(wire).expect("an accepted head has words and fields");
    assert_eq!(simple.len, wire.len());
    assert_eq!(simple.method, head.method_str().as_bytes());
    assert_eq!(simple.target, head.target_str().as_bytes());
    assert_eq!(simple.version[..7], *b"HTTP/1.");
    let is_10 = head.version().as_str() == "HTTP/1.0";
    assert_eq!(simple.version == b"HTTP/1.0", is_10);
    let fields: Vec<_> = lines(head).collect();
    assert_eq!(simple.fields, fields);
    match simple.all("host")[..] {
        [_] => {}
        [] => assert!(is_10, "no Host in 1.1"),
        _ => panic!("more than one Host"),
    }

    // The head is no longer than the received one, so that no limit is in the way.
    let again = emit(head);
    assert!(again.len() <= wire.len());
    let mut twice = Head::default();
    let end = HeadEnd::default().find(&again, limits);
    assert_eq!(end, Ok(Some(again.len())));
    assert_eq!(twice.parse(&again, limits), Ok(()));
    assert_eq!(twice.method_str(), head.method_str());
    assert_eq!(twice.method(), head.method());
    assert_eq!(twice.target_str(), head.target_str());
    assert_eq!(twice.version(), head.version());
    assert!(lines(&twice).eq(lines(head)));
}

fn lines(head: &Head) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.fields().iter().map(|(n, v)| (n.as_bytes(), v))
}

fn emit(head: &Head) -> Vec<u8> {
    let (method, target) = (head.method_str(), head.target_str());
    let mut out = format!("{method} {target} {}\r\n", head.version().as_str()).into_bytes();
    for (name, value) in head.fields().iter() {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn refused(error: HeadError) {
    let status = error.status().get();
    assert!(matches!(status, 400 | 414 | 431 | 505), "{error:?}");
}
