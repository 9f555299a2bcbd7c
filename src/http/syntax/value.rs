//! Words of the protocol: [`Method`], [`Version`] and [`StatusCode`].
//!
//! Small `Copy` values, each from one table.

use std::fmt;

/// Makes [`Method`] from one table.
macro_rules! methods {
    ($($name:ident $text:literal $what:literal,)*) => {
        /// The method of a request (RFC 9110 §9). Case-sensitive: `get` is [`Method::Other`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = $what] $name,)*
            /// A well-formed method that is none of the above.
            #[default]
            Other,
        }

        impl Method {
            /// The method that is spelt exactly so, else [`Method::Other`].
            pub fn from_bytes(text: &[u8]) -> Method {
                $(if text == $text.as_bytes() {
                    return Method::$name;
                })*
                Method::Other
            }

            /// Its name; `OTHER` where only the request knows it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Method::$name => $text,)*
                    Method::Other => "OTHER",
                }
            }
        }
    };
}

methods! {
    Get "GET" "Send the representation.",
    Head "HEAD" "Send the head of the response to GET.",
    Post "POST" "Process the body as the resource does.",
    Put "PUT" "Replace the resource.",
    Delete "DELETE" "Remove the resource.",
    Connect "CONNECT" "Become a tunnel.",
    Options "OPTIONS" "Name the methods of the resource.",
    Trace "TRACE" "Send the request back.",
    Patch "PATCH" "Change the resource (RFC 5789).",
}

