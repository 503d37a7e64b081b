//! A concurrency limit that hung calls cannot exhaust.

use std::future::Future;
use std::time::Duration;

use wasser_share::{FairPlaces, idle};

/// How many run in the first lane; a namespace alone gets half of them.
const QUICK: usize = 32;
/// How many run in the second.
const SLOW: usize = 64;
/// When one changes from the first lane to the second. Commands that start a Java machine take two
/// or three seconds.
const SOON: Duration = Duration::from_secs(5);

/// Two lanes, each shared fairly among namespaces: everything starts in the first; what takes long goes on in the second as soon as it
/// has room, and the next one starts.
pub struct TwoSpeedLimit {
    quick: FairPlaces,
    slow: FairPlaces,
    soon: Duration,
}

impl Default for TwoSpeedLimit {
    fn default() -> Self {
        Self {
            quick: FairPlaces::new(QUICK),
            slow: FairPlaces::new(SLOW),
            soon: SOON,
        }
    }
}

impl TwoSpeedLimit {
    /// Waits for its turn and does the work, which is of this namespace.
    pub async fn run<T>(&self, namespace: &str, work: impl Future<Output = T>) -> T {
        let waiting = idle();
        let place = self.quick.take(namespace).await;
        drop(waiting);
        let change = async {
            tokio::time::sleep(self.soon).await;
            self.slow.take(namespace).await
        };
        tokio::pin!(work);
        let _place = tokio::select! {
            biased;
            done = &mut work => return done,
            second = change => second,
        };
        drop(place);
        work.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn those_that_never_end_keep_nobody_waiting() {
        let limit = Arc::new(TwoSpeedLimit {
            quick: FairPlaces::new(2),
            slow: FairPlaces::new(4),
            soon: Duration::ZERO,
        });
        let hung: Vec<_> = (0..20)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move { limit.run("hung", std::future::pending::<()>()).await })
            })
            .collect();
        while limit.slow.try_take("hung").is_some() || limit.quick.try_take("hung").is_some() {
            tokio::task::yield_now().await;
        }
        assert_eq!(limit.run("other", async { 7 }).await, 7);
        hung.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn without_room_in_the_second_lane_one_ends_in_the_first() {
        let limit = TwoSpeedLimit {
            quick: FairPlaces::new(1),
            slow: FairPlaces::new(0),
            soon: Duration::ZERO,
        };
        let slowly = async {
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(limit.run("a", slowly).await, 7);
        assert!(limit.quick.try_take("a").is_some());
    }
}
