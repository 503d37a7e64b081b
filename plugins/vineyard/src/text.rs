//! Checks of text that becomes arguments and variables of processes.

use wasser_sdk::{Error, Result};

/// Refuses text at `field` that is not one line, which no log or error could show.
pub fn check_line(field: &str, text: &str) -> Result<()> {
    match text.chars().any(char::is_control) {
        true => Err(Error::invalid(field, "has a control character; remove it")),
        false => Ok(()),
    }
}

/// Refuses text at `field` that is empty or has white space.
pub fn check_word(field: &str, text: &str) -> Result<()> {
    check_line(field, text)?;
    match text.is_empty() || text.contains(char::is_whitespace) {
        true => Err(Error::invalid(field, "is not one word")),
        false => Ok(()),
    }
}
