//! What an author reads of a build. No client here.

use std::fmt::Write as _;
use std::time::Duration;

use super::register::Deed;

/// How long the steps of a build took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From sources to the package.
    pub build: Duration,
    /// The package into the registry, if it goes there.
    pub push: Option<Duration>,
    /// From there until it serves, or is refused.
    pub serving: Option<Duration>,
}

/// Returns the line about a build.
pub fn line(name: &str, deed: Deed, message: &str, times: Times) -> String {
    let deed = match deed {
        Deed::Created => "created",
        Deed::Changed => "changed",
        Deed::Unchanged => "unchanged",
    };
    format!("{name} {deed}: {message} ({})", steps(times))
}

/// Returns the steps with their times.
fn steps(times: Times) -> String {
    let mut text = format!("build {}", seconds(times.build));
    for (step, took) in [("push", times.push), ("serving", times.serving)] {
        if let Some(took) = took {
            let _ = write!(text, ", {step} {}", seconds(took));
        }
    }
    text
}

/// Returns seconds as people compare them.
fn seconds(took: Duration) -> String {
    match took.as_secs_f64() {
        short if short < 10.0 => format!("{short:.2} s"),
        long => format!("{long:.0} s"),
    }
}

/// Returns what goes on after a build that does not serve.
pub fn goes_on(name: Option<&str>, serves: bool) -> String {
    match name {
        Some(name) if serves => format!("The last good build of {name} goes on serving; the next change is awaited"),
        Some(name) => format!("No build of {name} serves; the next change is awaited"),
        None => "Nothing was registered; the next change is awaited".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn times(build: u64, push: Option<u64>, serving: Option<u64>) -> Times {
        Times {
            build: Duration::from_millis(build),
            push: push.map(Duration::from_millis),
            serving: serving.map(Duration::from_millis),
        }
    }

    #[rstest]
    #[case(
        Deed::Created,
        times(4120, None, Some(620)),
        "demo created: it serves (build 4.12 s, serving 0.62 s)"
    )]
    #[case(
        Deed::Changed,
        times(12_400, Some(40), Some(600)),
        "demo changed: it serves (build 12 s, push 0.04 s, serving 0.60 s)"
    )]
    #[case(Deed::Unchanged, times(300, None, None), "demo unchanged: it serves (build 0.30 s)")]
    fn one_line_says_what_was_done_and_how_long_it_took(#[case] deed: Deed, #[case] times: Times, #[case] says: &str) {
        assert_eq!(line("demo", deed, "it serves", times), says);
    }

    #[rstest]
    #[case(Some("demo"), true, "The last good build of demo goes on serving")]
    #[case(Some("demo"), false, "No build of demo serves")]
    #[case(None, false, "Nothing was registered")]
    fn what_goes_on_is_said(#[case] name: Option<&str>, #[case] serves: bool, #[case] says: &str) {
        assert!(goes_on(name, serves).starts_with(says));
    }
}
