//! [`CloseCode`]: why a WebSocket closes.

use std::fmt;

/// Why a WebSocket closes (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// An endpoint goes away: the server stops, or the browser leaves the page.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The peer has broken the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A message is of a kind that the endpoint does not take.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// The close frame had no code. Never sent.
    pub const NO_CODE: CloseCode = CloseCode(1005);
    /// There was no close frame: the client is gone, or the worker had to end the connection.
    /// Never sent.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// A message does not fit its kind, such as text that is not UTF-8.
    pub const INVALID_DATA: CloseCode = CloseCode(1007);
    /// A message is against the rules of the endpoint.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message is too big.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// The server has met an unexpected condition, such as an error of a handler.
    pub const INTERNAL_ERROR: CloseCode = CloseCode(1011);
    /// The client is too slow, or the server too busy; the client may connect again (IANA).
    pub const TRY_AGAIN_LATER: CloseCode = CloseCode(1013);

    /// A code that may be sent: 1000 to 1003, 1007 to 1014, and 3000 to 4999, which are for
    /// libraries and applications. `None` for any other.
    pub fn new(code: u16) -> Option<CloseCode> {
        let is_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        is_sent.then_some(CloseCode(code))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reads the payload of a close frame (RFC 6455 §5.5.1).
///
/// # Errors
/// The code of the answer: the payload is one byte or has a code that is never sent
/// (`PROTOCOL_ERROR`), or the reason is not UTF-8 (`INVALID_DATA`).
pub fn parse(payload: &[u8]) -> Result<(CloseCode, &str), CloseCode> {
    let [high, low, reason @ ..] = payload else {
        return match payload {
            [] => Ok((CloseCode::NO_CODE, "")),
            _ => Err(CloseCode::PROTOCOL_ERROR),
        };
    };
    let code = CloseCode::new(u16::from_be_bytes([*high, *low]));
    let code = code.ok_or(CloseCode::PROTOCOL_ERROR)?;
    let reason = std::str::from_utf8(reason).map_err(|_| CloseCode::INVALID_DATA)?;
    Ok((code, reason))
}