impl Method {
    /// Whether the method asks for nothing but information (RFC 9110 §9.2.1).
    pub const fn is_safe(self) -> bool {
        matches!(
            self,
            Method::Get | Method::Head | Method::Options | Method::Trace
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The version by which a request is read. Every minor version from 1 up is treated as 1.1, as RFC
/// 9110 §2.5 asks: their additions may be ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0 (RFC 1945).
    Http10,
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http11,
}

impl Version {
    /// `HTTP/1.0` or `HTTP/1.1`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The status of a response, in three digits (RFC 9110 §15).
///
/// ```
/// use httprs::http::StatusCode;
/// assert_eq!(StatusCode::NOT_FOUND.get(), 404);
/// assert_eq!(StatusCode::NOT_FOUND.reason(), "Not Found");
/// assert_eq!(StatusCode::new(299).map(StatusCode::reason), Some(""));
/// assert_eq!(StatusCode::new(99), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// The code with this number, registered or not, if it is in one of the five classes (RFC 9110
    /// §15): 100 to 599.
    pub const fn new(code: u16) -> Option<StatusCode> {
        match code {
            100..=599 => Some(StatusCode(code)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a response with it never has a body (RFC 9110 §6.4.1).
    pub const fn is_bodiless(self) -> bool {
        matches!(self.0, 100..=199 | 204 | 304)
    }
}

/// Makes the constants of [`StatusCode`] and their phrases from one table.
macro_rules! status_codes {
    ($($code:literal $name:ident $reason:literal,)*) => {
        impl StatusCode {
            $(
                #[doc = concat!("`", $code, " ", $reason, "`")]
                pub const $name: StatusCode = StatusCode($code);
            )*

            /// Every code that is registered, in order.
            pub const ALL: &'static [StatusCode] = &[$(StatusCode($code),)*];

            /// The reason phrase of a status line; empty for codes that are not registered.
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    _ => "",
                }
            }
        }
    };
}

// The IANA registry. 306 and 418 are marked unused there, so they are not here; 104 is a
// temporary entry.
status_codes! {
    100 CONTINUE "Continue",
    101 SWITCHING_PROTOCOLS "Switching Protocols",
    102 PROCESSING "Processing",
    103 EARLY_HINTS "Early Hints",
    104 UPLOAD_RESUMPTION_SUPPORTED "Upload Resumption Supported",
    200 OK "OK",
    201 CREATED "Created",
    202 ACCEPTED "Accepted",
    203 NON_AUTHORITATIVE_INFORMATION "Non-Authoritative Information",
    204 NO_CONTENT "No Content",
    205 RESET_CONTENT "Reset Content",
    206 PARTIAL_CONTENT "Partial Content",
    207 MULTI_STATUS "Multi-Status",
    208 ALREADY_REPORTED "Already Reported",
    226 IM_USED "IM Used",
    300 MULTIPLE_CHOICES "Multiple Choices",
    301 MOVED_PERMANENTLY "Moved Permanently",
    302 FOUND "Found",
    303 SEE_OTHER "See Other",
    304 NOT_MODIFIED "Not Modified",
    305 USE_PROXY "Use Proxy",
    307 TEMPORARY_REDIRECT "Temporary Redirect",
    308 PERMANENT_REDIRECT "Permanent Redirect",
    400 BAD_REQUEST "Bad Request",
    401 UNAUTHORIZED "Unauthorized",
    402 PAYMENT_REQUIRED "Payment Required",
    403 FORBIDDEN "Forbidden",
    404 NOT_FOUND "Not Found",
    405 METHOD_NOT_ALLOWED "Method Not Allowed",
    406 NOT_ACCEPTABLE "Not Acceptable",
    407 PROXY_AUTHENTICATION_REQUIRED "Proxy Authentication Required",
    408 REQUEST_TIMEOUT "Request Timeout",
    409 CONFLICT "Conflict",
    410 GONE "Gone",
    411 LENGTH_REQUIRED "Length Required",
    412 PRECONDITION_FAILED "Precondition Failed",
    413 CONTENT_TOO_LARGE "Content Too Large",
    414 URI_TOO_LONG "URI Too Long",
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type",
    416 RANGE_NOT_SATISFIABLE "Range Not Satisfiable",
    417 EXPECTATION_FAILED "Expectation Failed",
    421 MISDIRECTED_REQUEST "Misdirected Request",
    422 UNPROCESSABLE_CONTENT "Unprocessable Content",
    423 LOCKED "Locked",
    424 FAILED_DEPENDENCY "Failed Dependency",
    425 TOO_EARLY "Too Early",
    426 UPGRADE_REQUIRED "Upgrade Required",
    428 PRECONDITION_REQUIRED "Precondition Required",
    429 TOO_MANY_REQUESTS "Too Many Requests",
    431 REQUEST_HEADER_FIELDS_TOO_LARGE "Request Header Fields Too Large",
    451 UNAVAILABLE_FOR_LEGAL_REASONS "Unavailable For Legal Reasons",
    500 INTERNAL_SERVER_ERROR "Internal Server Error",
    501 NOT_IMPLEMENTED "Not Implemented",
    502 BAD_GATEWAY "Bad Gateway",
    503 SERVICE_UNAVAILABLE "Service Unavailable",
    504 GATEWAY_TIMEOUT "Gateway Timeout",
    505 HTTP_VERSION_NOT_SUPPORTED "HTTP Version Not Supported",
    506 VARIANT_ALSO_NEGOTIATES "Variant Also Negotiates",
    507 INSUFFICIENT_STORAGE "Insufficient Storage",
    508 LOOP_DETECTED "Loop Detected",
    510 NOT_EXTENDED "Not Extended",
    511 NETWORK_AUTHENTICATION_REQUIRED "Network Authentication Required",
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusCode({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        for (text, want) in [
            ("GET", Method::Get),
            ("HEAD", Method::Head),
            ("POST", Method::Post),
            ("PUT", Method::Put),
            ("DELETE", Method::Delete),
            ("CONNECT", Method::Connect),
            ("OPTIONS", Method::Options),
            ("TRACE", Method::Trace),
            ("PATCH", Method::Patch),
            ("get", Method::Other),
            ("Get", Method::Other),
            ("GETS", Method::Other),
            ("GE", Method::Other),
            ("", Method::Other),
        ] {
            assert_eq!(Method::from_bytes(text.as_bytes()), want, "{text}");
            assert!(want == Method::Other || want.as_str() == text, "{text}");
        }
    }

    #[test]
    fn codes_are_in_order_and_have_phrases() {
        assert!(StatusCode::ALL.is_sorted());
        for code in StatusCode::ALL {
            assert_eq!(StatusCode::new(code.get()), Some(*code));
            assert!(!code.reason().is_empty(), "{code}");
        }
    }

    #[test]
    fn codes_belong_to_a_class() {
        for (code, good) in [
            (0, false),
            (99, false),
            (100, true),
            (599, true),
            (600, false),
            (1000, false),
        ] {
            assert_eq!(StatusCode::new(code).is_some(), good, "{code}");
        }
    }
}
