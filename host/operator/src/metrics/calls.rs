//! Calls of plugins: how long, and how they failed.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use wasser_plugin::CallError;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    plugin: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    plugin: String,
    method: &'static str,
    error: &'static str,
}

/// The metrics of all calls.
pub struct Calls {
    durations: Family<Method, Histogram, fn() -> Histogram>,
    errors: Family<Failure, Counter>,
}

/// From ten microseconds to ten seconds: most calls compute, some wait for a pod.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.000_01, 4.0, 11))
}

impl Calls {
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
            errors: Family::default(),
        };
        let help = "Time that a call of a plugin took, by the kind that the plugin serves; what it waits for counts";
        registry.register_with_unit(
            "wasser_plugin_call_duration",
            help,
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "wasser_plugin_errors",
            "Calls of a plugin that failed by the plugin's fault",
            metrics.errors.clone(),
        );
        metrics
    }

    /// Counts a call of the plugin that serves the kind `plugin`.
    pub(super) fn record(&self, plugin: &str, method: &'static str, took: Duration, error: Option<&CallError>) {
        self.durations
            .get_or_create(&Method {
                plugin: plugin.to_owned(),
                method,
            })
            .observe(took.as_secs_f64());
        if let Some(error) = error {
            self.errors
                .get_or_create(&Failure {
                    plugin: plugin.to_owned(),
                    method,
                    error: error.label(),
                })
                .inc();
        }
    }
}
