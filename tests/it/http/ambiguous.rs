//! Inputs that two readers could read differently, and the answers to them: one table, which the
//! tests play and the manual prints.
//!
//! Every row is sent whole, byte by byte and cut everywhere; then again with an innocent request
//! behind it, which is answered if the connection stays open, and never otherwise. The handler
//! answers with what it saw, so that a row for what is accepted says what was understood.

use std::io::{self, Write};

use httprs::harness::{Transcript, every_split};
use httprs::{Http1, HttpRequest, HttpResponse};

use Answer::*;
use Sent::*;

/// The request behind each row's, and what the handler sees of it.
const NEXT: &[u8] = b"GET /innocent HTTP/1.1\r\nHost: next\r\n\r\n";
const NEXT_SEEN: &str = "GET /innocent for next";

/// What is sent. `{x*9}` is nine times an `x`.
#[derive(Clone, Copy)]
enum Sent {
    /// This request line, with a Host and no body.
    Line(&'static [u8]),
    /// A GET with these field lines besides its Host.
    Fields(&'static [u8]),
    /// A GET with these field lines and no other Host.
    Hosts(&'static [u8]),
    /// A POST with these field lines besides its Host, and this body.
    Body(&'static [u8], &'static [u8]),
    /// This, as the body of a POST with `Transfer-Encoding: chunked`.
    Chunks(&'static [u8]),
    /// All of it.
    Wire(&'static [u8]),
}

/// What comes back.
#[derive(Clone, Copy)]
enum Answer {
    /// This status, and the end of the connection.
    Refused(u16),
    /// The handler sees this, and the next request is answered.
    Accepted(&'static str),
    /// The same after `100 Continue`.
    Continued(&'static str),
    /// The handler sees this, and the connection is closed.
    Last(&'static str),
}

/// What it is, what is sent, the answer, and where it says so or why.
type Row = (&'static str, Sent, Answer, &'static str);

/// By what is read.
const TABLE: &[(&str, &[Row])] = &[
    ("Line ends", LINE_ENDS),
    ("Request line", REQUEST_LINE),
    ("Version", VERSION),
    ("Target", TARGET),
    ("Fields", FIELDS),
    ("Host", HOST),
    ("Content-Length", LENGTH),
    ("Transfer-Encoding", CODING),
    ("Chunks", CHUNKS),
    ("Trailers", TRAILERS),
    ("Expect and Connection", MANNERS),
];

const MAY_LF: &str = "9112 §2.2: a lone LF MAY end a line, so some end it there and some do not";
const NO_CR: &str = "9112 §2.2: a bare CR is invalid, or a space";
const ONE_SPACE: &str = "9112 §3: one space; to split at any whitespace is a MAY";
const LINE: &str = "9112 §3";

#[rustfmt::skip]
const LINE_ENDS: &[Row] = &[
    ("LF alone, everywhere", Wire(b"GET / HTTP/1.1\nHost: x\n\n"), Refused(400), MAY_LF),
    ("LF after the request line", Wire(b"GET / HTTP/1.1\nHost: x\r\n\r\n"), Refused(400), MAY_LF),
    ("LF between fields", Fields(b"A: b\nC: d"), Refused(400), MAY_LF),
    ("LF before the empty line", Wire(b"GET / HTTP/1.1\r\nHost: x\n\r\n"), Refused(400), MAY_LF),
    ("LF as the empty line", Wire(b"GET / HTTP/1.1\r\nHost: x\r\n\n"), Refused(400), MAY_LF),
    ("CR alone, everywhere", Wire(b"GET / HTTP/1.1\rHost: x\r\r"), Refused(400), NO_CR),
    ("CR in the request line", Line(b"GET /\r HTTP/1.1"), Refused(400), NO_CR),
    ("CR in a value", Fields(b"A: b\rContent-Length: 5"), Refused(400), NO_CR),
    ("CR at the end of a value", Fields(b"A: b\r"), Refused(400), NO_CR),
    ("CR twice after the request line", Line(b"GET / HTTP/1.1\r"), Refused(400), NO_CR),
    ("CR in place of the empty line", Wire(b"GET / HTTP/1.1\r\nHost: x\r\n\rA"), Refused(400), NO_CR),
    ("an empty line first", Wire(b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        Accepted("GET / for x"), "9112 §2.2: SHOULD ignore one; old clients send it after a body"),
    ("two empty lines first", Wire(b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        Refused(400), "9112 §2.2 asks for at least one, and no client sends two"),
    ("LF first", Wire(b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400), MAY_LF),
    ("CR first", Wire(b"\rGET / HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400), NO_CR),
];

#[rustfmt::skip]
const REQUEST_LINE: &[Row] = &[
    ("space first", Line(b" GET / HTTP/1.1"), Refused(400), LINE),
    ("tab first", Line(b"\tGET / HTTP/1.1"), Refused(400), LINE),
    ("two spaces before the target", Line(b"GET  / HTTP/1.1"), Refused(400), ONE_SPACE),
    ("two spaces after the target", Line(b"GET /  HTTP/1.1"), Refused(400), ONE_SPACE),
    ("space last", Line(b"GET / HTTP/1.1 "), Refused(400), ONE_SPACE),
    ("tab before the target", Line(b"GET\t/ HTTP/1.1"), Refused(400), ONE_SPACE),
    ("tab after the target", Line(b"GET /\tHTTP/1.1"), Refused(400), ONE_SPACE),
    ("vertical tab", Line(b"GET\x0b/ HTTP/1.1"), Refused(400), ONE_SPACE),
    ("form feed", Line(b"GET /\x0cHTTP/1.1"), Refused(400), ONE_SPACE),
    ("four words", Line(b"GET /a /b HTTP/1.1"), Refused(400), "9112 §3.2: no whitespace in a target"),
    ("two versions", Line(b"GET / HTTP/1.1 HTTP/1.1"), Refused(400), LINE),
    ("no target", Line(b"GET HTTP/1.1"), Refused(400), LINE),
    ("an empty target", Line(b"GET  HTTP/1.1"), Refused(400), LINE),
    ("no method", Line(b"/ HTTP/1.1"), Refused(400), LINE),
    ("a method in lower case", Line(b"get / HTTP/1.1"), Accepted("get / for x"),
        "9110 §9.1: case-sensitive, so another method than GET"),
    ("a method that is no token", Line(b"G@T / HTTP/1.1"), Refused(400), "9110 §9.1"),
    ("NUL in the method", Line(b"GE\0T / HTTP/1.1"), Refused(400), "9110 §9.1"),
    ("the longest method", Line(b"{A*32} / HTTP/1.1"), Accepted("{A*32} / for x"), "9110 §9.1: any token"),
    ("a longer one", Line(b"{A*33} / HTTP/1.1"), Refused(400),
        "9112 §3 has 501 for it (SHOULD); but what is longer than any method is none"),
    ("TLS", Wire(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), Refused(400), LINE),
];

const NO_VERSION: &str = "9112 §2.3: `HTTP/`, a digit, a dot, a digit";

#[rustfmt::skip]
const VERSION: &[Row] = &[
    ("none, as in HTTP/0.9", Line(b"GET /"), Refused(400), "9112 §3: gone since HTTP/1.0"),
    ("none, but its space", Line(b"GET / "), Refused(400), NO_VERSION),
    ("0.9", Line(b"GET / HTTP/0.9"), Refused(505), "9110 §15.6.6: another major number"),
    ("2.0", Line(b"GET / HTTP/2.0"), Refused(505), "9110 §15.6.6: another major number"),
    ("the preface of HTTP/2", Wire(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Refused(505), "9113 §3.4: made to fail here"),
    ("1.2", Line(b"GET / HTTP/1.2"), Accepted("GET / for x"), "9110 §2.5: as the highest 1.x that is known"),
    ("1.9", Line(b"GET / HTTP/1.9"), Accepted("GET / for x"), "9110 §2.5"),
    ("lower case", Line(b"GET / http/1.1"), Refused(400), "9112 §2.3: case-sensitive"),
    ("a letter behind", Line(b"GET / HTTP/1.1x"), Refused(400), NO_VERSION),
    ("two digits", Line(b"GET / HTTP/1.10"), Refused(400), NO_VERSION),
    ("a zero before", Line(b"GET / HTTP/01.1"), Refused(400), NO_VERSION),
    ("a sign", Line(b"GET / HTTP/+1.1"), Refused(400), NO_VERSION),
    ("a comma", Line(b"GET / HTTP/1,1"), Refused(400), NO_VERSION),
    ("one number", Line(b"GET / HTTP/2"), Refused(400), NO_VERSION),
    ("no minor number", Line(b"GET / HTTP/1."), Refused(400), NO_VERSION),
    ("a space inside", Line(b"GET / HTTP /1.1"), Refused(400), NO_VERSION),
    ("another name", Line(b"GET / HTTPS/1.1"), Refused(400), NO_VERSION),
    ("NUL behind", Line(b"GET / HTTP/1.1\0"), Refused(400), NO_VERSION),
];

const NO_BYTE: &str = "3986 §2: no such byte in a URI";
const PERCENT: &str = "3986 §2.1: two hexadecimal digits";
const AUTHORITY: &str = "9110 §4.2.1";
const BROWSERS: &str =
    "not by 3986, but browsers send it, and no two readers differ on where it ends";

#[rustfmt::skip]
const TARGET: &[Row] = &[
    ("a fragment", Line(b"GET /a#b HTTP/1.1"), Refused(400), "9112 §3.2: no form of target has one"),
    ("a percent sign alone", Line(b"GET /% HTTP/1.1"), Refused(400), PERCENT),
    ("half an escape", Line(b"GET /%4 HTTP/1.1"), Refused(400), PERCENT),
    ("an escape of letters", Line(b"GET /%zz HTTP/1.1"), Refused(400), PERCENT),
    ("a bad escape in the query", Line(b"GET /?a=%u0041 HTTP/1.1"), Accepted("GET /?a=%u0041 for x"), BROWSERS),
    ("a percent sign in the query", Line(b"GET /?sale=100% HTTP/1.1"), Accepted("GET /?sale=100% for x"), BROWSERS),
    ("a backslash in the query", Line(b"GET /?a\\b HTTP/1.1"), Accepted("GET /?a\\b for x"), BROWSERS),
    ("a quote in the query", Line(b"GET /?\" HTTP/1.1"), Refused(400), NO_BYTE),
    ("an escaped NUL", Line(b"GET /a%00b HTTP/1.1"), Refused(400), "3986 §7.3: C code downstream sees a shorter path"),
    ("NUL", Line(b"GET /a\0b HTTP/1.1"), Refused(400), NO_BYTE),
    ("a control byte", Line(b"GET /a\x01 HTTP/1.1"), Refused(400), NO_BYTE),
    ("DEL", Line(b"GET /a\x7f HTTP/1.1"), Refused(400), NO_BYTE),
    ("UTF-8, not escaped", Line(b"GET /\xc3\xa9 HTTP/1.1"), Refused(400), NO_BYTE),
    ("a backslash", Line(b"GET /a\\..\\b HTTP/1.1"), Refused(400), "3986 §2: no such byte in a URI; browsers mean a slash by it"),
    ("a quote", Line(b"GET /\" HTTP/1.1"), Refused(400), NO_BYTE),
    ("a circumflex", Line(b"GET /a^b HTTP/1.1"), Accepted("GET /a^b for x"), BROWSERS),
    ("brackets", Line(b"GET /a[1]?b[]=c HTTP/1.1"), Accepted("GET /a[1]?b[]=c for x"),
        "not by 3986 §3.3, but all browsers send them, and all readers agree"),
    ("no slash first", Line(b"GET a HTTP/1.1"), Refused(400), "9112 §3.2.1"),
    ("dots that climb", Line(b"GET /../a HTTP/1.1"), Accepted("GET /a for x"), "3986 §5.2.4"),
    ("dots in disguise", Line(b"GET /b/%2e%2E/a HTTP/1.1"), Accepted("GET /a for x"), "3986 §6.2.2: decoded first"),
    ("dots in a double disguise", Line(b"GET /%252e%252e/a HTTP/1.1"), Accepted("GET /%2e%2e/a for x"),
        "3986 §2.4: never decoded twice"),
    ("an escaped slash", Line(b"GET /a%2fb HTTP/1.1"), Accepted("GET /a%2Fb for x"), "3986 §2.2: no separator, so it stays escaped"),
    ("a slash twice", Line(b"GET //y/a HTTP/1.1"), Accepted("GET /y/a for x"),
        "9112 §3.2.1: a path, not a host; empty segments go, as in a file system"),
    ("absolute form", Line(b"GET http://y:8/a HTTP/1.1"), Accepted("GET /a for y:8"), "9112 §3.2.2: the target's host counts, not the field's"),
    ("an https target", Line(b"GET HTTPS://y HTTP/1.1"), Accepted("GET / for y"), "9110 §4.2.2: a proxy in front speaks TLS"),
    ("another scheme", Line(b"GET ftp://y/ HTTP/1.1"), Refused(400), "9110 §7.4: nothing here has such a URI"),
    ("absolute form without a host", Line(b"GET http:///a HTTP/1.1"), Refused(400), AUTHORITY),
    ("a port without a host", Line(b"GET http://:80/a HTTP/1.1"), Refused(400), AUTHORITY),
    ("user information", Line(b"GET http://u@y/ HTTP/1.1"), Refused(400), "9110 §4.2.4: hides where a link leads"),
    ("a backslash in the host", Line(b"GET http://y\\@x/ HTTP/1.1"), Refused(400), AUTHORITY),
    ("a port above 65535", Line(b"GET http://y:65536/ HTTP/1.1"), Refused(400), "as in Host, below"),
    ("asterisk", Line(b"OPTIONS * HTTP/1.1"), Accepted("OPTIONS * for x"), "9112 §3.2.4"),
    ("asterisk with another method", Line(b"GET * HTTP/1.1"), Refused(400), "9112 §3.2.4"),
    ("authority form", Line(b"CONNECT y:1 HTTP/1.1"), Refused(501), "9110 §9.3.6: this server makes no tunnels"),
    ("authority form without a port", Line(b"CONNECT y HTTP/1.1"), Refused(400), "9112 §3.2.3"),
    ("authority form with another method", Line(b"GET y:1 HTTP/1.1"), Refused(400), "9112 §3.2.3"),
    ("CONNECT to a path", Line(b"CONNECT / HTTP/1.1"), Refused(400), "9112 §3.2.3"),
    ("the longest target", Line(b"GET /{a*8191} HTTP/1.1"), Accepted("GET /{a*8191} for x"), "9112 §3: 8000 bytes of line at least"),
    ("a longer one", Line(b"GET /{a*8192} HTTP/1.1"), Refused(414), "9110 §15.5.15"),
    ("one without end", Wire(b"GET /{a*20000}"), Refused(414), "9110 §15.5.15"),
];

const NAME: &str = "9110 §5.1: a token";
const CONTROL: &str =
    "9110 §5.5: CR, LF and NUL MUST be refused or replaced, other control bytes are invalid";
const COLON: &str = "9112 §5.1: MUST be 400";
const FOLD: &str = "9112 §5.2: MUST be 400, or replaced by spaces, which other readers do not do";

#[rustfmt::skip]
const FIELDS: &[Row] = &[
    ("a space before the colon", Fields(b"Content-Length : 5"), Refused(400), COLON),
    ("a tab before the colon", Fields(b"Transfer-Encoding\t: chunked"), Refused(400), COLON),
    ("a folded line", Fields(b"A: b\r\n c"), Refused(400), FOLD),
    ("a line folded by a tab", Fields(b"A: b\r\n\tc"), Refused(400), FOLD),
    ("a folded line that looks like another", Fields(b"A: b\r\n Content-Length: 5"), Refused(400), FOLD),
    ("a folded framing field", Fields(b"Transfer-Encoding:\r\n chunked"), Refused(400), FOLD),
    ("a blank line of spaces", Fields(b"A: b\r\n "), Refused(400), FOLD),
    ("a space before the first field", Wire(b"GET / HTTP/1.1\r\n Host: x\r\n\r\n"), Refused(400), "9112 §2.2: MUST be refused, or skipped"),
    ("no colon", Fields(b"A"), Refused(400), NAME),
    ("no name", Fields(b": a"), Refused(400), NAME),
    ("a space in the name", Fields(b"A B: c"), Refused(400), NAME),
    ("a parenthesis in the name", Fields(b"(A): b"), Refused(400), NAME),
    ("UTF-8 in the name", Fields(b"\xc3\xa9: b"), Refused(400), NAME),
    ("NUL in the name", Fields(b"Content-Length\0: 5"), Refused(400), NAME),
    ("an underscore in the name", Fields(b"A_B: 5"), Accepted("GET / for x with A_B: 5"), "9110 §5.1: another field"),
    ("Content_Length", Fields(b"Content_Length: 5"), Refused(400), UNDERSCORE),
    ("Transfer_Encoding", Fields(b"transfer_encoding: chunked"), Refused(400), UNDERSCORE),
    ("two Content-Type", Fields(b"Content-Type: a/b\r\ncontent-type: c/d"), Refused(400), ONE_VALUE),
    ("two that are equal", Fields(b"Content-Type: a/b\r\nContent-Type: a/b"), Refused(400), ONE_VALUE),
    ("two Authorization", Fields(b"Authorization: a\r\nAuthorization: b"), Refused(400), ONE_VALUE),
    ("two Range", Fields(b"Range: bytes=0-1\r\nRange: bytes=2-3"), Refused(400), ONE_VALUE),
    ("two Cookie", Fields(b"Cookie: a=1\r\nCookie: b=2"), Accepted("GET / for x with Cookie: a=1 with Cookie: b=2"), "9113 §8.2.3: proxies from HTTP/2 may leave them in pieces"),
    ("NUL in the value", Fields(b"A: b\0c"), Refused(400), CONTROL),
    ("a control byte in the value", Fields(b"A: b\x01"), Refused(400), CONTROL),
    ("DEL in the value", Fields(b"A: \x7f"), Refused(400), CONTROL),
    ("a tab in the value", Fields(b"A: b\tc"), Accepted("GET / for x with A: b\\tc"), "9110 §5.5"),
    ("Latin-1 in the value", Fields(b"A: \xe9"), Accepted("GET / for x with A: \\xe9"), "9110 §5.5: obs-text, opaque bytes"),
    ("blanks around the value", Fields(b"A: \t b \t"), Accepted("GET / for x with A: b"), "9110 §5.5: not part of it"),
    ("an empty value", Fields(b"A:"), Accepted("GET / for x with A: \"\""), "9110 §5.5"),
    ("100 fields", Fields(b"{B:\r\n*98}A: b"), Accepted("GET / for x{ with B: \"\"*98} with A: b"), "9110 §5.4: the limit"),
    ("101 fields", Fields(b"{B:\r\n*99}A: b"), Refused(431), "6585 §5"),
    ("too much head", Fields(b"A: {a*16384}"), Refused(431), "6585 §5"),
    ("too much head in many fields", Fields(b"{A: {a*2000}\r\n*9}B: c"), Refused(431), "6585 §5"),
];

const UNDERSCORE: &str =
    "9110 §5.1: another field, but gateways that make variables of names read `-`";
const ONE_VALUE: &str = "9110 §5.3: MUST NOT be sent twice; some read the first, some the last";
const HOSTS: &str = "9112 §3.2: MUST be 400";
const HOST_PORT: &str = "9110 §7.2, 3986 §3.2.3: digits";

#[rustfmt::skip]
const HOST: &[Row] = &[
    ("none", Hosts(b"A: b"), Refused(400), HOSTS),
    ("none in 1.0", Wire(b"GET / HTTP/1.0\r\n\r\n"), Last("GET /"), "9112 §3.2 is about 1.1"),
    ("none in 1.2", Wire(b"GET / HTTP/1.2\r\n\r\n"), Refused(400), "9110 §2.5: as in 1.1"),
    ("none, but in the target", Wire(b"GET http://y/ HTTP/1.1\r\n\r\n"), Refused(400), HOSTS),
    ("two", Hosts(b"Host: x\r\nHost: y"), Refused(400), HOSTS),
    ("two that are equal", Hosts(b"Host: x\r\nhost: x"), Refused(400), HOSTS),
    ("two, one of them empty", Hosts(b"Host: x\r\nHost:"), Refused(400), HOSTS),
    ("two in 1.0", Wire(b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n"), Refused(400), HOSTS),
    ("two, and one in the target", Wire(b"GET http://y/ HTTP/1.1\r\nHost: y\r\nHost: y\r\n\r\n"), Refused(400), HOSTS),
    ("empty", Hosts(b"Host:"), Refused(400), "9110 §4.2.1: an http URI without a host MUST be rejected"),
    ("blank", Hosts(b"Host: \t "), Refused(400), "9110 §5.5: blanks are not part of it, so it is empty"),
    ("empty in 1.0", Wire(b"GET / HTTP/1.0\r\nHost:\r\n\r\n"), Last("GET / for \"\""), "9110 §7.2"),
    ("empty, but in the target", Wire(b"GET http://y/ HTTP/1.1\r\nHost:\r\n\r\n"), Refused(400), "9112 §3.2: it is to be the target's"),
    ("another one in the target", Wire(b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n"), Accepted("GET / for y"), "9112 §3.2.2: the target's counts"),
    ("an invalid one besides the target's", Wire(b"GET http://y/ HTTP/1.1\r\nHost: a b\r\n\r\n"), Refused(400), HOSTS),
    ("a space inside", Hosts(b"Host: a b"), Refused(400), HOSTS),
    ("an invalid one in 1.0", Wire(b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n"), Refused(400), HOSTS),
    ("a list", Hosts(b"Host: a, b"), Refused(400), HOSTS),
    ("a comma, and no space", Hosts(b"Host: a,b"), Accepted("GET / for a,b"), "3986 §3.2.2: a name may have one"),
    ("an escape", Hosts(b"Host: a%2eb"), Accepted("GET / for a%2eb"), "3986 §3.2.2: by the grammar; left as it is"),
    ("a path", Hosts(b"Host: a/b"), Refused(400), HOSTS),
    ("a URI", Hosts(b"Host: http://a"), Refused(400), HOSTS),
    ("user information", Hosts(b"Host: u@a"), Refused(400), HOSTS),
    ("a query", Hosts(b"Host: a?b"), Refused(400), HOSTS),
    ("a fragment", Hosts(b"Host: a#b"), Refused(400), HOSTS),
    ("a backslash", Hosts(b"Host: a\\b"), Refused(400), HOSTS),
    ("a bad escape", Hosts(b"Host: a%zz"), Refused(400), HOSTS),
    ("UTF-8", Hosts(b"Host: \xc3\xa9"), Refused(400), HOSTS),
    ("IPv6", Hosts(b"Host: [::1]:80"), Accepted("GET / for [::1]:80"), "3986 §3.2.2"),
    ("IPv6 without brackets", Hosts(b"Host: ::1"), Refused(400), HOSTS),
    ("half a bracket", Hosts(b"Host: [::1"), Refused(400), HOSTS),
    ("no IPv6 in brackets", Hosts(b"Host: [x]"), Refused(400), HOSTS),
    ("something behind the bracket", Hosts(b"Host: [::1]a"), Refused(400), HOSTS),
    ("an empty port", Hosts(b"Host: a:"), Accepted("GET / for a:"), "3986 §3.2.3: the default one"),
    ("a port of letters", Hosts(b"Host: a:b"), Refused(400), HOST_PORT),
    ("a port with a sign", Hosts(b"Host: a:+80"), Refused(400), HOST_PORT),
    ("two ports", Hosts(b"Host: a:80:80"), Refused(400), HOST_PORT),
    ("a port with zeros", Hosts(b"Host: a:0080"), Accepted("GET / for a:0080"), HOST_PORT),
    ("a port above 65535", Hosts(b"Host: a:65616"), Refused(400),
        "3986 §3.2.3 allows it; a reader that keeps 16 bits of it sees 80"),
    ("a port without a host", Hosts(b"Host: :80"), Refused(400),
        "9110 §7.2 allows it; no http URI has such an authority (§4.2.1), and servers differ on it"),
];

const DIGITS: &str = "9110 §8.6: digits";
const OCTAL: &str = "9110 §8.6 allows it, but some readers take it for octal";
const LENGTHS: &str =
    "9112 §6.3 step 5: equal ones may be merged, others MUST be 400; none are merged here";
const LENGTH_AND_CODING: &str = "9112 §6.3 step 3: ought to be an error; the classic of smuggling";

#[rustfmt::skip]
const LENGTH: &[Row] = &[
    ("one", Body(b"Content-Length: 5", b"hello"), Accepted("POST / for x, body hello"), DIGITS),
    ("with GET", Wire(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"), Accepted("GET / for x, body hello"), "9110 §9.3.1: without meaning, but framed"),
    ("two that are equal", Body(b"Content-Length: 5\r\nContent-Length: 5", b"hello"), Refused(400), LENGTHS),
    ("two that are equal, in other letters", Body(b"Content-Length: 5\r\ncontent-length: 5", b"hello"), Refused(400), LENGTHS),
    ("two that are not", Body(b"Content-Length: 5\r\nContent-Length: 6", b"hello"), Refused(400), LENGTHS),
    ("a list of equal ones", Body(b"Content-Length: 5, 5", b"hello"), Refused(400), LENGTHS),
    ("a list of others", Body(b"Content-Length: 5, 6", b"hello"), Refused(400), LENGTHS),
    ("a comma behind", Body(b"Content-Length: 5,", b"hello"), Refused(400), LENGTHS),
    ("a comma before", Body(b"Content-Length: ,5", b"hello"), Refused(400), LENGTHS),
    ("one, and an empty one", Body(b"Content-Length: 5\r\nContent-Length:", b"hello"), Refused(400), LENGTHS),
    ("empty", Body(b"Content-Length:", b""), Refused(400), DIGITS),
    ("a plus sign", Body(b"Content-Length: +5", b"hello"), Refused(400), DIGITS),
    ("a minus sign", Body(b"Content-Length: -5", b"hello"), Refused(400), DIGITS),
    ("minus nothing", Body(b"Content-Length: -0", b""), Refused(400), DIGITS),
    ("a space inside", Body(b"Content-Length: 1 0", b"hello"), Refused(400), DIGITS),
    ("blanks around", Body(b"Content-Length: \t5 ", b"hello"), Accepted("POST / for x, body hello"), "9110 §5.5: not part of it"),
    ("a vertical tab before", Body(b"Content-Length: \x0b5", b"hello"), Refused(400), CONTROL),
    ("a no-break space before", Body(b"Content-Length: \xa05", b"hello"), Refused(400), DIGITS),
    ("hexadecimal", Body(b"Content-Length: 0x5", b"hello"), Refused(400), DIGITS),
    ("a letter behind", Body(b"Content-Length: 5a", b"hello"), Refused(400), DIGITS),
    ("a fraction", Body(b"Content-Length: 5.0", b"hello"), Refused(400), DIGITS),
    ("an exponent", Body(b"Content-Length: 5e0", b"hello"), Refused(400), DIGITS),
    ("an underscore", Body(b"Content-Length: 1_0", b"hello"), Refused(400), DIGITS),
    ("quotes", Body(b"Content-Length: \"5\"", b"hello"), Refused(400), DIGITS),
    ("a parameter", Body(b"Content-Length: 5;a", b"hello"), Refused(400), DIGITS),
    ("other digits, in UTF-8", Body(b"Content-Length: \xd9\xa5", b"hello"), Refused(400), DIGITS),
    ("zeros before", Body(b"Content-Length: 0010", b"hellohello"), Refused(400), OCTAL),
    ("a zero before", Body(b"Content-Length: 05", b"hello"), Refused(400), OCTAL),
    ("two zeros", Body(b"Content-Length: 00", b""), Refused(400), OCTAL),
    ("zero", Body(b"Content-Length: 0", b""), Accepted("POST / for x"), DIGITS),
    ("more than 64 bits", Body(b"Content-Length: 18446744073709551621", b"hello"), Refused(400), "9110 §8.6: 5, if it wraps"),
    ("64 bits", Body(b"Content-Length: 18446744073709551615", b"hello"), Refused(413), "9110 §15.5.14"),
    ("too large", Body(b"Content-Length: 1048577", b"hello"), Refused(413), "9110 §15.5.14: before the body is read"),
    ("and Transfer-Encoding", Body(b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), Refused(400), LENGTH_AND_CODING),
    ("and Transfer-Encoding before", Body(b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"0\r\n\r\n"), Refused(400), LENGTH_AND_CODING),
    ("zero, and Transfer-Encoding", Body(b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), Refused(400), LENGTH_AND_CODING),
    ("and an unknown coding", Body(b"Content-Length: 5\r\nTransfer-Encoding: gzip, chunked", b"hello"), Refused(400), LENGTH_AND_CODING),
    ("and a coding that is none", Body(b"Content-Length: 5\r\nTransfer-Encoding: xchunked", b"hello"), Refused(400), LENGTH_AND_CODING),
    ("and an empty Transfer-Encoding", Body(b"Content-Length: 5\r\nTransfer-Encoding:", b"hello"), Refused(400), LENGTH_AND_CODING),
];

const NOT_LAST: &str = "9112 §6.3 step 4: chunked MUST be last";
const ONCE: &str = "9112 §6.1: chunked MUST NOT be applied twice";
const EMPTY: &str = "9110 §5.6.1.2 says to skip empty elements (MUST); obfuscation looks like this, and no client sends it";
const CODINGS: &str = "9112 §6.1, 9110 §10.1.4";
const UNKNOWN: &str = "9112 §6.1: SHOULD be 501";

#[rustfmt::skip]
const CODING: &[Row] = &[
    ("chunked", Body(b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"), Accepted("POST / for x, body hello"), "9112 §7.1"),
    ("in other letters", Body(b"transfer-ENCODING: cHuNkEd", b"5\r\nhello\r\n0\r\n\r\n"), Accepted("POST / for x, body hello"), "9112 §7: case-insensitive"),
    ("chunked with GET", Wire(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), Accepted("GET / for x, body hello"), "9110 §9.3.1: without meaning, but framed"),
    ("blanks around", Body(b"Transfer-Encoding: \t chunked \t", b"0\r\n\r\n"), Accepted("POST / for x"), "9110 §5.5: not part of it"),
    ("in HTTP/1.0", Wire(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Refused(400), "9112 §6.1: MUST be taken as faulty framing"),
    ("in HTTP/1.0, kept alive", Wire(b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Refused(400), "9112 §6.1"),
    ("chunked twice", Body(b"Transfer-Encoding: chunked, chunked", b"0\r\n\r\n"), Refused(400), ONCE),
    ("chunked twice, in two lines", Body(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), Refused(400), ONCE),
    ("chunked around another", Body(b"Transfer-Encoding: chunked, gzip, chunked", b"0\r\n\r\n"), Refused(400), ONCE),
    ("chunked not last", Body(b"Transfer-Encoding: chunked, gzip", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("chunked not last, in two lines", Body(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("chunked, then identity", Body(b"Transfer-Encoding: chunked, identity", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("chunked, then identity, in two lines", Body(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("no chunked", Body(b"Transfer-Encoding: gzip", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("identity", Body(b"Transfer-Encoding: identity", b"0\r\n\r\n"), Refused(400), "9112 §6.3 step 4; identity is gone since RFC 7230"),
    ("a coding before chunked", Body(b"Transfer-Encoding: gzip, chunked", b"0\r\n\r\n"), Refused(501), UNKNOWN),
    ("the same in two lines", Body(b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), Refused(501), UNKNOWN),
    ("identity before chunked", Body(b"Transfer-Encoding: identity, chunked", b"0\r\n\r\n"), Refused(501), UNKNOWN),
    ("nonsense before chunked", Body(b"Transfer-Encoding: xchunked, chunked", b"0\r\n\r\n"), Refused(501), UNKNOWN),
    ("a coding with parameters before chunked", Body(b"Transfer-Encoding: gzip;a=\"b, chunked\", chunked", b"0\r\n\r\n"), Refused(501), UNKNOWN),
    ("a letter before", Body(b"Transfer-Encoding: xchunked", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("a letter behind", Body(b"Transfer-Encoding: chunkedx", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("a letter missing", Body(b"Transfer-Encoding: chunke", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("a vertical tab before", Body(b"Transfer-Encoding: \x0bchunked", b"0\r\n\r\n"), Refused(400), CONTROL),
    ("a form feed behind", Body(b"Transfer-Encoding: chunked\x0c", b"0\r\n\r\n"), Refused(400), CONTROL),
    ("NUL behind", Body(b"Transfer-Encoding: chunked\0", b"0\r\n\r\n"), Refused(400), CONTROL),
    ("CR before", Body(b"Transfer-Encoding: \rchunked", b"0\r\n\r\n"), Refused(400), NO_CR),
    ("LF before", Body(b"Transfer-Encoding:\nchunked", b"0\r\n\r\n"), Refused(400), MAY_LF),
    ("a line end before the colon", Body(b"Transfer-Encoding\r\n: chunked", b"0\r\n\r\n"), Refused(400), NAME),
    ("a no-break space before", Body(b"Transfer-Encoding: \xa0chunked", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("a parameter", Body(b"Transfer-Encoding: chunked;q=1", b"0\r\n\r\n"), Refused(400), "9112 §7.1: chunked has none"),
    ("half a parameter", Body(b"Transfer-Encoding: chunked;", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("quotes", Body(b"Transfer-Encoding: \"chunked\"", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("apostrophes", Body(b"Transfer-Encoding: 'chunked'", b"0\r\n\r\n"), Refused(400), NOT_LAST),
    ("brackets", Body(b"Transfer-Encoding: [chunked]", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("two words", Body(b"Transfer-Encoding: gzip chunked", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("a semicolon for a comma", Body(b"Transfer-Encoding: gzip;chunked", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("a colon before", Body(b"Transfer-Encoding:: chunked", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("an unclosed quote", Body(b"Transfer-Encoding: gzip;a=\"b, chunked", b"0\r\n\r\n"), Refused(400), CODINGS),
    ("empty", Body(b"Transfer-Encoding:", b"0\r\n\r\n"), Refused(400), EMPTY),
    ("a comma behind", Body(b"Transfer-Encoding: chunked,", b"0\r\n\r\n"), Refused(400), EMPTY),
    ("a comma before", Body(b"Transfer-Encoding: ,chunked", b"0\r\n\r\n"), Refused(400), EMPTY),
    ("two commas", Body(b"Transfer-Encoding: gzip,, chunked", b"0\r\n\r\n"), Refused(400), EMPTY),
    ("commas alone", Body(b"Transfer-Encoding: , ,", b"0\r\n\r\n"), Refused(400), EMPTY),
    ("chunked, and an empty line of it", Body(b"Transfer-Encoding: chunked\r\nTransfer-Encoding:", b"0\r\n\r\n"), Refused(400), EMPTY),
    ("an empty line of it, and chunked", Body(b"Transfer-Encoding:\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"), Refused(400), EMPTY),
];

const SIZE: &str = "9112 §7.1: hexadecimal digits";
const CHUNK_CRLF: &str = "9112 §7.1: CRLF; the LF of §2.2 is about heads";
const EXTENSION: &str = "9112 §7.1.1";

#[rustfmt::skip]
const CHUNKS: &[Row] = &[
    ("two", Chunks(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), Accepted("POST / for x, body hello!"), "9112 §7.1"),
    ("zeros before the size", Chunks(b"0005\r\nhello\r\n000\r\n\r\n"), Accepted("POST / for x, body hello"), SIZE),
    ("letters in the size", Chunks(b"A\r\nhellohello\r\n0\r\n\r\n"), Accepted("POST / for x, body hellohello"), SIZE),
    ("no size", Chunks(b"\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("an extension and no size", Chunks(b";a\r\n\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a plus sign", Chunks(b"+5\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a minus sign", Chunks(b"-5\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a prefix", Chunks(b"0x5\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a space before", Chunks(b" 5\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a space behind", Chunks(b"5 \r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1: BWS comes before a `;` alone"),
    ("a tab behind", Chunks(b"5\t\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1: BWS comes before a `;` alone"),
    ("a space inside", Chunks(b"1 0\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("an underscore", Chunks(b"0_5\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a letter that is no digit", Chunks(b"5h\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("a comma behind", Chunks(b"5,a\r\nhello\r\n0\r\n\r\n"), Refused(400), SIZE),
    ("17 digits", Chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1: no overflow; 5, if it wraps"),
    ("17 digits, zeros before", Chunks(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), Accepted("POST / for x, body hello"), SIZE),
    ("16 digits", Chunks(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), Refused(413), "9110 §15.5.14: fits in 64 bits"),
    ("too large", Chunks(b"100001\r\nhello\r\n0\r\n\r\n"), Refused(413), "9110 §15.5.14: before the data"),
    ("too large together", Chunks(b"5\r\nhello\r\nffffc\r\nhello"), Refused(413), "9110 §15.5.14"),
    ("LF after the size", Chunks(b"5\nhello\r\n0\r\n\r\n"), Refused(400), CHUNK_CRLF),
    ("CR after the size", Chunks(b"5\rhello\r\n0\r\n\r\n"), Refused(400), CHUNK_CRLF),
    ("CR twice after the size", Chunks(b"5\r\r\nhello\r\n0\r\n\r\n"), Refused(400), CHUNK_CRLF),
    ("LF after the last size", Chunks(b"0\n\r\n"), Refused(400), CHUNK_CRLF),
    ("LF at the very end", Chunks(b"0\r\n\n"), Refused(400), CHUNK_CRLF),
    ("LF alone, everywhere", Chunks(b"5\nhello\n0\n\n"), Refused(400), CHUNK_CRLF),
    ("nothing after the data", Chunks(b"5\r\nhello0\r\n\r\n"), Refused(400), CHUNK_CRLF),
    ("LF after the data", Chunks(b"5\r\nhello\n0\r\n\r\n"), Refused(400), CHUNK_CRLF),
    ("CR after the data", Chunks(b"5\r\nhello\r0\r\n\r\n"), Refused(400), CHUNK_CRLF),
    ("more data than the size", Chunks(b"4\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1"),
    ("less data than the size", Chunks(b"6\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1"),
    ("extensions", Chunks(b"5;a;b=c;d=\"e\\\"\"\r\nhello\r\n0;f\r\n\r\n"), Accepted("POST / for x, body hello"), "9112 §7.1.1: unknown ones MUST be ignored"),
    ("blanks in extensions", Chunks(b"5 ;\ta = b\r\nhello\r\n0\r\n\r\n"), Accepted("POST / for x, body hello"), "9110 §5.6.3: BWS MUST be parsed"),
    ("a CRLF in quotes", Chunks(b"5;a=\"\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1.1: not in a quoted-string"),
    ("LF in an extension", Chunks(b"5;a\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("CR in an extension", Chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("LF in a quoted extension", Chunks(b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("an extension without a name", Chunks(b"5;\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("two semicolons", Chunks(b"5;;a\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("an extension without a value", Chunks(b"5;a=\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("two words in an extension", Chunks(b"5;a b\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("a blank behind an extension", Chunks(b"5;a \r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("something behind the quotes", Chunks(b"5;a=\"b\"c\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("NUL in an extension", Chunks(b"5;a=\0\r\nhello\r\n0\r\n\r\n"), Refused(400), EXTENSION),
    ("too much of an extension", Chunks(b"5;{a*20000}\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1.1: limit their total length"),
    ("too many zeros", Chunks(b"{0*20000}5\r\nhello\r\n0\r\n\r\n"), Refused(400), "9112 §7.1.1: the same in another guise"),
];

const APART: &str = "9110 §6.5.1: never merged with the fields of the head";

#[rustfmt::skip]
const TRAILERS: &[Row] = &[
    ("one", Chunks(b"0\r\nA: b\r\n\r\n"), Accepted("POST / for x, trailer A: b"), APART),
    ("framing fields", Chunks(b"0\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n"),
        Accepted("POST / for x, trailer Content-Length: 5, trailer Transfer-Encoding: gzip"), APART),
    ("Host", Chunks(b"0\r\nHost: y\r\n\r\n"), Accepted("POST / for x, trailer Host: y"), APART),
    ("Connection", Chunks(b"0\r\nConnection: close\r\n\r\n"), Accepted("POST / for x, trailer Connection: close"), APART),
    ("a request in place of them", Chunks(b"0\r\nGET /admin HTTP/1.1\r\nHost: y\r\n\r\n"), Refused(400), NAME),
    ("LF between them", Chunks(b"0\r\nA: b\nC: d\r\n\r\n"), Refused(400), MAY_LF),
    ("CR in a value", Chunks(b"0\r\nA: b\rc\r\n\r\n"), Refused(400), NO_CR),
    ("NUL in a value", Chunks(b"0\r\nA: \0\r\n\r\n"), Refused(400), CONTROL),
    ("a folded line", Chunks(b"0\r\nA: b\r\n c\r\n\r\n"), Refused(400), FOLD),
    ("a space before the colon", Chunks(b"0\r\nA : b\r\n\r\n"), Refused(400), COLON),
    ("no colon", Chunks(b"0\r\nA\r\n\r\n"), Refused(400), NAME),
    ("101 of them", Chunks(b"0\r\n{A:\r\n*101}\r\n"), Refused(431), "6585 §5"),
    ("too much of them", Chunks(b"0\r\nA: {a*9000}\r\n\r\n"), Refused(431), "6585 §5"),
];

const EXPECTS: &str = "9110 §10.1.1";

#[rustfmt::skip]
const MANNERS: &[Row] = &[
    ("a body is expected", Body(b"Expect: 100-continue\r\nContent-Length: 5", b"hello"), Continued("POST / for x with Expect: 100-continue, body hello"), EXPECTS),
    ("in other letters", Body(b"Expect: 100-Continue\r\nContent-Length: 5", b"hello"), Continued("POST / for x with Expect: 100-Continue, body hello"), EXPECTS),
    ("there is no body", Fields(b"Expect: 100-continue"), Accepted("GET / for x with Expect: 100-continue"), EXPECTS),
    ("in HTTP/1.0", Wire(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"), Last("POST / with Expect: 100-continue, body hello"), "9110 §10.1.1: MUST be ignored"),
    ("something else is expected", Body(b"Expect: tea\r\nContent-Length: 5", b"hello"), Refused(417), EXPECTS),
    ("something else as well", Body(b"Expect: 100-continue, tea\r\nContent-Length: 5", b"hello"), Refused(417), EXPECTS),
    ("something else as well, in two lines", Body(b"Expect: 100-continue\r\nExpect: tea\r\nContent-Length: 5", b"hello"), Refused(417), EXPECTS),
    ("nothing is expected", Body(b"Expect:\r\nContent-Length: 5", b"hello"), Refused(417), "9110 §10.1.1: MAY be, for what is not 100-continue"),
    ("a comma behind", Body(b"Expect: 100-continue,\r\nContent-Length: 5", b"hello"), Refused(417),
        "9110 §5.6.1.2 says to skip empty elements (MUST); no client sends one, and 417 tells it so"),
    ("a body that is too large", Body(b"Expect: 100-continue\r\nContent-Length: 1048577", b""), Refused(413), "9110 §10.1.1: no 100 before it"),
    ("a body without an end", Body(b"Expect: 100-continue\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", b""), Refused(400), LENGTH_AND_CODING),
    ("close", Fields(b"Connection: close"), Last("GET / for x with Connection: close"), "9112 §9.6"),
    ("close in a list", Fields(b"Connection: keep-alive, CLOSE"), Last("GET / for x with Connection: keep-alive, CLOSE"), "9112 §9.3: close wins"),
    ("HTTP/1.0, kept alive", Wire(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), Accepted("GET / with Connection: Keep-Alive"), "9112 §9.3"),
    ("an upgrade to HTTP/2", Fields(b"Connection: Upgrade\r\nUpgrade: h2c"), Accepted("GET / for x with Connection: Upgrade with Upgrade: h2c"), "9110 §7.8: MAY be ignored, and is"),
    ("a framing field that is to be dropped", Body(b"Connection: Content-Length\r\nContent-Length: 5", b"hello"), Accepted("POST / for x with Connection: Content-Length, body hello"), "9110 §7.6.1 is for proxies; here it counts"),
];

#[test]
fn every_row_is_answered_as_it_says() {
    let process = Http1::new(record);
    let mut wrong = Vec::new();
    for (title, rows) in TABLE {
        for (name, sent, answer, _) in *rows {
            let wire = sent.wire();
            let alone = every_split(&process, &wire);
            let followed = every_split(&process, &[&wire[..], NEXT].concat());
            let verdict = answer.verdict(&alone, &followed);
            wrong.extend(verdict.err().map(|why| format!("{title}: {name}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_row_is_there_twice() {
    let mut seen = Vec::new();
    for (title, rows) in TABLE {
        for (name, sent, _, _) in *rows {
            assert!(
                !seen.contains(&(title, name.to_string())),
                "{title}: {name}"
            );
            seen.push((title, name.to_string()));
            let twin = rows.iter().filter(|row| row.1.wire() == sent.wire());
            assert_eq!(twin.count(), 1, "{title}: {name} is sent twice");
        }
    }
}

#[test]
fn a_wrong_answer_is_seen() {
    let process = Http1::new(record);
    let (good, bad) = (
        Line(b"GET / HTTP/1.1").wire(),
        Line(b"GET /  HTTP/1.1").wire(),
    );
    for (name, wire, answer) in [
        ("accepted", &good, Refused(400)),
        ("refused", &bad, Accepted("GET / for x")),
        ("another status", &bad, Refused(414)),
        ("another sight", &good, Accepted("GET / for y")),
        ("kept open", &good, Last("GET / for x")),
        ("no 100", &good, Continued("GET / for x")),
    ] {
        let alone = every_split(&process, wire);
        let followed = every_split(&process, &[&wire[..], NEXT].concat());
        assert!(answer.verdict(&alone, &followed).is_err(), "{name}");
    }
}

#[test]
fn the_manual_prints_the_table() {
    let page = include_str!("../../../src/manual/refused.md");
    let (open, close) = ("<!-- ambiguous -->", "<!-- /ambiguous -->");
    let block = page
        .split_once(open)
        .and_then(|(_, rest)| rest.split_once(close));
    let is = block.map_or("", |(block, _)| block.trim());
    let table = table();
    assert!(
        is == table.trim(),
        "src/manual/refused.md: between {open} and {close} there should be\n{table}"
    );
}

/// Answers with what the handler sees: method, path and query, the host, the fields that are
/// not about framing, body and trailers.
fn record(req: &HttpRequest, res: &mut HttpResponse) -> io::Result<()> {
    let path = req.path_bytes().escape_ascii();
    write!(res, "{} {path}", req.method_str())?;
    if let Some(query) = req.query_str() {
        write!(res, "?{query}")?;
    }
    if let Some(host) = req.host() {
        write!(res, " for {}", text(host.as_bytes()))?;
    }
    let framing = ["host", "content-length", "transfer-encoding"];
    for (name, value) in req.headers().iter() {
        if !framing.contains(&name.to_ascii_lowercase().as_str()) {
            write!(res, " with {name}: {}", text(value))?;
        }
    }
    if !req.body().is_empty() {
        write!(res, ", body {}", text(req.body()))?;
    }
    for (name, value) in req.trailers().iter() {
        write!(res, ", trailer {name}: {}", text(value))?;
    }
    Ok(())
}

impl Sent {
    /// Every byte of it.
    fn wire(self) -> Vec<u8> {
        let [before, between, after]: [&[u8]; 3] = match self {
            Line(line) => [b"", line, b"\r\nHost: x\r\n\r\n"],
            Fields(lines) => [b"GET / HTTP/1.1\r\nHost: x\r\n", lines, b"\r\n\r\n"],
            Hosts(lines) => [b"GET / HTTP/1.1\r\n", lines, b"\r\n\r\n"],
            Body(lines, _) => [b"POST / HTTP/1.1\r\nHost: x\r\n", lines, b"\r\n\r\n"],
            Chunks(body) => [
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                body,
                b"",
            ],
            Wire(wire) => [b"", wire, b""],
        };
        let body = match self {
            Body(_, body) => body,
            _ => b"",
        };
        [before, &repeat(between), after, &repeat(body)].concat()
    }

    /// What of it matters, as the manual shows it.
    fn shown(self) -> String {
        let lines = match self {
            Fields(lines) | Hosts(lines) | Body(lines, _) => lines,
            Line(all) | Chunks(all) | Wire(all) => return code(&text(all)),
        };
        let lines = text(lines)
            .replace("Content-Length:", "CL:")
            .replace("Transfer-Encoding:", "TE:");
        // A folded line, and a repeated line, stay in one piece.
        if lines.contains("\\r\\n ") || lines.contains("\\r\\n\\t") || lines.contains('{') {
            return code(&lines);
        }
        let lines: Vec<String> = lines.split("\\r\\n").map(code).collect();
        lines.join(", ")
    }
}

impl Answer {
    /// What is wrong with what came back for a row, alone and with another request behind it.
    fn verdict(self, alone: &Transcript, followed: &Transcript) -> Result<(), String> {
        let (last, kept) = match self {
            Refused(status) => (format!("{status}"), false),
            Accepted(seen) => (format!("200 {}", sight(seen)), true),
            Continued(seen) => (format!("100, 200 {}", sight(seen)), true),
            Last(seen) => (format!("200 {}", sight(seen)), false),
        };
        let next = match kept {
            true => format!("{last}, 200 {NEXT_SEEN}"),
            false => last.clone(),
        };
        for (how, got, want) in [("alone", alone, last), ("followed", followed, next)] {
            let answers = answers(&got.bytes);
            if answers != want {
                return Err(format!("{how}: {answers}, not {want}"));
            }
            if got.closed == kept {
                let is = if got.closed { "closed" } else { "kept open" };
                return Err(format!("{how}: {want}, but {is}"));
            }
        }
        Ok(())
    }

    fn shown(self) -> String {
        match self {
            Refused(status) => format!("{status}, closed"),
            Accepted(seen) => format!("accepted as {}", code(seen)),
            Continued(seen) => format!("100, then accepted as {}", code(seen)),
            Last(seen) => format!("accepted as {}, then closed", code(seen)),
        }
    }
}

/// The statuses of all responses, with the bodies of those that are 200.
fn answers(mut bytes: &[u8]) -> String {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let whole = String::from_utf8_lossy(bytes);
        let Some((head, _)) = whole.split_once("\r\n\r\n") else {
            return format!("half a head: {whole}");
        };
        let status = head.get(9..12).unwrap_or(head);
        let length = head
            .lines()
            .find_map(|l| l.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |n| n.parse().expect("a length"));
        let rest = &bytes[head.len() + 4..];
        let body = String::from_utf8_lossy(&rest[..length]);
        found.push(match status {
            "200" => format!("200 {body}"),
            other => other.to_owned(),
        });
        bytes = &rest[length..];
    }
    found.join(", ")
}

/// What a handler's sight is, written in full.
fn sight(seen: &str) -> String {
    String::from_utf8(repeat(seen.as_bytes())).expect("text")
}

/// `{x*9}` in full; braces may hold braces.
fn repeat(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&b| b == b'{') {
        out.extend_from_slice(&rest[..at]);
        let mut depth = 0;
        let end = rest.iter().skip(at).position(|&b| {
            depth += i32::from(b == b'{') - i32::from(b == b'}');
            depth == 0
        });
        let end = at + end.expect("a closing brace");
        let inside = &rest[at + 1..end];
        let star = inside.iter().rposition(|&b| b == b'*').expect("a star");
        let count = std::str::from_utf8(&inside[star + 1..]).expect("digits");
        let count = count.parse().expect("a number");
        out.extend(repeat(&inside[..star]).repeat(count));
        rest = &rest[end + 1..];
    }
    out.extend_from_slice(rest);
    out
}

/// Bytes with those escaped that would not be seen, and quotes where there are none.
fn text(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "\"\"".into();
    }
    let plain = |b: u8| b == b'"' || b == b'\'';
    let escape = |&b: &u8| match plain(b) {
        true => char::from(b).to_string(),
        false => b.escape_ascii().to_string(),
    };
    bytes.iter().map(escape).collect()
}

/// Text as code in a cell of a table.
fn code(text: &str) -> String {
    // Of a blank at both ends Markdown drops one each.
    let blank = text.starts_with(' ') && text.ends_with(' ');
    let pad = if blank { " " } else { "" };
    let text = text.replace('|', "\\|");
    format!("`{pad}{text}{pad}`")
}

/// The table, as Markdown.
fn table() -> String {
    let mut out =
        String::from("| what is sent | the answer | where it says so, or why |\n|---|---|---|\n");
    for (title, rows) in TABLE {
        out.push_str(&format!("| **{title}** | | |\n"));
        for (name, sent, answer, why) in *rows {
            let (sent, answer) = (sent.shown(), answer.shown());
            out.push_str(&format!("| {name}: {sent} | {answer} | {why} |\n"));
        }
    }
    out
}
