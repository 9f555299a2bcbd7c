//! [`BasicAuth`]: lets in clients that know a password (RFC 7617).

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use super::sha256;
use crate::http::{HttpRequest, HttpResponse, Layer, Mark, Pass, StatusCode, base64};

/// Asks every client for a user and a password, and lets those through that have a right one. Any
/// other is answered with 401, and its body is not read.
///
/// The password travels with each request as it is, so this is for connections that TLS protects,
/// in the server or in front of it. Neither the log nor an exit report shows it.
///
/// ```
/// use std::io::Write;
/// use httprs::handlers::BasicAuth;
/// use httprs::{Handler, Http1, HttpRequest, HttpResponse, harness};
///
/// # let path = std::env::temp_dir().join(format!("httprs-users-{}", std::process::id()));
/// # std::fs::write(&path, "# users\nalice:correct horse\n")?;
/// let auth = BasicAuth::from_file(&path)?.realm("the club")?;
/// # std::fs::remove_file(&path)?;
/// let secret = |_: &HttpRequest, res: &mut HttpResponse| writeln!(res, "welcome");
/// let http = Http1::with(secret.wrap(auth));
/// let ask = |field: &str| {
///     let wire = format!("GET / HTTP/1.1\r\nHost: x\r\n{field}\r\n");
///     String::from_utf8(harness::converse(&http, &[wire.as_bytes()]).bytes).unwrap()
/// };
/// assert!(ask("").contains("WWW-Authenticate: Basic realm=\"the club\", charset=\"UTF-8\"\r\n"));
/// assert!(ask("Authorization: Basic YWxpY2U6Y29ycmVjdCBob3JzZQ==\r\n").ends_with("welcome\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct BasicAuth {
    /// Digests of `user:password`.
    known: Vec<[u8; 32]>,
    /// The value of `WWW-Authenticate`.
    challenge: String,
    mark: Mark,
}

impl BasicAuth {
    /// The users of a file: a line `user:password` each; blank lines, and those that begin with
    /// `#`, are comments. Read once, before the fork.
    ///
    /// # Errors
    /// The file cannot be read; `InvalidData` for a line that is none of these, named by its
    /// number, and for a file without users.
    pub fn from_file(path: impl AsRef<Path>) -> io::Result<BasicAuth> {
        BasicAuth::from_lines(&fs::read_to_string(path)?)
    }

    /// The users of an environment variable, in the same form.
    ///
    /// # Errors
    /// As for a file; `NotFound` if there is no such variable, or its value is no text.
    pub fn from_env(variable: &str) -> io::Result<BasicAuth> {
        let missing = |_| io::Error::new(io::ErrorKind::NotFound, format!("{variable} is not set"));
        BasicAuth::from_lines(&env::var(variable).map_err(missing)?)
    }

    fn from_lines(text: &str) -> io::Result<BasicAuth> {
        let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut known = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            // RFC 7617 §2: a user has no colon, and neither has control characters.
            if !line.contains(':') || line.contains(char::is_control) {
                return Err(bad(format!("line {number} is not user:password")));
            }
            known.push(sha256::digest(line.as_bytes()));
        }
        match known.is_empty() {
            true => Err(bad("there is no user".into())),
            false => Ok(BasicAuth {
                known,
                challenge: challenge("restricted"),
                mark: Mark::new(),
            }),
        }
    }

    /// What a browser shows to its user, and what it remembers the password for: `restricted` by
    /// default.
    ///
    /// # Errors
    /// `InvalidInput`: the name has quotes, backslashes or control characters.
    pub fn realm(mut self, name: &str) -> io::Result<BasicAuth> {
        if name.contains(|c: char| c == '"' || c == '\\' || c.is_control()) {
            let why = "a realm has no quotes, backslashes and control characters";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        self.challenge = challenge(name);
        Ok(self)
    }

    fn is_known(&self, req: &HttpRequest) -> bool {
        let mut fields = req.headers().get_all("authorization");
        let (Some(field), None) = (fields.next(), fields.next()) else {
            return false;
        };
        let credentials = field.split_at_checked(6).and_then(|(scheme, rest)| {
            let is_basic = scheme.eq_ignore_ascii_case(b"basic ");
            base64::decode(rest.trim_ascii()).filter(|_| is_basic)
        });
        // Digests have one length, all of them are compared, and each to its end: the time says
        // neither how long a password is, nor how much of it was right, nor which user there is.
        let given = sha256::digest(&credentials.unwrap_or_default());
        let differs = |known: &[u8; 32]| {
            let bits = known
                .iter()
                .zip(&given)
                .fold(0, |bits, (a, b)| bits | (a ^ b));
            std::hint::black_box(bits) != 0
        };
        self.known
            .iter()
            .fold(false, |found, known| found | !differs(known))
    }
}

