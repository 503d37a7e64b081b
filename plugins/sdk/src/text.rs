//! Text of users on its way to a shell or into a file of the pods.

use crate::{Error, Result};

/// Every text that a user has a part in goes through this on its way into a script (CVE-2023-51699 was
/// the lack of it).
pub use wasser_api::shell::word;

/// Refuses control characters and line breaks of any kind: neither scripts nor the YAML that
/// carries them can have all of them.
pub fn check(field: &str, text: &str) -> Result<()> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    match text.chars().find(|c| breaks(*c)) {
        Some(c) => Err(Error::invalid(
            field,
            format!("contains the control character {c:?}; remove it"),
        )),
        None => Ok(()),
    }
}
