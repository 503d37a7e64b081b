//! A watch on changes of mounts. The kernel reports them on an open mountinfo file (POLLPRI), so
//! nothing polls.

use std::fs::File;
use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

/// Reports mounts and unmounts. Every clone gets each report.
#[derive(Debug, Clone)]
pub struct MountWatch {
    changes: watch::Receiver<u64>,
}

impl MountWatch {
    /// Starts watching, in a task that ends once every clone is gone. Must be called in a tokio
    /// runtime.
    ///
    /// # Errors
    /// procfs cannot be watched.
    pub fn start() -> io::Result<Self> {
        // This is deprecated because of types that may close their descriptor. A file does not, and
        // the replacement is `unsafe`.
        #[expect(deprecated, reason = "sound for a file")]
        let file = AsyncFd::with_interest(File::open("/proc/self/mountinfo")?, Interest::PRIORITY)?;
        let (sender, changes) = watch::channel(0_u64);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = sender.closed() => return,
                    ready = file.ready(Interest::PRIORITY) => match ready {
                        Ok(mut ready) => {
                            ready.clear_ready();
                            sender.send_modify(|count| *count = count.wrapping_add(1));
                        }
                        Err(error) => {
                            tracing::error!(%error, "mounts are no longer watched");
                            return;
                        }
                    },
                }
            }
        });
        Ok(Self { changes })
    }

    /// Marks all changes up to now as known, so that only later ones count for
    /// [`changed`](Self::changed). Must be called before looking at the mounts.
    pub fn mark(&mut self) {
        self.changes.borrow_and_update();
    }

    /// Waits for a change after the last mark or return. If mounts can no longer be watched, it
    /// waits forever, while [`ended`](Self::ended) returns.
    pub async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until mounts can no longer be watched.
    pub async fn ended(mut self) {
        while self.changes.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_watch_that_fails_is_reported() {
        let (sender, changes) = watch::channel(0);
        let ended = tokio::spawn(MountWatch { changes }.ended());
        sender.send_modify(|count| *count += 1);
        drop(sender);
        ended.await.unwrap();
    }
}
