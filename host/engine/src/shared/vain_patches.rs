//! Status patches that have changed nothing, so that they are not sent again and again.
//!
//! A definition of another version may lack a field of a status: the API server drops what it is
//! given there, and the next look finds the same difference.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;
use serde_json::Value;

/// The last patch of each object that changed nothing, by the object's UID.
#[derive(Debug, Default)]
pub struct VainPatches {
    last: Mutex<HashMap<String, u64>>,
}

impl VainPatches {
    /// Whether this patch of the status that the object shows has changed nothing before.
    pub fn knows(&self, uid: &str, shown: &Value, patch: &Value) -> bool {
        self.last.lock().get(uid) == Some(&hash(shown, patch))
    }

    /// Notes that a patch has changed nothing.
    pub fn note(&self, uid: &str, shown: &Value, patch: &Value) {
        self.last.lock().insert(uid.to_owned(), hash(shown, patch));
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
    fn a_patch_is_vain_for_what_was_shown_then() {
        let (patches, shown, patch) = (VainPatches::default(), json!({"a": 1}), json!({"b": 2}));
        assert!(!patches.knows("u", &shown, &patch));
        patches.note("u", &shown, &patch);
        assert!(patches.knows("u", &shown, &patch));
        assert!(!patches.knows("u", &json!({"a": 2}), &patch));
        assert!(!patches.knows("u", &shown, &json!({"b": 3})));
        assert!(!patches.knows("v", &shown, &patch));
        patches.forget("u");
        assert!(!patches.knows("u", &shown, &patch));
    }
}
