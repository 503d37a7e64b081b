//! Copies of what plugins keep for runtimes, so that it is not read again for each question.
//!
//! A copy may be behind the cluster for a moment, as every watch may. Whoever writes says which
//! version of the object is meant, so that nothing is lost by that.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use parking_lot::Mutex;

/// How long a copy counts that the watch does not show yet, and is kept at least.
const LONGEST: Duration = Duration::from_secs(30);
/// The least number of copies from which those that are older are removed.
const PRUNED_FROM: usize = 256;

/// The keys of one runtime, and the object that has them, if there is one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// The values, by key.
    pub keys: BTreeMap<String, Vec<u8>>,
    /// The metadata of the object.
    pub metadata: Option<ObjectMeta>,
}

impl Kept {
    fn version(&self) -> Option<&str> {
        self.metadata.as_ref()?.resource_version.as_deref()
    }
}

/// The copies, by UID of the runtime.
#[derive(Debug, Default)]
pub struct StateCopies {
    copies: Mutex<HashMap<String, (Kept, Instant)>>,
}

impl StateCopies {
    /// Returns what a runtime has, where that is known; `shown` is the version that the watch shows of
    /// its object. What this process has read or written is not behind the watch, and where it has
    /// done neither for a while, there is nothing if the watch shows nothing.
    pub fn of(&self, uid: &str, shown: Option<&str>) -> Option<Kept> {
        let copies = self.copies.lock();
        let Some((kept, since)) = copies.get(uid) else {
            return shown.is_none().then(Kept::default);
        };
        let is_known = shown == kept.version()
            || since.elapsed() < LONGEST
                && match (number(shown), number(kept.version())) {
                    (Some(shown), Some(kept)) => shown < kept,
                    _ => shown.is_none(),
                };
        is_known.then(|| kept.clone())
    }

    /// Keeps what was read or written.
    pub fn keep(&self, uid: &str, kept: Kept) {
        let mut copies = self.copies.lock();
        if copies.len() >= PRUNED_FROM {
            copies.retain(|_, (_, since)| since.elapsed() < LONGEST);
        }
        copies.insert(uid.to_owned(), (kept, Instant::now()));
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.copies.lock().remove(uid);
    }
}

/// Resource versions are numbers that grow; what is not a number cannot be compared.
fn number(version: Option<&str>) -> Option<u64> {
    version?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(version: &str) -> Kept {
        Kept {
            keys: BTreeMap::from([("a".to_owned(), version.as_bytes().to_vec())]),
            metadata: Some(ObjectMeta {
                resource_version: Some(version.to_owned()),
                ..ObjectMeta::default()
            }),
        }
    }

    #[test]
    fn a_copy_counts_until_the_watch_shows_a_later_version() {
        let copies = StateCopies::default();
        assert_eq!(copies.of("u", None), Some(Kept::default()));
        assert_eq!(copies.of("u", Some("1")), None);
        copies.keep("u", kept("7"));
        for shown in [None, Some("6"), Some("7")] {
            assert_eq!(copies.of("u", shown), Some(kept("7")), "{shown:?}");
        }
        for shown in ["8", "70", "x"] {
            assert_eq!(copies.of("u", Some(shown)), None, "{shown}");
        }
        // There was none when it was read.
        copies.keep("u", Kept::default());
        assert_eq!(copies.of("u", None), Some(Kept::default()));
        assert_eq!(copies.of("u", Some("1")), None);
        copies.keep("u", kept("7"));
        copies.forget("u");
        assert_eq!(copies.of("u", Some("7")), None);
    }

    #[test]
    fn few_are_kept_that_are_old() {
        let copies = StateCopies::default();
        let Some(old) = Instant::now().checked_sub(LONGEST) else {
            return;
        };
        for number in 0..PRUNED_FROM {
            copies.copies.lock().insert(number.to_string(), (kept("7"), old));
        }
        assert_eq!(copies.of("0", Some("7")), Some(kept("7")));
        assert_eq!(copies.of("0", None), None);
        copies.keep("u", kept("1"));
        assert_eq!(copies.copies.lock().len(), 1);
    }
}
