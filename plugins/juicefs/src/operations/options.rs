//! Options of an operation on their way to JuiceFS' commands.

use std::collections::BTreeMap;

use wasser_sdk::{Error, Result, literal};

use crate::shell;

/// The option that is the operation's own.
const TIMEOUT: &str = "timeout";
/// The longest time in seconds that `timeout` of each shell takes.
const LONGEST: f64 = 2_147_483_647.0;

/// Returns the options as arguments, and the seconds after which the command is ended, if there is a
/// limit. Refuses those that are `reserved`, each with the reason.
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
            timeout = Some(seconds).filter(|seconds| *seconds > 0);
        } else if value.is_empty() {
            arguments.push(format!("--{name}"));
        } else {
            arguments.push(literal(&format!("--{name}={value}")));
        }
    }
    Ok((arguments, timeout))
}

/// Reads a duration such as `90s`, `1.5h`, `1d` or `1h30m`, in whole seconds, of which there is one at
/// least for anything but zero. A number alone is one of seconds, as `timeout` of the GNU tools has it.
fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    if let Some(seconds) = number(rest) {
        (total, rest) = (seconds, "");
    } else if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (text, tail) = rest.split_at(unit);
        let factor = match tail.chars().next()? {
            'd' => 86_400.0,
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => return None,
        };
        total += number(text)? * factor;
        rest = tail.get(1..)?;
    }
    Some(total.ceil().min(LONGEST) as u64)
}

/// Reads a decimal number without a sign.
fn number(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("30m", Some(1800))]
    #[case("1h30m", Some(5400))]
    #[case("90s", Some(90))]
    #[case("45", Some(45))]
    #[case("1d", Some(86_400))]
    #[case("1.5h", Some(5400))]
    #[case(".5", Some(1))]
    #[case("1d0.5h", Some(88_200))]
    #[case("0", Some(0))]
    #[case("0s", Some(0))]
    #[case("99999999999999999999h", Some(2_147_483_647))]
    #[case("", None)]
    #[case(".", None)]
    #[case("1.2.3h", None)]
    #[case("-1", None)]
    #[case("1e3", None)]
    #[case("inf", None)]
    #[case("soon", None)]
    #[case("m", None)]
    #[case("5x", None)]
    #[case("1h2", None)]
    fn durations_are_those_of_users(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(super::seconds(text), seconds);
    }
}
