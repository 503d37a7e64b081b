//! Text for the start-up scripts. Every word that a user has a part in goes through [`word`], so
//! that none of it is read as shell syntax (CVE-2023-51699 was that mistake).

pub use wasser_sdk::text::{check as check_text, word};
use wasser_sdk::{Error, Result};

/// Returns an environment variable that the shell expands to one word.
pub fn variable(name: &str) -> String {
    format!("\"${{{name}}}\"")
}

/// `--<option>=<value of the variable>`.
pub fn option_from_env(option: &str, variable: &str) -> String {
    format!("--{option}=\"${{{variable}}}\"")
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
