//! Fields of requests that must not be empty.

use crate::error::Error;

/// A field that must not be empty.
pub(super) fn required<'a>(what: &str, value: &'a str) -> Result<&'a str, Error> {
    if value.is_empty() {
        Err(Error::Missing(what.to_owned()))
    } else {
        Ok(value)
    }
}
