//! What is counted and measured, in the text form of OpenMetrics.
//!
//! Names and labels of the four metrics that Fluid has are Fluid's (`dataset_ufs_file_num` and the
//! like); the others begin with `wasser_`.

mod calls;
#[cfg(test)]
mod dashboard;
mod helm;
mod operations;
mod process;
mod reconciles;
mod requests;
mod rollouts;
mod runtimes;
mod standings;
mod tasks;

use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

pub use reconciles::Reconcile;
pub use requests::Answer;
use rollouts::PluginRollouts;
pub use standings::Present;
use standings::Standings;

use calls::Calls;
use helm::Helm;
use operations::DataOperations;
use reconciles::Reconciles;
use requests::Requests;
use tasks::Tasks;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDataset {
    dataset: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRuntime {
    runtime_type: String,
    runtime: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Registered {
    registration: String,
    verdict: &'static str,
}

/// Reads the number of entries of a cache when somebody asks.
type Size = Box<dyn Fn() -> usize + Send + Sync>;

/// All metrics of the process.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    reconciles: Reconciles,
    calls: Calls,
    /// That of Helm's engine.
    pub helm: Helm,
    /// Those of tasks.
    pub tasks: Tasks,
    /// How far other builds of plugins are.
    pub rollouts: PluginRollouts,
    /// How Datasets and runtimes stand now.
    pub standings: Standings,
    /// Those of data operations.
    pub operations: DataOperations,
    files: Family<OfDataset, Gauge>,
    sizes: Family<OfDataset, Gauge>,
    setup_errors: Family<OfRuntime, Counter>,
    health_errors: Family<OfRuntime, Counter>,
    volume_errors: Family<OfRuntime, Counter>,
    registrations: Family<Registered, Gauge>,
    caches: Family<Named, Gauge>,
    measured: Mutex<Vec<(&'static str, Size)>>,
    ready: Gauge<f64, std::sync::atomic::AtomicU64>,
    leading: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics that are all zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let reconciles = Reconciles::new(&mut registry);
        let calls = Calls::new(&mut registry);
        let requests = Requests::new(&mut registry);
        let operations = DataOperations::new(&mut registry);
        registry.register_collector(Box::new(process::Process));
        let helm = Helm::default();
        registry.register_collector(Box::new(helm.clone()));
        let tasks = Tasks::default();
        registry.register_collector(Box::new(tasks.clone()));
        let rollouts = PluginRollouts::default();
        registry.register_collector(Box::new(rollouts.clone()));
        let standings = Standings::default();
        registry.register_collector(Box::new(standings.clone()));
        let mut metrics = Self {
            reconciles,
            calls,
            helm,
            tasks,
            rollouts,
            standings,
            operations,
            requests,
            files: Family::default(),
            sizes: Family::default(),
            setup_errors: Family::default(),
            health_errors: Family::default(),
            volume_errors: Family::default(),
            registrations: Family::default(),
            caches: Family::default(),
            measured: Mutex::default(),
            ready: Gauge::default(),
            leading: Gauge::default(),
            registry,
        };
        let registry = &mut metrics.registry;
        registry.register(
            "dataset_ufs_file_num",
            "Files in the data sources of a dataset",
            metrics.files.clone(),
        );
        registry.register(
            "dataset_ufs_total_size",
            "Bytes in the data sources of a dataset",
            metrics.sizes.clone(),
        );
        registry.register(
            "runtime_setup_error",
            "Failed setups of a runtime",
            metrics.setup_errors.clone(),
        );
        registry.register(
            "runtime_sync_healthcheck_error",
            "Failed health checks of a runtime",
            metrics.health_errors.clone(),
        );
        registry.register(
            "wasser_create_volume_errors",
            "Failed attempts to create the volume of a runtime, or to keep its claim true",
            metrics.volume_errors.clone(),
        );
        registry.register(
            "wasser_plugin_registration",
            "1 for the verdict on each registration",
            metrics.registrations.clone(),
        );
        registry.register("wasser_cache_entries", "Entries of a cache", metrics.caches.clone());
        registry.register_with_unit(
            "wasser_ready",
            "Time from the start of the process until it was ready",
            Unit::Seconds,
            metrics.ready.clone(),
        );
        registry.register("wasser_leader", "1 if this process may write", metrics.leading.clone());
        metrics
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        for (name, size) in self.measured.lock().iter() {
            self.caches
                .get_or_create(&Named { name })
                .set(i64::try_from(size()).unwrap_or(i64::MAX));
        }
        self.operations.look();
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            text = format!(
                "# the metrics could not be written: {error}
# EOF
"
            );
        }
        text
    }

    /// A request to the API server is sent. Returns what counts its answer.
    pub fn api_request(&self, verb: &'static str, resource: &str) -> Answer {
        self.requests.sent(verb, resource)
    }

    /// Counts a call of the plugin that serves this kind.
    pub fn called(&self, kind: &str, method: &'static str, took: Duration, error: Option<&wasser_plugin::CallError>) {
        self.calls.record(kind, method, took, error);
    }

    /// A reconcile of an object of this kind begins.
    pub fn start_reconcile(&self, kind: &str) -> Reconcile {
        self.reconciles.start(kind)
    }

    /// What a data source holds; `dataset` is `namespace/name`.
    fn dataset_ufs(&self, dataset: &str, files: u64, bytes: u64) {
        let label = OfDataset {
            dataset: dataset.to_owned(),
        };
        self.files
            .get_or_create(&label)
            .set(i64::try_from(files).unwrap_or(i64::MAX));
        self.sizes
            .get_or_create(&label)
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// The Dataset `namespace/name` is gone.
    fn forget_dataset(&self, dataset: &str) {
        let label = OfDataset {
            dataset: dataset.to_owned(),
        };
        self.files.remove(&label);
        self.sizes.remove(&label);
    }

    /// The setup of a runtime `namespace/name` failed; the type is `juicefs`.
    fn setup_error(&self, runtime_type: &str, runtime: &str) {
        self.setup_errors
            .get_or_create(&OfRuntime {
                runtime_type: runtime_type.to_owned(),
                runtime: runtime.to_owned(),
            })
            .inc();
    }

    /// The health check of a runtime `namespace/name` failed; the type is `juicefs`.
    fn health_error(&self, runtime_type: &str, runtime: &str) {
        self.health_errors
            .get_or_create(&OfRuntime {
                runtime_type: runtime_type.to_owned(),
                runtime: runtime.to_owned(),
            })
            .inc();
    }

    /// The volume of a runtime `namespace/name` could not be made; the type is `juicefs`.
    fn volume_error(&self, runtime_type: &str, runtime: &str) {
        self.volume_errors
            .get_or_create(&OfRuntime {
                runtime_type: runtime_type.to_owned(),
                runtime: runtime.to_owned(),
            })
            .inc();
    }

    /// The runtime `namespace/name` is gone.
    fn forget_runtime(&self, runtime_type: &str, runtime: &str) {
        let label = OfRuntime {
            runtime_type: runtime_type.to_owned(),
            runtime: runtime.to_owned(),
        };
        self.setup_errors.remove(&label);
        self.health_errors.remove(&label);
        self.volume_errors.remove(&label);
    }

    /// The verdict on a registration; none if it is gone.
    pub fn registration(&self, registration: &str, verdict: Option<&'static str>) {
        for word in ["loaded", "refused", "last-good", "waiting"] {
            let label = Registered {
                registration: registration.to_owned(),
                verdict: word,
            };
            if verdict == Some(word) {
                self.registrations.get_or_create(&label).set(1);
            } else {
                self.registrations.remove(&label);
            }
        }
    }

    /// From now on, the size of a cache is shown under this name.
    pub fn measure(&self, name: &'static str, size: impl Fn() -> usize + Send + Sync + 'static) {
        self.measured.lock().push((name, Box::new(size)));
    }

    /// The process is ready, this long after its start.
    pub fn ready(&self, after: Duration) {
        self.ready.set(after.as_secs_f64());
    }

    /// Whether this process may write.
    pub fn leading(&self, leading: bool) {
        self.leading.set(i64::from(leading));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics, start: &str) -> Vec<String> {
        let mut lines: Vec<String> = metrics
            .text()
            .lines()
            .filter(|line| line.starts_with(start))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn fluids_metrics_have_fluids_names_and_go_with_their_objects() {
        let metrics = Metrics::new();
        metrics.dataset_ufs("default/demo", 7, 1 << 40);
        metrics.setup_error("juicefs", "default/demo");
        metrics.health_error("juicefs", "default/demo");
        assert_eq!(
            lines(&metrics, "dataset_ufs_file_num{"),
            [r#"dataset_ufs_file_num{dataset="default/demo"} 7"#]
        );
        assert_eq!(
            lines(&metrics, "dataset_ufs_total_size{"),
            [r#"dataset_ufs_total_size{dataset="default/demo"} 1099511627776"#]
        );
        assert_eq!(
            lines(&metrics, "runtime_setup_error_total"),
            [r#"runtime_setup_error_total{runtime_type="juicefs",runtime="default/demo"} 1"#]
        );
        assert_eq!(
            lines(&metrics, "runtime_sync_healthcheck_error_total"),
            [r#"runtime_sync_healthcheck_error_total{runtime_type="juicefs",runtime="default/demo"} 1"#]
        );
        metrics.forget_dataset("default/demo");
        metrics.forget_runtime("juicefs", "default/demo");
        assert!(
            lines(&metrics, "dataset_ufs_file_num{").is_empty()
                && lines(&metrics, "runtime_setup_error_total").is_empty()
        );
    }

    #[test]
    fn a_registration_has_one_verdict() {
        let metrics = Metrics::new();
        metrics.registration("juicefs", Some("loaded"));
        metrics.registration("juicefs", Some("last-good"));
        assert_eq!(
            lines(&metrics, "wasser_plugin_registration{"),
            [r#"wasser_plugin_registration{registration="juicefs",verdict="last-good"} 1"#]
        );
        metrics.registration("juicefs", None);
        assert!(lines(&metrics, "wasser_plugin_registration{").is_empty());
    }

    #[test]
    fn caches_are_measured_when_asked() {
        let metrics = Metrics::new();
        metrics.measure("datasets", || 3);
        assert_eq!(
            lines(&metrics, "wasser_cache_entries{"),
            [r#"wasser_cache_entries{name="datasets"} 3"#]
        );
    }

    #[test]
    fn the_work_of_helms_engine_is_shown_once_there_is_one() {
        let metrics = Metrics::new();
        assert!(lines(&metrics, "wasser_helm_work").is_empty());
        metrics
            .helm
            .show(|work| (work as u64, Duration::from_millis(work as u64 * 500)));
        assert_eq!(
            lines(&metrics, "wasser_helm_work"),
            [
                r#"wasser_helm_work_seconds_total{work="collect"} 1.5"#,
                r#"wasser_helm_work_seconds_total{work="load"} 0.5"#,
                r#"wasser_helm_work_seconds_total{work="render"} 1.0"#,
                r#"wasser_helm_work_seconds_total{work="start"} 0.0"#,
                r#"wasser_helm_work_total{work="collect"} 3"#,
                r#"wasser_helm_work_total{work="load"} 1"#,
                r#"wasser_helm_work_total{work="render"} 2"#,
                r#"wasser_helm_work_total{work="start"} 0"#,
            ]
        );
    }

    #[test]
    fn requests_are_counted_by_verb_and_resource() {
        let metrics = Metrics::new();
        metrics.api_request("patch", "pods");
        metrics.api_request("patch", "pods");
        assert_eq!(
            lines(&metrics, "wasser_api_requests_total"),
            [r#"wasser_api_requests_total{verb="patch",resource="pods"} 2"#]
        );
    }
}
