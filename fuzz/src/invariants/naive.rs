//! HTTP/1.1 read a second time, as naively as can be: lines are split at CRLF, fields at the first
//! colon, and nothing that is not plain is understood.
//!
//! The server has accepted the bytes before, so this reader need not refuse anything: it only has
//! to read the same. It uses no code of the server's.

/// A head: its request line's words, its fields with blanks around the values trimmed, and how
/// many bytes it has.
#[derive(Debug, PartialEq, Eq)]
pub struct Head<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub version: &'a [u8],
    pub fields: Vec<(&'a [u8], &'a [u8])>,
    pub len: usize,
}

/// How a body is delimited.
#[derive(Debug, PartialEq, Eq)]
pub enum Framing {
    None,
    Length(u128),
    Chunked,
    /// Anything that is not plainly one of these.
    Doubtful,
}

/// A chunked body: the data, the trailers, the number of chunks with data, its length on the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunked<'a> {
    pub data: Vec<u8>,
    pub trailers: Vec<(&'a [u8], &'a [u8])>,
    pub chunks: usize,
    pub len: usize,
}

/// The first line, and what follows its CRLF.
pub fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((&bytes[..at], &bytes[at + 2..]))
}

/// `name: value`, with blanks around the value dropped.
pub fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&b| b == b':')?;
    Some((&line[..colon], trim(&line[colon + 1..])))
}

/// Field lines up to the empty one, and what follows that.
#[allow(clippy::type_complexity, reason = "named once, read twice")]
pub fn fields(bytes: &[u8]) -> Option<(Vec<(&[u8], &[u8])>, &[u8])> {
    let mut fields = Vec::new();
    let mut rest = bytes;
    loop {
        let (first, after) = line(rest)?;
        rest = after;
        if first.is_empty() {
            return Some((fields, rest));
        }
        fields.push(field(first)?);
    }
}

/// A request's head, with one empty line before it skipped.
pub fn head(bytes: &[u8]) -> Option<Head<'_>> {
    let (first, rest) = line(bytes.strip_prefix(b"\r\n").unwrap_or(bytes))?;
    let words: Vec<&[u8]> = first.split(|&b| b == b' ').collect();
    let [method, target, version] = words[..] else {
        return None;
    };
    let (fields, rest) = fields(rest)?;
    Some(Head {
        method,
        target,
        version,
        fields,
        len: bytes.len() - rest.len(),
    })
}

impl Head<'_> {
    /// The values of all fields of this name.
    pub fn all(&self, name: &str) -> Vec<&[u8]> {
        let named = |(is, _): &&(&[u8], &[u8])| is.eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(named).map(|f| f.1).collect()
    }

    /// How its body is delimited, if that is plain.
    pub fn framing(&self) -> Framing {
        let lengths = self.all("content-length");
        let codings = self.all("transfer-encoding");
        match (&lengths[..], &codings[..]) {
            ([], []) => Framing::None,
            // Octal to some readers.
            ([[b'0', _, ..]], []) => Framing::Doubtful,
            ([length], []) => digits(length).map_or(Framing::Doubtful, Framing::Length),
            ([], [coding])
                if coding.eq_ignore_ascii_case(b"chunked") && self.version != b"HTTP/1.0" =>
            {
                Framing::Chunked
            }
            _ => Framing::Doubtful,
        }
    }
}

/// A chunked body, extensions skipped.
pub fn chunked(bytes: &[u8]) -> Option<Chunked<'_>> {
    let mut rest = bytes;
    let mut data = Vec::new();
    let mut chunks = 0;
    loop {
        let (first, after) = line(rest)?;
        let size = first.split(|b| !b.is_ascii_hexdigit()).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            let (trailers, rest) = fields(after)?;
            return Some(Chunked {
                data,
                trailers,
                chunks,
                len: bytes.len() - rest.len(),
            });
        }
        data.extend_from_slice(after.get(..size)?);
        rest = after[size..].strip_prefix(b"\r\n")?;
        chunks += 1;
    }
}

/// A number that is written in decimal digits and nothing else.
pub fn digits(text: &[u8]) -> Option<u128> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = text.iter().take_while(|&&b| b == b'0').count();
    let text = std::str::from_utf8(&text[zeros..]).ok()?;
    match text {
        "" => Some(0),
        // Digits that no u128 holds are a number too: a large one.
        text => Some(text.parse().unwrap_or(u128::MAX)),
    }
}

fn trim(text: &[u8]) -> &[u8] {
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let Some(start) = text.iter().position(|b| !blank(b)) else {
        return b"";
    };
    let end = text.iter().rposition(|b| !blank(b)).unwrap_or(start);
    &text[start..=end]
}
