//! Waiting for an event, or for quiet.

use std::sync::Arc;
use std::time::Duration;

use super::ApiServer;

/// The longest that a test waits for anything, which is more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is at work for this long without a request hangs, as a fault has told it to.
const HANGING: Duration = Duration::from_secs(2);

impl ApiServer {
    /// Lets [`settled`](Self::settled) wait for a client that computes before its next request.
    /// `is_at_work` says whether it does.
    pub fn wait_for(&self, is_at_work: impl Fn() -> bool + Send + Sync + 'static) {
        self.shared().lock().at_work.push(Arc::new(is_at_work));
    }

    /// Waits until the clients have been idle for this long, every request is answered, and no
    /// watch has anything to show.
    pub async fn settled(&self, quiet: Duration) {
        let (mut last, mut idle) = (None, Duration::ZERO);
        loop {
            let before = self.shared().lock().activity;
            tokio::time::sleep(quiet).await;
            // By the clock, the time in which nobody had a processor would count as well.
            idle = if last == Some(before) { idle + quiet } else { quiet };
            last = Some(before);
            let at_work = {
                let state = self.shared().lock();
                let is_quiet = state.activity == before && state.in_flight == 0 && state.watches_are_drained();
                is_quiet.then(|| state.at_work.clone())
            };
            if at_work.is_some_and(|all| idle >= quiet + HANGING || !all.iter().any(|is_at_work| is_at_work())) {
                return;
            }
        }
    }

    /// Waits until `look` returns something, and repeats it after every change.
    ///
    /// # Panics
    /// If that takes more than a minute; the message has the objects and the last requests.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let mut changes = self.shared().subscribe();
        let found = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = look(self) {
                    return found;
                }
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => panic!("not within {PATIENCE:?}: {what}\n{}", self.situation()),
        }
    }

    /// Calls `act` now and after every change of an object that is not its own, for ever: the part
    /// of the cluster in a test.
    pub async fn play(&self, act: impl Fn(&Self)) {
        let mut changes = self.shared().subscribe();
        loop {
            let before = self.shared().lock().store.version();
            act(self);
            // What it did can lead to more.
            let mut version = self.shared().lock().store.version();
            if version != before {
                continue;
            }
            while version == before {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                version = self.shared().lock().store.version();
            }
        }
    }

    /// Returns the objects and the last requests, for messages.
    pub fn situation(&self) -> String {
        let objects = self.snapshot();
        let names: Vec<&str> = objects.0.keys().map(String::as_str).collect();
        let state = self.shared().lock();
        let recent: Vec<String> = state
            .record
            .iter()
            .rev()
            .take(40)
            .map(|record| format!("{}: {}", record.client, record.describe()))
            .collect();
        let recent: Vec<&str> = recent.iter().rev().map(String::as_str).collect();
        format!(
            "--- objects\n{}\n--- last requests\n{}",
            names.join("\n"),
            recent.join("\n")
        )
    }
}
