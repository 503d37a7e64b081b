//! The signals that end a process.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The signals that have come.
pub struct Signalled(watch::Receiver<u32>);

impl Signalled {
    /// Waits for a second signal.
    pub async fn again(mut self) {
        if self.0.wait_for(|count| *count > 1).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Cancels `stop` at the first SIGTERM or SIGINT.
pub fn on_signal(stop: CancellationToken) -> Result<Signalled> {
    let failed = "listening for signals";
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate()).context(failed)?,
        signal(SignalKind::interrupt()).context(failed)?,
    );
    let count = watch::Sender::new(0);
    let receiver = count.subscribe();
    tokio::spawn(async move {
        loop {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
            count.send_modify(|count| *count += 1);
            stop.cancel();
        }
    });
    Ok(Signalled(receiver))
}

/// Returns a future that ends at the first SIGINT after this call, which no longer ends the process.
pub fn interrupt() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    Ok(async move {
        if interrupt.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    })
}
