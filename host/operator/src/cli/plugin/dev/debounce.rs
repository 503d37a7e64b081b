//! When changes have come to rest. No clock here.

use std::time::Duration;

use tokio::time::Instant;

/// How long nothing changes after the last change. An editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// The longest time from the first change. Something may write all the time.
const LONGEST: Duration = Duration::from_secs(1);

/// Changes that nothing was built of.
#[derive(Debug, Default)]
pub struct Debounce {
    /// When the first and the last of them were seen.
    seen: Option<(Instant, Instant)>,
}

impl Debounce {
    /// Something has changed.
    pub fn changed(&mut self, now: Instant) {
        let first = self.seen.map_or(now, |(first, _)| first);
        self.seen = Some((first, now));
    }

    /// Returns when a build is due, if something has changed.
    pub fn due(&self) -> Option<Instant> {
        let (first, last) = self.seen?;
        Some((last + QUIET).min(first + LONGEST))
    }

    /// A build begins.
    pub fn clear(&mut self) {
        self.seen = None;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], None)]
    #[case::one(&[0], Some(100))]
    #[case::several(&[0, 50, 120], Some(220))]
    #[case::endless(&[0, 90, 180, 270, 360, 450, 540, 630, 720, 810, 900, 990], Some(1000))]
    fn a_build_is_due_when_changes_have_come_to_rest(#[case] changes: &[u64], #[case] due: Option<u64>) {
        let begin = Instant::now();
        let at = |millis: u64| begin + Duration::from_millis(millis);
        let mut debounce = Debounce::default();
        changes.iter().for_each(|millis| debounce.changed(at(*millis)));
        assert_eq!(debounce.due(), due.map(at));
        debounce.clear();
        assert_eq!(debounce.due(), None, "what was built does not count again");
        debounce.changed(at(5000));
        assert_eq!(debounce.due(), Some(at(5100)));
    }
}
