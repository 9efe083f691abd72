//! Where the token comes from, and that nobody sees it.

use std::fmt;
use std::path::PathBuf;

use super::IdentityError;

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// This text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where the token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// The configuration.
    Text(Secret),
    /// A file that holds it and nothing else.
    File(PathBuf),
}

impl TokenSource {
    /// The token, for a node and for nobody else.
    pub(super) fn read(&self) -> Result<String, IdentityError> {
        match self {
            Self::Text(Secret(text)) => Ok(text.clone()),
            Self::File(path) => {
                let unread =
                    |error: std::io::Error| IdentityError::Token { path: path.clone(), reason: error.to_string() };
                let text = std::fs::read_to_string(path).map_err(unread)?;
                Ok(text.trim().to_owned())
            }
        }
    }
}
