//! A concurrency limit that hung calls cannot exhaust.

use std::future::Future;
use std::time::Duration;

use tokio::sync::Semaphore;

/// How many run in the first lane.
const QUICK: usize = 16;
/// How many run in the second.
const SLOW: usize = 32;
/// When one changes from the first lane to the second. Commands that start a Java machine take two
/// or three seconds.
const SOON: Duration = Duration::from_secs(5);

/// Two lanes: everything starts in the first; what takes long goes on in the second as soon as it
/// has room, and the next one starts.
pub struct TwoSpeedLimit {
    quick: Semaphore,
    slow: Semaphore,
    soon: Duration,
}

impl Default for TwoSpeedLimit {
    fn default() -> Self {
        Self {
            quick: Semaphore::new(QUICK),
            slow: Semaphore::new(SLOW),
            soon: SOON,
        }
    }
}

impl TwoSpeedLimit {
    /// Waits for its turn and does the work.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let place = self.quick.acquire().await;
        let change = async {
            tokio::time::sleep(self.soon).await;
            self.slow.acquire().await
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
            quick: Semaphore::new(1),
            slow: Semaphore::new(3),
            soon: Duration::ZERO,
        });
        let hung: Vec<_> = (0..3)
            .map(|_| {
                let limit = limit.clone();
                tokio::spawn(async move { limit.run(std::future::pending::<()>()).await })
            })
            .collect();
        while limit.slow.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(limit.run(async { 7 }).await, 7);
        hung.iter().for_each(tokio::task::JoinHandle::abort);
    }

    #[tokio::test]
    async fn without_room_in_the_second_lane_one_ends_in_the_first() {
        let limit = TwoSpeedLimit {
            quick: Semaphore::new(1),
            slow: Semaphore::new(0),
            soon: Duration::ZERO,
        };
        let slowly = async {
            tokio::task::yield_now().await;
            7
        };
        assert_eq!(limit.run(slowly).await, 7);
        assert_eq!(limit.quick.available_permits(), 1);
    }
}
