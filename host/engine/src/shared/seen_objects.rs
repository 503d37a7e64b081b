//! What the objects of releases were like when they were last known to be as their records say, so
//! that a change which somebody else makes is noticed.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Kind and name of an object.
pub type Key = (String, String);

/// What tells an object from what somebody makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Its UID.
    pub uid: String,
    /// What changes with each change of its content: its generation, or its resource version.
    pub version: String,
    /// A digest of what of its content is the release's. None if that is not known.
    pub content: Option<u64>,
}

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// It was as its record says.
    As(Sight),
    /// It may be different.
    Suspected,
}

/// The objects of all releases, by the UID of the runtime.
#[derive(Debug, Default)]
pub struct SeenObjects {
    known: Mutex<HashMap<String, HashMap<Key, Known>>>,
}

impl SeenObjects {
    /// Whether somebody may have changed an object. One that was never seen counts as not changed:
    /// it is seen soon after it was written.
    ///
    /// `digest` is asked for the content only if the version is another one.
    pub fn may_differ(&self, runtime: &str, key: Key, seen: &Sight, digest: impl FnOnce() -> Option<u64>) -> bool {
        let mut known = self.known.lock();
        let objects = known.entry(runtime.to_owned()).or_default();
        let Some(before) = objects.get(&key) else {
            let content = digest();
            objects.insert(
                key,
                Known::As(Sight {
                    content,
                    ..seen.clone()
                }),
            );
            return false;
        };
        let Known::As(before) = before else { return true };
        if (&before.uid, &before.version) == (&seen.uid, &seen.version) {
            return false;
        }
        let content = digest();
        if before.uid == seen.uid && content.is_some() && before.content == content {
            objects.insert(
                key,
                Known::As(Sight {
                    content,
                    ..seen.clone()
                }),
            );
            return false;
        }
        true
    }

    /// Notes that an object may be different from what its record says.
    pub fn suspect(&self, runtime: &str, key: Key) {
        self.note(runtime, key, Known::Suspected);
    }

    /// Notes that an object is as its record says.
    pub fn accept(&self, runtime: &str, key: Key, seen: Sight) {
        self.note(runtime, key, Known::As(seen));
    }

    fn note(&self, runtime: &str, key: Key, known: Known) {
        let mut all = self.known.lock();
        all.entry(runtime.to_owned()).or_default().insert(key, known);
    }

    /// Forgets the objects of a runtime: they were written, or are of no interest any more.
    pub fn forget(&self, runtime: &str) {
        self.known.lock().remove(runtime);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(uid: &str, version: &str) -> Sight {
        Sight {
            uid: uid.to_owned(),
            version: version.to_owned(),
            content: None,
        }
    }

    fn key() -> Key {
        ("StatefulSet".to_owned(), "demo-worker".to_owned())
    }

    #[test]
    fn a_change_is_one_of_the_content() {
        let seen = SeenObjects::default();
        let differs = |uid: &str, version: &str, content: u64| {
            seen.may_differ("r", key(), &sight(uid, version), || Some(content))
        };
        assert!(!differs("a", "1", 7), "the first sight");
        assert!(!differs("a", "1", 7));
        assert!(!differs("a", "2", 7), "another number of replicas");
        assert!(differs("a", "3", 8));
        assert!(differs("a", "3", 8), "until it is known to be right");
        seen.accept(
            "r",
            key(),
            Sight {
                content: Some(8),
                ..sight("a", "3")
            },
        );
        assert!(!differs("a", "4", 8));
        assert!(differs("b", "1", 8), "another object");
        seen.forget("r");
        assert!(!differs("b", "1", 9));
        seen.suspect("r", key());
        assert!(differs("b", "1", 9));
    }

    #[test]
    fn an_object_of_which_only_the_version_is_known_differs_with_it() {
        let seen = SeenObjects::default();
        assert!(!seen.may_differ("r", key(), &sight("a", "1"), || None));
        assert!(seen.may_differ("r", key(), &sight("a", "2"), || None));
    }
}
