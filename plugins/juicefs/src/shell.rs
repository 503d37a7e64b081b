//! Text for the start-up scripts. Every word that a user has a part in goes through [`word`], so that none of it is read as
//! shell syntax (CVE-2023-51699 was that mistake).

use wasser_sdk::{Error, Result};

/// `text` as one word of a POSIX shell. Single quotes are understood by every shell that an image may have as `sh`; the
/// `$'…'` form is not.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_string()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// An environment variable that the shell expands to one word.
pub fn variable(name: &str) -> String {
    format!("\"${{{name}}}\"")
}

/// `--<option>=<value of the variable>`.
pub fn option_from_env(option: &str, variable: &str) -> String {
    format!("--{option}=\"${{{variable}}}\"")
}

/// Refuses text with control characters or line breaks of any kind: no option of JuiceFS has them, and neither scripts nor the YAML that
/// carries them can have all of them.
pub fn check_text(field: &str, text: &str) -> Result<()> {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    match text.chars().find(|c| breaks(*c)) {
        Some(c) => Err(Error::invalid(field, format!("contains the control character {c:?}; remove it"))),
        None => Ok(()),
    }
}

/// Refuses what cannot be the name of an option.
pub fn check_option_name(field: &str, name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !name.is_empty() && name.chars().all(fits) && !name.starts_with(['-', '.']) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!(
            "`{}` is not an option name; use letters, digits, `-`, `_` and `.` only",
            name.escape_debug()
        ),
    ))
}
