//! Reconciles: how many, how long, how they ended, and how many are under way.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    kind: String,
    error: &'static str,
}

/// The metrics of all reconciles.
pub struct Reconciles {
    total: Family<Kind, Counter>,
    durations: Family<Kind, Histogram, fn() -> Histogram>,
    errors: Family<Failure, Counter>,
    running: Family<Kind, Gauge>,
}

/// From a millisecond to half a minute.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

impl Reconciles {
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            total: Family::default(),
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
            errors: Family::default(),
            running: Family::default(),
        };
        registry.register("wasser_reconciles", "Reconciles that ended", metrics.total.clone());
        registry.register_with_unit(
            "wasser_reconcile_duration",
            "Time that a reconcile took",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "wasser_reconcile_errors",
            "Reconciles that failed, by the kind of failure",
            metrics.errors.clone(),
        );
        registry.register(
            "wasser_reconciles_running",
            "Reconciles under way",
            metrics.running.clone(),
        );
        metrics
    }

    /// A reconcile failed that answers its failure itself, so that it does not end with an error.
    pub fn failed(&self, kind: &str, error: &'static str) {
        count(&self.errors, kind, error);
    }

    pub fn start(&self, kind: &str) -> Reconcile {
        let kind = Kind { kind: kind.to_owned() };
        let running = self.running.get_or_create_owned(&kind);
        running.inc();
        Reconcile {
            total: self.total.get_or_create_owned(&kind),
            duration: self.durations.get_or_create_owned(&kind),
            errors: self.errors.clone(),
            began: Instant::now(),
            running,
            kind,
        }
    }
}

fn count(errors: &Family<Failure, Counter>, kind: &str, error: &'static str) {
    let failure = Failure {
        kind: kind.to_owned(),
        error,
    };
    errors.get_or_create(&failure).inc();
}

/// A reconcile under way. It is counted when it is dropped, so that one that was cancelled counts
/// as well.
pub struct Reconcile {
    kind: Kind,
    total: Counter,
    duration: Histogram,
    errors: Family<Failure, Counter>,
    running: Gauge,
    began: Instant,
}

impl Reconcile {
    /// It has ended; with an error of this kind, if with any.
    pub fn end(self, error: Option<&'static str>) {
        if let Some(error) = error {
            count(&self.errors, &self.kind.kind, error);
        }
    }
}

impl Drop for Reconcile {
    fn drop(&mut self) {
        self.total.inc();
        self.duration.observe(self.began.elapsed().as_secs_f64());
        self.running.dec();
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_reconcile_counts_once_however_it_ends() {
        let mut registry = Registry::default();
        let reconciles = Reconciles::new(&mut registry);
        reconciles.start("Dataset").end(None);
        reconciles.start("Dataset").end(Some("kube"));
        drop(reconciles.start("Dataset"));
        let running = reconciles.start("Dataset");
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        drop(running);
        for line in [
            r#"wasser_reconciles_total{kind="Dataset"} 3"#,
            r#"wasser_reconcile_errors_total{kind="Dataset",error="kube"} 1"#,
            r#"wasser_reconciles_running{kind="Dataset"} 1"#,
            r#"wasser_reconcile_duration_seconds_count{kind="Dataset"} 3"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
