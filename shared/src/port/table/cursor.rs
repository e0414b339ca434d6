//! Cursors: where a page ended, in a form that fits a URL.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where a page ended: the last sort key. The partition comes from the caller, so a cursor opens
/// nothing that its bearer may not read. Written as URL-safe base64 without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// The place after this sort key.
    pub fn at(sort: impl Into<String>) -> Self {
        Self(sort.into())
    }

    /// The sort key.
    pub fn sort(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let sort = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|_| CursorError)?;
        let sort = String::from_utf8(sort).map_err(|_| CursorError)?;
        if (1..=1024).contains(&sort.len()) { Ok(Self(sort)) } else { Err(CursorError) }
    }
}
