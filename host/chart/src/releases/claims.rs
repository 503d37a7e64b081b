//! Names that releases are about to write.
//!
//! Two runtimes may want an object of one name: `a` with a role `-b-worker`, and `a-b` with a role
//! `-worker`. Installed at the same time, both would find the name free. So a release first claims
//! its names, and one that wants a name of another waits until that is done.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Namespace, group, kind and name.
pub type Key = (String, String, String, String);

/// The names that are claimed, of all releases of this process.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<HashSet<Key>>,
    freed: Notify,
}

/// Names of one release, free again when this is dropped.
#[derive(Debug)]
pub struct Claim {
    shared: Arc<Shared>,
    keys: HashSet<Key>,
}

impl Claims {
    /// Claims all of these names at once, so that no two releases wait for each other.
    pub async fn take(&self, keys: HashSet<Key>) -> Claim {
        loop {
            let mut freed = std::pin::pin!(self.shared.freed.notified());
            // From here on, nothing that is freed is missed.
            freed.as_mut().enable();
            if self.try_take(&keys) {
                let shared = self.shared.clone();
                return Claim { shared, keys };
            }
            freed.await;
        }
    }

    fn try_take(&self, keys: &HashSet<Key>) -> bool {
        let mut held = self.shared.held.lock();
        let free = held.is_disjoint(keys);
        if free {
            held.extend(keys.iter().cloned());
        }
        free
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.shared.held.lock();
        held.retain(|key| !self.keys.contains(key));
        drop(held);
        self.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn keys(names: &[&str]) -> HashSet<Key> {
        let key = |name: &&str| {
            (
                "ns".to_owned(),
                "apps".to_owned(),
                "StatefulSet".to_owned(),
                (*name).to_owned(),
            )
        };
        names.iter().map(key).collect()
    }

    #[tokio::test]
    async fn a_name_is_claimed_by_one_release_at_a_time() {
        let claims = Claims::default();
        let first = claims.take(keys(&["a-worker", "a-b-worker"])).await;
        let other = claims.take(keys(&["c-worker"])).now_or_never();
        assert!(other.is_some(), "other names are free");
        let mut second = Box::pin(claims.take(keys(&["a-b-worker", "a-b-fuse"])));
        assert!(second.as_mut().now_or_never().is_none());
        drop(other);
        assert!(second.as_mut().now_or_never().is_none(), "still not free");
        drop(first);
        drop(second.await);
        assert!(claims.shared.held.lock().is_empty());
    }
}
