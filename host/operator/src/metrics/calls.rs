//! Calls of plugins: how long, and how they failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use wasser_engine::{Implement, Outcome};
use wasser_plugin::bindings::types::{Context, StorageStats, UfsChange, UfsUpdate};

use super::Metrics;

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
        registry.register_with_unit("wasser_plugin_call_duration", help, Unit::Seconds, metrics.durations.clone());
        registry.register(
            "wasser_plugin_errors",
            "Calls of a plugin that failed by the plugin's fault",
            metrics.errors.clone(),
        );
        metrics
    }

    pub(super) fn record<T>(&self, plugin: &str, method: &'static str, took: Duration, outcome: &Outcome<T>) {
        self.durations
            .get_or_create(&Method {
                plugin: plugin.to_owned(),
                method,
            })
            .observe(took.as_secs_f64());
        if let Err(error) = outcome {
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

/// The methods of a plugin, with a stopwatch.
pub struct Timed {
    inner: Box<dyn Implement>,
    metrics: Arc<Metrics>,
    /// The kind that the plugin serves.
    plugin: String,
}

impl Timed {
    /// Measures the calls of the plugin that serves this kind.
    pub fn new(inner: Box<dyn Implement>, plugin: &str, metrics: Arc<Metrics>) -> Self {
        Self {
            inner,
            metrics,
            plugin: plugin.to_owned(),
        }
    }
}

macro_rules! forward {
    ($($name:literal $method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Implement for Timed {
            $(async fn $method(&mut self, ctx: &Context $(, $argument: $type)*) -> Outcome<$answer> {
                let began = Instant::now();
                let outcome = self.inner.$method(ctx $(, $argument)*).await;
                self.metrics.calls.record(&self.plugin, $name, began.elapsed(), &outcome);
                outcome
            })*
        }
    };
}

forward! {
    "validate" validate() -> ();
    "setup-master" setup_master() -> String;
    "check-master-ready" check_master_ready() -> bool;
    "should-check-ufs" should_check_ufs() -> bool;
    "prepare-ufs" prepare_ufs() -> ();
    "setup-workers" setup_workers() -> ();
    "check-workers-ready" check_workers_ready() -> bool;
    "sync-metadata" sync_metadata() -> ();
    "storage-stats" storage_stats() -> StorageStats;
    "cache-states" cache_states() -> Vec<(String, String)>;
    "check-runtime-healthy" check_runtime_healthy() -> ();
    "should-update-ufs" should_update_ufs() -> UfsChange;
    "update-ufs" update_ufs(change: &UfsChange) -> UfsUpdate;
    "sync-replicas" sync_replicas() -> ();
    "sync-runtime" sync_runtime() -> Option<String>;
    "shutdown" shutdown() -> ();
}
