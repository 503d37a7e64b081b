//! The thread that runs.

use std::time::Duration;

use rustix::process::setpriority_process;
use rustix::time::{ClockId, clock_gettime};

/// The niceness of threads that come last.
const LAST: i32 = 10;

/// Returns how long this thread has had a processor.
pub fn time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Lets all other threads of the process have the processors first, from now on.
pub fn comes_last() {
    if let Err(error) = setpriority_process(None, LAST) {
        tracing::debug!(%error, "a thread that was to come last has the priority of others");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_thread_is_charged_for_what_it_does_and_not_for_waiting() {
        let (began, before) = (Instant::now(), time());
        std::thread::sleep(Duration::from_millis(20));
        assert!(time() - before < Duration::from_millis(10));
        while time() - before < Duration::from_millis(20) {}
        assert!(began.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn only_the_thread_that_asks_comes_last() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let usual = niceness();
        let last = std::thread::spawn(move || {
            comes_last();
            niceness()
        });
        assert_eq!(last.join().unwrap(), LAST.max(usual));
        assert_eq!(niceness(), usual);
    }
}
