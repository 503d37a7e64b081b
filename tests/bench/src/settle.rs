//! Waiting for what the operator's metrics say: above all that it has nothing to do.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::requests::counters;
use wasser_test_cluster::machine::process;
use wasser_test_cluster::metrics::Metrics;
use wasser_test_cluster::operator::OperatorProcess;

/// How long the rest of binding may take.
const SETTLING: Duration = Duration::from_secs(30);
/// After this time without a request, nothing is under way.
const QUIET: Duration = Duration::from_secs(1);

/// Waits until no request is made for a while; the periodic reading of cache states would otherwise
/// count too.
pub fn settle(operator: &OperatorProcess) -> Result<()> {
    let (mut last, mut since) = (f64::NAN, Instant::now());
    let quiet = wait_for(operator, SETTLING, |metrics| {
        let now: f64 = counters(metrics).values().sum();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() >= QUIET
    })?;
    if !quiet {
        eprintln!(
            "wasser still makes requests {} s after everything is Bound",
            SETTLING.as_secs()
        );
    }
    Ok(())
}

/// Waits until the operator's metrics fulfil a condition. False if they do not within this time.
///
/// # Errors
/// The operator does not say its metrics.
pub fn wait_for(
    operator: &OperatorProcess,
    patience: Duration,
    mut holds: impl FnMut(&Metrics) -> bool,
) -> Result<bool> {
    let mut failed = None;
    let holds = process::wait(patience, || match operator.metrics() {
        Ok(metrics) => holds(&metrics),
        Err(error) => {
            failed = Some(error);
            true
        }
    });
    failed.map_or(Ok(holds), Err)
}
