//! What a followed operation shows: one line that is written over on a terminal, and a line for each
//! change elsewhere. Logs of pods go to standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Back to the begin of the line, which is cleared; what does not fit is cut off, not wrapped.
const OVER: &str = "\r\x1b[K\x1b[?7l";
/// Wraps lines again.
const WRAP: &str = "\x1b[?7h";
/// Back to the begin of the line, which is cleared.
const CLEAR: &str = "\r\x1b[K";
/// How many characters a bar has.
const WIDTH: usize = 20;

/// Standard output and standard error, or what stands for them in a test.
pub struct Screen {
    out: Box<dyn Write + Send>,
    errors: Box<dyn Write + Send>,
    is_terminal: bool,
    /// What is shown, without the time.
    shown: String,
    /// Whether the line on the terminal is not finished.
    is_open: bool,
}

impl Screen {
    /// Returns the screen of this process.
    pub fn standard() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self::new(Box::new(std::io::stdout()), Box::new(std::io::stderr()), is_terminal)
    }

    /// Returns a screen that writes to these.
    pub fn new(out: Box<dyn Write + Send>, errors: Box<dyn Write + Send>, is_terminal: bool) -> Self {
        Self {
            out,
            errors,
            is_terminal,
            shown: String::new(),
            is_open: false,
        }
    }

    /// Returns whether times are shown as they pass.
    pub fn shows_time(&self) -> bool {
        self.is_terminal
    }

    /// Shows where an operation stands.
    pub fn show(&mut self, words: &str, elapsed: Duration) {
        let changed = self.shown != words;
        words.clone_into(&mut self.shown);
        if self.is_terminal {
            self.draw(elapsed);
        } else if changed {
            write(&mut self.out, &format!("{words}\n"));
        }
    }

    /// Shows how much time has passed.
    pub fn tick(&mut self, elapsed: Duration) {
        if self.is_terminal && !self.shown.is_empty() {
            self.draw(elapsed);
        }
    }

    /// Shows a line of a pod's log.
    pub fn log(&mut self, line: &str, elapsed: Duration) {
        let was_open = self.is_open;
        self.close();
        write(&mut self.errors, &format!("{line}\n"));
        if was_open {
            self.draw(elapsed);
        }
    }

    /// Shows a result.
    pub fn say(&mut self, line: &str) {
        self.close();
        write(&mut self.out, &format!("{line}\n"));
    }

    /// Shows why there is no result.
    pub fn complain(&mut self, line: &str) {
        self.close();
        write(&mut self.errors, &format!("{line}\n"));
    }

    fn draw(&mut self, elapsed: Duration) {
        let bar = bar(&self.shown).unwrap_or_default();
        let line = format!("{OVER}{}{bar}  {}{WRAP}", self.shown, clock(elapsed));
        write(&mut self.out, &line);
        self.is_open = true;
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            write(&mut self.out, CLEAR);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

/// A reader that has seen enough, as `head` has, does not end what is followed.
fn write(to: &mut Box<dyn Write + Send>, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

/// Returns a bar for the first percentage in a text.
fn bar(text: &str) -> Option<String> {
    let words = text.split([' ', ',', '(', ')']);
    let percent: f64 = words
        .filter_map(|word| word.strip_suffix('%'))
        .find_map(|number| number.parse().ok())
        .filter(|percent| (0.0..=100.0).contains(percent))?;
    let full = (0..WIDTH).filter(|at| (*at as f64) < percent / 100.0 * WIDTH as f64);
    let full = full.count();
    Some(format!("  [{}{}]", "#".repeat(full), "-".repeat(WIDTH - full)))
}

/// Returns a time that passes: `0:42`, `1:02:03`.
fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::tests::Written;
    use super::*;

    #[rstest]
    #[case("dataload/warm  Executing  45%", Some("[#########-----------]"))]
    #[case("Executing  1.0 GiB of 2.0 GiB (50.5%)", Some("[###########---------]"))]
    #[case("Executing  0%", Some("[--------------------]"))]
    #[case("Executing  100%", Some("[####################]"))]
    #[case("Executing  running", None)]
    #[case("Executing  %", None)]
    #[case("Executing  400%", None)]
    fn a_percentage_has_a_bar(#[case] text: &str, #[case] wanted: Option<&str>) {
        assert_eq!(bar(text).as_deref().map(str::trim), wanted);
    }

    #[rstest]
    #[case(7, "0:07")]
    #[case(754, "12:34")]
    #[case(3723, "1:02:03")]
    fn times_are_those_of_a_clock(#[case] seconds: u64, #[case] text: &str) {
        assert_eq!(clock(Duration::from_secs(seconds)), text);
    }

    #[test]
    fn only_a_terminal_is_written_over() {
        for is_terminal in [false, true] {
            let (out, errors) = (Written::default(), Written::default());
            let mut screen = Screen::new(Box::new(out.clone()), Box::new(errors.clone()), is_terminal);
            let second = Duration::from_secs(1);
            screen.show("a  50%", Duration::ZERO);
            screen.show("a  50%", second);
            screen.tick(second);
            screen.log("[pod] line", second);
            screen.say("done");
            assert_eq!(errors.text(), "[pod] line\n");
            if is_terminal {
                let draw = |time: &str| format!("{OVER}a  50%  [##########----------]  {time}{WRAP}");
                let (begin, later) = (draw("0:00"), draw("0:01"));
                assert_eq!(out.text(), format!("{begin}{later}{later}{CLEAR}{later}{CLEAR}done\n"));
            } else {
                assert_eq!(out.text(), "a  50%\ndone\n");
            }
        }
    }
}
