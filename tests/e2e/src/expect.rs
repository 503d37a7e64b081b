//! Waiting, always for something and never for longer than a bound.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::metrics::Metrics;
use crate::{Operator, User};

/// How long anything may take before a test fails. An Alluxio is four Java machines, up to three
/// clusters share two cores, and those of CI may be slow: there a load of Alluxio took more than 180 s.
pub const PATIENCE: Duration = Duration::from_secs(480);
/// How long something must stay as it is to count as at rest.
pub const QUIET: Duration = Duration::from_secs(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Waits until an attempt gives something; after `patience`, fails with what `explain` adds.
pub async fn within<T, F: Future<Output = Option<T>>>(
    patience: Duration,
    what: &str,
    explain: impl AsyncFnOnce() -> String,
    mut attempt: impl FnMut() -> F,
) -> T {
    let attempts = async {
        loop {
            match attempt().await {
                Some(found) => return found,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    match tokio::time::timeout(patience, attempts).await {
        Ok(found) => found,
        Err(_) => panic!("not within {patience:?}: {what}\n{}", explain().await),
    }
}

impl User {
    /// Waits until an attempt gives something.
    pub async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, attempt: impl FnMut() -> F) -> T {
        self.eventually_within(PATIENCE, what, attempt).await
    }

    /// Waits until an attempt gives something, for this long.
    pub async fn eventually_within<T, F: Future<Output = Option<T>>>(
        &self,
        patience: Duration,
        what: &str,
        attempt: impl FnMut() -> F,
    ) -> T {
        within(patience, what, async || self.situation().await, attempt).await
    }
}

impl Operator {
    /// Waits until a number of the metrics has not changed for [`QUIET`], and gives it. Something
    /// that runs in circles never rests.
    pub async fn at_rest<T: PartialEq + std::fmt::Debug>(&self, what: &str, number: impl Fn(&Metrics) -> T) -> T {
        let began = Instant::now();
        let (mut last, mut since) = (number(&self.metrics().await), Instant::now());
        while since.elapsed() < QUIET {
            assert!(
                began.elapsed() < PATIENCE,
                "{what} does not come to rest: {last:?}\n{}",
                self.situation().await
            );
            tokio::time::sleep(PAUSE).await;
            let now = number(&self.metrics().await);
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }
}
