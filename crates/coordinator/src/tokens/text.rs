//! The form of a token, `argosy-join.<id>.<secret>`, and of the names that it lets in.
//!
//! The id is 80 bits and no secret: it stands in listings and in log lines. The secret is 256 bits; it is never shown by anything here
//! but [`JoinToken::reveal`], which the one who makes the token prints once.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Longest name of an agent, bytes: that of every identity.
pub(super) const MAX_NAME: usize = 253;
/// Longest reason, bytes.
pub(super) const MAX_REASON: usize = 1_024;

const PREFIX: &str = "argosy-join";
const ID_BYTES: usize = 10;
const SECRET_BYTES: usize = 32;

/// A token as it is handed to a machine.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    id: String,
    secret: [u8; SECRET_BYTES],
}

/// Not a token. It does not say what it was: most likely nearly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "ARG-0715: this is no join token: it must have the form argosy-join.<20 digits>.<64 digits>; copy it again, whole"
)]
pub struct BadToken;

/// Not the id of a token. It does not say what it was: most likely a whole token, or nearly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error(
    "ARG-0728: this is no id of a join token: an id has 20 digits of base 16; `argosy token list` shows those that there are"
)]
pub struct NoId;

impl JoinToken {
    /// A token from bytes that nobody can guess.
    pub fn from_random(id: [u8; ID_BYTES], secret: [u8; SECRET_BYTES]) -> Self {
        Self { id: hex(&id), secret }
    }

    /// Reads a token; spaces and line ends around it are left out, as a file has them.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, BadToken> {
        let mut parts = text.trim().split('.');
        let (Some(PREFIX), Some(id), Some(secret), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadToken);
        };
        let secret = unhex(secret).ok_or(BadToken)?;
        if is_id(id) { Ok(Self { id: id.to_owned(), secret }) } else { Err(BadToken) }
    }

    /// The id that is meant: by itself, or in a whole token.
    ///
    /// # Errors
    /// When it is neither.
    pub fn id_in(text: &str) -> Result<String, NoId> {
        match Self::parse(text) {
            Ok(token) => Ok(token.id),
            Err(_) if is_id(text.trim()) => Ok(text.trim().to_owned()),
            Err(_) => Err(NoId),
        }
    }

    /// Its id, which is no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// SHA-256 of the secret: what the book keeps.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    /// The whole token, secret and all. Who calls this hands it to a person or to a node, and to nothing that keeps a log.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}.{}.{}", self.id, hex(&self.secret))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.<secret>", self.id)
    }
}

/// Whether a pattern lets an agent of this name in.
pub fn allows(pattern: &str, agent: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => agent.starts_with(beginning),
        None => agent == pattern,
    }
}

/// Whether this can be the name of an agent: what an identity takes (docs/errors/ARG-0704.md).
pub(super) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// A name, or the beginning of one and a star.
pub(super) fn is_pattern(text: &str) -> bool {
    match text.strip_suffix('*') {
        Some(beginning) => beginning.len() <= MAX_NAME && beginning.bytes().all(is_name_byte),
        None => is_name(text),
    }
}

/// Whether this can be the id of a token. What is none is not to be shown or logged: it may hold a secret.
pub fn is_id(text: &str) -> bool {
    text.len() == 2 * ID_BYTES && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b':')
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
