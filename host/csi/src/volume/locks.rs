//! Locks: one operation at a time on a volume or a target.
//!
//! A second call of the kubelet is refused rather than queued, because the kubelet repeats it. A
//! call waits for recovery, which takes a moment: work that the node plugin does by itself must not
//! make a pod wait until the kubelet calls again. Recovery in turn skips keys that are held.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::error::Error;

/// The keys that are held. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Locks {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<HashMap<String, Holder>>,
    freed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Call,
    Recovery,
}

/// A key that is held until this is dropped.
#[derive(Debug)]
pub struct Held {
    inner: Arc<Inner>,
    key: String,
}

impl Locks {
    /// Takes a key for a call, as soon as recovery has released it.
    ///
    /// # Errors
    /// Returns [`Error::Busy`] if another call holds it.
    pub async fn take(&self, key: impl Into<String>) -> Result<Held, Error> {
        let key = key.into();
        loop {
            // This comes before the look, so that nothing in between is missed.
            let freed = self.inner.freed.notified();
            match self.inner.try_take(&key, Holder::Call) {
                Ok(held) => return Ok(held),
                Err(Holder::Call) => return Err(Error::Busy(key)),
                Err(Holder::Recovery) => freed.await,
            }
        }
    }

    /// Takes a key as soon as it is free, whoever holds it. For work that takes a moment.
    pub async fn wait_for(&self, key: &str) -> Held {
        loop {
            // This comes before the look, so that nothing in between is missed.
            let freed = self.inner.freed.notified();
            match self.inner.try_take(key, Holder::Call) {
                Ok(held) => return held,
                Err(_) => freed.await,
            }
        }
    }

    /// Takes a key for recovery; `None` if it is held.
    pub fn take_for_recovery(&self, key: impl Into<String>) -> Option<Held> {
        self.inner.try_take(&key.into(), Holder::Recovery).ok()
    }
}

impl Inner {
    fn try_take(self: &Arc<Self>, key: &str, holder: Holder) -> Result<Held, Holder> {
        let mut held = self.map();
        if let Some(other) = held.get(key) {
            return Err(*other);
        }
        held.insert(key.to_owned(), holder);
        Ok(Held {
            inner: self.clone(),
            key: key.to_owned(),
        })
    }

    fn map(&self) -> MutexGuard<'_, HashMap<String, Holder>> {
        // The map is consistent even after a panic.
        self.held.lock()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.inner.map().remove(&self.key);
        self.inner.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_held_once_and_released() {
        let locks = Locks::default();
        let held = locks.take("a").await.unwrap();
        assert!(matches!(locks.clone().take("a").await, Err(Error::Busy(key)) if key == "a"));
        assert!(locks.take_for_recovery("a").is_none());
        locks.take("b").await.unwrap();
        drop(held);
        locks.take("a").await.unwrap();
    }

    #[tokio::test]
    async fn a_call_waits_for_recovery() {
        let locks = Locks::default();
        let held = locks.take_for_recovery("a").unwrap();
        let (ours, waiting) = (locks.clone(), tokio::sync::oneshot::channel());
        let call = tokio::spawn(async move {
            waiting.0.send(()).unwrap();
            ours.take("a").await.map(drop)
        });
        waiting.1.await.unwrap();
        assert!(!call.is_finished());
        drop(held);
        call.await.unwrap().unwrap();
    }
}
