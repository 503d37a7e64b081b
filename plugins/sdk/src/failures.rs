//! What went wrong with the mounts of one attempt.

use crate::HostError;

/// The number of commands without an answer after which there is no time for more: the host limits
/// them all together.
const UNANSWERED: usize = 2;

/// The mounts that failed in one attempt, for a plugin that mounts by commands with a time limit each.
/// A data source that hangs does not keep the others away: what there is no time left for is tried
/// first the next time, if that knows the others from [`Attempts`](crate::Attempts).
#[derive(Debug, Default)]
pub struct Failures {
    /// For people.
    pub messages: Vec<String>,
    /// The paths of commands that were tried in vain.
    pub in_vain: Vec<String>,
    unanswered: usize,
}

impl Failures {
    /// Reports whether there is time for `what`, and takes it for a failure if there is none.
    pub fn leave_time_for(&mut self, what: &str) -> bool {
        let has_time = self.unanswered < UNANSWERED;
        if !has_time {
            let why = "there was no time left, and it is tried first the next time";
            self.messages.push(format!("{what}: {why}"));
        }
        has_time
    }

    /// Keeps the outcome of `what`, which is about `path`. Returns false if it was refused: the cache
    /// system may go on with a command that nobody waits for.
    pub fn keep(&mut self, what: &str, path: &str, outcome: Result<(), HostError>) -> bool {
        let Err(error) = outcome else { return true };
        self.messages.push(format!("{what}: {error}"));
        self.in_vain.push(path.to_owned());
        let is_unanswered = error == HostError::Timeout;
        self.unanswered += usize::from(is_unanswered);
        is_unanswered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_two_without_an_answer_there_is_no_time_left() {
        let mut failures = Failures::default();
        assert!(failures.keep("mounting /a", "/a", Ok(())));
        assert!(!failures.keep("mounting /b", "/b", Err(HostError::Failed("no such bucket".to_owned()))));
        for path in ["/c", "/d"] {
            assert!(failures.leave_time_for(path));
            assert!(failures.keep(path, path, Err(HostError::Timeout)));
        }
        assert!(!failures.leave_time_for("mounting /e"));
        assert_eq!(failures.in_vain, ["/b", "/c", "/d"]);
        assert_eq!(failures.messages[0], "mounting /b: no such bucket");
        assert!(failures.messages[3].starts_with("mounting /e: there was no time left"));
    }
}
