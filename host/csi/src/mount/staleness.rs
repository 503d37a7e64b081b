//! How long mounts have been stale.
//!
//! A kernel mount, as of NFS, says so for seconds or minutes while its server changes over, and comes
//! back. A client does not know that it has lost a mount that was taken off meanwhile.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The mounts that were stale when somebody looked last, by their paths: their numbers, and since
/// when.
#[derive(Debug, Default)]
pub struct Staleness(Mutex<HashMap<PathBuf, (u32, Instant)>>);

impl Staleness {
    /// Notes that a mount is stale now, and returns how long it has been so whenever somebody looked.
    pub fn note(&self, path: &Path, id: u32, now: Instant) -> Duration {
        let mut known = self.0.lock();
        match known.get(path) {
            Some((same, since)) if *same == id => now.duration_since(*since),
            _ => {
                known.insert(path.to_owned(), (id, now));
                Duration::ZERO
            }
        }
    }

    /// Notes that no mount at a path is stale.
    pub fn forget(&self, path: &Path) {
        self.0.lock().remove(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_mount_that_is_stale_each_time_is_stale_for_long() {
        let (staleness, path) = (Staleness::default(), Path::new("/runtime-mnt/a"));
        let (begin, minute) = (Instant::now(), Duration::from_secs(60));
        assert_eq!(staleness.note(path, 1, begin), Duration::ZERO);
        assert_eq!(staleness.note(path, 1, begin + minute), minute);
        assert_eq!(staleness.note(path, 1, begin + 2 * minute), 2 * minute);
        // Another mount.
        assert_eq!(staleness.note(path, 2, begin + 2 * minute), Duration::ZERO);
        // It has come back in between.
        staleness.forget(path);
        assert_eq!(staleness.note(path, 2, begin + 3 * minute), Duration::ZERO);
    }
}