fn challenge(realm: &str) -> String {
    format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")
}

impl Layer for BasicAuth {
    fn before(&self, req: &HttpRequest, res: &mut HttpResponse) -> io::Result<Pass> {
        if self.mark.is_on(req) {
            return Ok(Pass::On);
        }
        if self.is_known(req) {
            self.mark.put(req);
            return Ok(Pass::On);
        }
        res.status(StatusCode::UNAUTHORIZED)
            .header("WWW-Authenticate", &self.challenge)?
            .header("Cache-Control", "no-store")?;
        res.text("401 Unauthorized\n")?;
        Ok(Pass::Answered)
    }
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BasicAuth({} users)", self.known.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::every_split;
    use crate::http::{Handler, Http1};
    use std::io::Write;

    const USERS: &str = "# comment\n\nalice:open sesame\nbob:a:b\nempty:\nj\u{fc}rgen:\u{20ac}\n";

    fn status(fields: &str, body: &str) -> String {
        let auth = BasicAuth::from_lines(USERS).unwrap();
        let inner =
            |req: &HttpRequest, res: &mut HttpResponse| write!(res, "in {}", req.body().len());
        let http = Http1::with(inner.wrap(auth));
        let len = body.len();
        let wire =
            format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n{fields}\r\n{body}");
        let got = String::from_utf8(every_split(&http, wire.as_bytes()).bytes).unwrap();
        assert_eq!(
            got.contains("WWW-Authenticate"),
            got.starts_with("HTTP/1.1 401 "),
            "{got}"
        );
        assert!(!got.contains("sesame"));
        got[9..12].to_owned()
    }

    #[test]
    fn users_of_the_file_are_let_in_and_no_others() {
        let basic = |credentials: &str| {
            format!(
                "Authorization: Basic {}\r\n",
                base64::encode(credentials.as_bytes())
            )
        };
        for (credentials, want) in [
            ("alice:open sesame", "200"),
            ("bob:a:b", "200"),
            ("empty:", "200"),
            ("j\u{fc}rgen:\u{20ac}", "200"),
            ("alice:open sesam", "401"),
            ("alice:open sesame ", "401"),
            ("Alice:open sesame", "401"),
            ("alice:", "401"),
            ("alice", "401"),
            ("bob:a", "401"),
            ("# comment", "401"),
            ("", "401"),
            (":", "401"),
        ] {
            assert_eq!(status(&basic(credentials), "body"), want, "{credentials}");
        }
        let good = basic("alice:open sesame");
        for (field, want) in [
            (good.replace("Basic", "bASIC"), "200"),
            (good.replace("Basic ", "Basic  "), "200"),
            (good.replace("Basic", "Bearer"), "401"),
            (good.replace("Basic ", "Basic"), "401"),
            (good.replace("=", ""), "401"),
            (good.clone() + "Cookie: a=b\r\n", "200"),
            ("Authorization: \r\n".into(), "401"),
            (String::new(), "401"),
        ] {
            assert_eq!(status(&field, ""), want, "{field}");
        }
        // Two fields are refused by the server itself.
        assert_eq!(status(&(good.clone() + &good), ""), "400");
    }

    #[test]
    fn a_file_that_is_wrong_is_no_auth() {
        for (text, why) in [
            ("", "there is no user"),
            ("# none\n\n", "there is no user"),
            ("a:b\nalice\n", "line 2 is not user:password"),
            ("a:b\tc\n", "line 1 is not user:password"),
        ] {
            let error = BasicAuth::from_lines(text).unwrap_err();
            assert_eq!(error.to_string(), why);
        }
        let auth = || BasicAuth::from_lines("a:b").unwrap();
        assert!(auth().realm("a\"b").is_err() && auth().realm("a\r\nX: y").is_err());
        assert_eq!(format!("{:?}", auth()), "BasicAuth(1 users)");
        let error = BasicAuth::from_env("HTTPRS_NO_SUCH_VARIABLE").unwrap_err();
        assert_eq!(error.to_string(), "HTTPRS_NO_SUCH_VARIABLE is not set");
    }
}
