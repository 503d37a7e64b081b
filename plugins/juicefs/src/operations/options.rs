//! Options of an operation on their way to JuiceFS' commands.

use std::collections::BTreeMap;

use wasser_sdk::{Error, Result, literal};

use crate::shell;

/// The option that is the operation's own.
const TIMEOUT: &str = "timeout";

/// Returns the options as arguments, and the seconds after which the command is ended. Refuses those
/// that are `reserved`, each with the reason.
pub fn arguments(
    field: &str,
    options: &BTreeMap<String, String>,
    reserved: &[(&str, &str)],
) -> Result<(Vec<String>, Option<u64>)> {
    let mut arguments = Vec::new();
    let mut timeout = None;
    for (name, value) in options {
        let field = format!("{field}[{name}]");
        shell::check_option_name(&field, name)?;
        shell::check_text(&field, value)?;
        if let Some((_, why)) = reserved.iter().find(|(reserved, _)| reserved == name) {
            return Err(Error::invalid(field, format!("{why}; leave it out")));
        }
        if name == TIMEOUT {
            let seconds = seconds(value).ok_or_else(|| {
                Error::invalid(
                    field,
                    format!("`{}` is not a duration; write for instance `30m`", value.escape_debug()),
                )
            })?;
            timeout = Some(seconds);
        } else if value.is_empty() {
            arguments.push(format!("--{name}"));
        } else {
            arguments.push(literal(&format!("--{name}={value}")));
        }
    }
    Ok((arguments, timeout))
}

/// Reads a duration such as `90s`, `30m` or `1h30m`; a number alone is one of seconds.
fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse() {
        return Some(seconds).filter(|seconds| *seconds > 0);
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(unit);
        let factor = match tail.chars().next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = tail.get(1..)?;
    }
    Some(total).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("30m", Some(1800))]
    #[case("1h30m", Some(5400))]
    #[case("90s", Some(90))]
    #[case("45", Some(45))]
    #[case("0s", None)]
    #[case("", None)]
    #[case("m", None)]
    #[case("5x", None)]
    #[case("1h2", None)]
    #[case("99999999999999999999h", None)]
    fn durations_are_those_of_users(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(super::seconds(text), seconds);
    }
}
