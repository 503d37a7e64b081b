//! Waiting until the operator has nothing to do.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::requests::counters;
use wasser_test_cluster::machine::process;
use wasser_test_cluster::operator::OperatorProcess;

/// How long the rest of binding may take.
const SETTLING: Duration = Duration::from_secs(30);
/// After this time without a request, nothing is under way.
const QUIET: Duration = Duration::from_secs(1);

/// Waits until no request is made for a while; the periodic reading of cache states would otherwise
/// count too.
pub fn settle(operator: &OperatorProcess) -> Result<()> {
    let (mut last, mut since) = (f64::NAN, Instant::now());
    let mut failed = None;
    let quiet = process::wait(SETTLING, || match operator.metrics() {
        Ok(metrics) => {
            let now: f64 = counters(&metrics).values().sum();
            if now != last {
                (last, since) = (now, Instant::now());
            }
            since.elapsed() >= QUIET
        }
        Err(error) => {
            failed = Some(error);
            true
        }
    });
    if !quiet {
        eprintln!(
            "wasser still makes requests {} s after everything is Bound",
            SETTLING.as_secs()
        );
    }
    failed.map_or(Ok(()), Err)
}
