//! Required fields of requests.

use crate::error::Error;

/// Returns a field, which must not be empty.
pub(super) fn required<'a>(what: &str, value: &'a str) -> Result<&'a str, Error> {
    if value.is_empty() {
        Err(Error::Missing(what.to_owned()))
    } else {
        Ok(value)
    }
}
