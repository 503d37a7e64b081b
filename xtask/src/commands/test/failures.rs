//! What tests that have failed say, out of what their program prints.

/// How many lines of a test, and how much of each, a summary shows: it is often all that is kept of
/// a run elsewhere.
const LINES: usize = 12;
const LENGTH: usize = 400;

/// The tests that have failed, each with the first lines of its panic.
pub fn failures(printed: &str) -> impl Iterator<Item = String> + '_ {
    let failed = |line: &'_ str| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.to_owned())
    };
    printed.lines().filter_map(failed).map(|test| {
        let said: Vec<String> = message(printed, &test).map(|line| format!("\n    {line}")).collect();
        format!("{test}{}", said.concat())
    })
}

/// The lines from a test's panic on, in the part that libtest prints of each failure.
fn message<'a>(printed: &'a str, test: &str) -> impl Iterator<Item = String> + 'a {
    let heading = format!("---- {test} stdout ----");
    printed
        .lines()
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("---- ") && *line != "failures:")
        .skip_while(|line| !line.contains(" panicked at "))
        .take_while(|line| *line != "stack backtrace:")
        .filter(|line| !line.is_empty() && !line.starts_with("note: run with "))
        .take(LINES)
        .map(|line| line.chars().take(LENGTH).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "running 3 tests
test a::fails ... FAILED
test b ... ok
test c ... FAILED

failures:

---- a::fails stdout ----
a line before

thread 'a::fails' (1) panicked at tests/a.rs:3:5:
wasser was not allowed: {
    \"get leases\",
}
stack backtrace:
   0: std::panicking
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

---- c stdout ----
Error: \"no panic\"


failures:
    a::fails
    c

test result: FAILED. 1 passed; 2 failed; 0 ignored
";

    #[test]
    fn a_failure_is_named_with_its_panic() {
        let found: Vec<String> = failures(PRINTED).collect();
        let first = "a::fails
    thread 'a::fails' (1) panicked at tests/a.rs:3:5:
    wasser was not allowed: {
        \"get leases\",
    }";
        assert_eq!(found, [first, "c"]);
    }

    #[test]
    fn long_panics_are_cut() {
        let lines = "x".repeat(2 * LENGTH) + "\n";
        let printed = format!(
            "test t ... FAILED\n---- t stdout ----\nthread 't' panicked at a.rs:\n{}",
            lines.repeat(2 * LINES)
        );
        let found: Vec<String> = failures(&printed).collect();
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|text| text.lines().count() == 1 + LINES));
        assert!(
            found
                .iter()
                .flat_map(|text| text.lines())
                .all(|line| line.len() <= LENGTH + 4)
        );
    }
}
