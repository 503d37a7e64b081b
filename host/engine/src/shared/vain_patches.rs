//! Status patches that have changed nothing, so that they are not sent again and again.
//!
//! A definition of another version may lack a field of a status: the API server drops what it is
//! given there, and the next look finds the same difference. The definition may be exchanged for one
//! that has the field, which nothing tells: after a while, a patch is sent once more.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;

/// When a patch that has changed nothing is sent again.
const AGAIN: Duration = Duration::from_secs(600);

/// The last patch of each object that changed nothing, by the object's UID.
#[derive(Debug, Default)]
pub struct VainPatches {
    last: Mutex<HashMap<String, Vain>>,
}

#[derive(Debug)]
struct Vain {
    patch: u64,
    at: Instant,
}

impl VainPatches {
    /// How long this patch of the status that the object shows need not be sent, since it has changed
    /// nothing a short while ago. None if it is to be sent.
    pub fn rest(&self, uid: &str, shown: &Value, patch: &Value, now: Instant) -> Option<Duration> {
        let last = self.last.lock();
        let vain = last.get(uid).filter(|vain| vain.patch == hash(shown, patch))?;
        let rest = AGAIN.saturating_sub(now.saturating_duration_since(vain.at));
        (!rest.is_zero()).then_some(rest)
    }

    /// Notes that a patch has changed nothing. Returns when it is to be sent again.
    pub fn note(&self, uid: &str, shown: &Value, patch: &Value, now: Instant) -> Duration {
        let patch = hash(shown, patch);
        self.last.lock().insert(uid.to_owned(), Vain { patch, at: now });
        AGAIN
    }

    /// Forgets an object.
    pub fn forget(&self, uid: &str) {
        self.last.lock().remove(uid);
    }
}

fn hash(shown: &Value, patch: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    (shown.to_string(), patch.to_string()).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_is_vain_for_what_was_shown_then_and_for_a_while() {
        let (patches, shown, patch) = (VainPatches::default(), json!({"a": 1}), json!({"b": 2}));
        let now = Instant::now();
        assert_eq!(patches.rest("u", &shown, &patch, now), None);
        patches.note("u", &shown, &patch, now);
        assert_eq!(patches.rest("u", &shown, &patch, now), Some(AGAIN));
        assert_eq!(patches.rest("u", &json!({"a": 2}), &patch, now), None);
        assert_eq!(patches.rest("u", &shown, &json!({"b": 3}), now), None);
        assert_eq!(patches.rest("v", &shown, &patch, now), None);
        assert_eq!(patches.rest("u", &shown, &patch, now + AGAIN), None);
        patches.forget("u");
        assert_eq!(patches.rest("u", &shown, &patch, now), None);
    }
}
