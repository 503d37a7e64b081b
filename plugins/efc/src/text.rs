//! Checks of text that becomes arguments of the images' own script, which is a shell script.

use wasser_sdk::{Error, Result};

/// Characters that mean nothing but themselves, neither to a shell nor among options.
const PLAIN: &str = "_.-:/@%+=";

/// Reports whether a character means nothing but itself.
pub fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || PLAIN.contains(c)
}

/// Refuses text at `field` that a shell, or a list of options, would take for something else.
pub fn check_plain(field: &str, text: &str) -> Result<()> {
    match text.chars().all(is_plain) {
        true => Ok(()),
        false => {
            let text = text.escape_debug();
            let message = format!("`{text}` is not made of letters, digits and `{PLAIN}` alone");
            Err(Error::invalid(field, message))
        }
    }
}
