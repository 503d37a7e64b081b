//! Which specs plugins have accepted, so that they are asked again only when something has changed
//! that the answer depends on.

use std::collections::HashMap;

use parking_lot::Mutex;

/// What was accepted last of each runtime, by UID: a hash of all that its plugin was told but how the
/// cluster is.
#[derive(Debug, Default)]
pub struct Accepted {
    last: Mutex<HashMap<String, u64>>,
}

impl Accepted {
    /// Whether exactly this was accepted last.
    pub fn is(&self, uid: &str, told: u64) -> bool {
        self.last.lock().get(uid) == Some(&told)
    }

    /// Remembers that it was accepted.
    pub fn remember(&self, uid: &str, told: u64) {
        let mut last = self.last.lock();
        match last.get_mut(uid) {
            Some(known) => *known = told,
            None => drop(last.insert(uid.to_owned(), told)),
        }
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        self.last.lock().remove(uid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_counts() {
        let accepted = Accepted::default();
        assert!(!accepted.is("a", 1));
        accepted.remember("a", 1);
        assert!(accepted.is("a", 1) && !accepted.is("a", 2) && !accepted.is("b", 1));
        accepted.remember("a", 2);
        assert!(accepted.is("a", 2) && !accepted.is("a", 1));
        accepted.forget("a");
        assert!(!accepted.is("a", 2));
    }
}
