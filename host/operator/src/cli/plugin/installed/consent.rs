//! Asks a person.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::error::ChangeError;

/// How often somebody who is asked is looked at for having left.
const GLANCE: Duration = Duration::from_millis(100);

/// Reads the answer to a question.
type Asker = Box<dyn FnMut(&str) -> io::Result<String> + Send>;

/// Who agrees to what a plugin may do.
pub enum Consent {
    /// The user has agreed to everything.
    Given,
    /// Somebody is asked.
    Asked(Asker),
    /// There is nobody to ask.
    Absent,
}

impl Consent {
    /// Returns the consent of whoever has started this process.
    pub fn of_process(is_given: bool) -> Self {
        Self::by(is_given, ask)
    }

    /// Returns the same of a process whose signals are caught: the question ends without an answer
    /// when it is to stop.
    pub fn of_process_until(stop: CancellationToken, is_given: bool) -> Self {
        Self::by(is_given, move |question| unless_stopped(&stop, question))
    }

    fn by(is_given: bool, ask: impl FnMut(&str) -> io::Result<String> + Send + 'static) -> Self {
        if is_given {
            return Self::Given;
        }
        // What is agreed to is shown on standard output, and asked for on standard error.
        if io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal() {
            return Self::Asked(Box::new(ask));
        }
        Self::Absent
    }

    /// Asks a question about something.
    ///
    /// # Errors
    /// The answer is not yes, or nobody gives one.
    pub fn ask(&mut self, what: &str, question: &str) -> Result<(), ChangeError> {
        let what = what.to_owned();
        match self {
            Self::Given => Ok(()),
            Self::Absent => Err(ChangeError::NoConsent { what }),
            Self::Asked(ask) => {
                // Who cannot be read has not agreed.
                let answer = ask(&format!("{question} [y/N] ")).unwrap_or_default();
                match answer.trim().to_lowercase().as_str() {
                    "y" | "yes" => Ok(()),
                    _ => Err(ChangeError::Declined { what }),
                }
            }
        }
    }
}

/// Asks on the terminal.
fn ask(question: &str) -> io::Result<String> {
    let mut errors = io::stderr();
    errors.write_all(question.as_bytes())?;
    errors.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}

/// Asks on the terminal, and waits for the answer until the process is to stop.
fn unless_stopped(stop: &CancellationToken, question: &str) -> io::Result<String> {
    let (sender, answer) = mpsc::channel();
    let question = question.to_owned();
    // Nothing ends a read; the thread ends with the process.
    std::thread::spawn(move || sender.send(ask(&question)));
    loop {
        match answer.recv_timeout(GLANCE) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if !stop.is_cancelled() => {}
            Err(_) => return Err(io::ErrorKind::Interrupted.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("y\n", true)]
    #[case("Yes\n", true)]
    #[case("\n", false)]
    #[case("no\n", false)]
    #[case("", false)]
    fn only_yes_is_consent(#[case] answer: &'static str, #[case] agrees: bool) {
        let mut consent = Consent::Asked(Box::new(move |question| {
            assert_eq!(question, "Install it? [y/N] ");
            Ok(answer.to_owned())
        }));
        assert_eq!(consent.ask("demo", "Install it?").is_ok(), agrees);
    }

    #[test]
    fn who_cannot_answer_has_not_agreed() {
        let mut broken = Consent::Asked(Box::new(|_| Err(io::ErrorKind::BrokenPipe.into())));
        assert!(broken.ask("demo", "?").is_err());
        let refused = Consent::Absent.ask("demo", "?").unwrap_err().to_string();
        assert!(
            refused.contains("give `--yes`") && refused.contains("`--grant`"),
            "{refused}"
        );
        Consent::Given.ask("demo", "?").unwrap();
    }
}
