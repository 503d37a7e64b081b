//! How Datasets and runtimes stand now: what counters of failures cannot say.
//!
//! Everything is counted at a scrape, of what there is then, so that nothing outlives its object.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use wasser_api::dataset::DatasetPhase;

/// The phases that are shown even if no Dataset has them, so that an alert has something to
/// compare.
const PHASES: [&str; 3] = ["Bound", "NotBound", "Failed"];
/// The phase of Datasets that have none yet, or one that this version does not know.
const NO_PHASE: &str = "other";

/// The objects that there are.
pub trait Present: Send + Sync {
    /// Returns the phase of each Dataset.
    fn phases(&self) -> Vec<DatasetPhase>;
    /// Returns whether a runtime of this kind, `namespace/name`, is there.
    fn has_runtime(&self, kind: &str, runtime: &str) -> bool;
}

/// A kind, and a runtime `namespace/name`.
type OfKind = (String, String);

#[derive(Default)]
struct Known {
    present: Mutex<Option<Box<dyn Present>>>,
    failing: Mutex<HashMap<OfKind, &'static str>>,
}

/// Datasets by phase, and the runtimes whose last reconcile did not succeed.
#[derive(Clone, Default)]
pub struct Standings(Arc<Known>);

impl std::fmt::Debug for Standings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Standings").finish_non_exhaustive()
    }
}

impl Standings {
    /// Counts these objects from now on. Only a replica that leads knows how they stand.
    pub fn show(&self, present: impl Present + 'static) {
        *self.0.present.lock() = Some(Box::new(present));
    }

    /// The last reconcile of a runtime ended so: for this reason, or well.
    pub(super) fn set(&self, kind: &str, runtime: &str, reason: Option<&'static str>) {
        let of = (kind.to_owned(), runtime.to_owned());
        let mut failing = self.0.failing.lock();
        match reason {
            Some(reason) => failing.insert(of, reason),
            None => failing.remove(&of),
        };
    }

    /// Returns the number of runtimes by kind and reason.
    fn failing(&self, present: &dyn Present) -> BTreeMap<(String, &'static str), i64> {
        let mut counts = BTreeMap::new();
        for ((kind, runtime), reason) in self.0.failing.lock().iter() {
            // A reconcile may end after its runtime is gone.
            if present.has_runtime(kind, runtime) {
                *counts.entry((kind.clone(), *reason)).or_default() += 1;
            }
        }
        counts
    }
}

fn by_phase(phases: Vec<DatasetPhase>) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<String, i64> = PHASES.iter().map(|phase| ((*phase).to_owned(), 0)).collect();
    for phase in phases {
        let label = match phase {
            DatasetPhase::Unset | DatasetPhase::Other(_) => NO_PHASE,
            ref known => known.as_str(),
        };
        *counts.entry(label.to_owned()).or_default() += 1;
    }
    counts
}

impl Collector for Standings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let present = self.0.present.lock();
        let Some(present) = present.as_deref() else {
            return Ok(());
        };
        let help = "Datasets by their phase now";
        let mut family = encoder.encode_descriptor("wasser_datasets", help, None, MetricType::Gauge)?;
        for (phase, count) in by_phase(present.phases()) {
            ConstGauge::new(count).encode(family.encode_family(&[("phase", phase.as_str())])?)?;
        }
        let help = "Runtimes whose last reconcile did not succeed, by the reason that `wasser_reconcile_errors` has";
        let mut family = encoder.encode_descriptor("wasser_runtimes_failing", help, None, MetricType::Gauge)?;
        for ((kind, reason), count) in self.failing(present) {
            let labels = [("kind", kind.as_str()), ("reason", reason)];
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Metrics;
    use super::*;

    /// A cluster with one Dataset of each of these phases, and runtimes of one kind.
    pub(in crate::metrics) struct Objects(pub Vec<DatasetPhase>, pub &'static str);

    impl Present for Objects {
        fn phases(&self) -> Vec<DatasetPhase> {
            self.0.clone()
        }

        fn has_runtime(&self, kind: &str, _runtime: &str) -> bool {
            kind == self.1
        }
    }

    fn shown(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("wasser_datasets{") || line.starts_with("wasser_runtimes_failing{"));
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn a_replica_that_does_not_lead_shows_nothing() {
        let metrics = Metrics::new();
        metrics.standings.set("DemoRuntime", "default/a", Some("failed"));
        assert_eq!(shown(&metrics), Vec::<String>::new());
    }

    #[test]
    fn datasets_are_counted_by_phases_that_are_known() {
        let metrics = Metrics::new();
        let phases = ["Bound", "NotBound", "Bound", "", "Someday", "DataMigrating"].map(DatasetPhase::from);
        metrics.standings.show(Objects(phases.to_vec(), ""));
        assert_eq!(
            shown(&metrics),
            [
                r#"wasser_datasets{phase="Bound"} 2"#,
                r#"wasser_datasets{phase="DataMigrating"} 1"#,
                r#"wasser_datasets{phase="Failed"} 0"#,
                r#"wasser_datasets{phase="NotBound"} 1"#,
                r#"wasser_datasets{phase="other"} 2"#,
            ]
        );
    }

    #[test]
    fn runtimes_fail_until_a_reconcile_succeeds_or_they_are_gone() {
        let metrics = Metrics::new();
        metrics.standings.show(Objects(Vec::new(), "DemoRuntime"));
        let failing = || {
            let mut lines = shown(&metrics);
            lines.retain(|line| line.starts_with("wasser_runtimes_failing{"));
            lines
        };
        metrics.standings.set("DemoRuntime", "default/a", Some("unhealthy"));
        metrics.standings.set("DemoRuntime", "default/b", Some("invalid_spec"));
        metrics.standings.set("GoneRuntime", "default/c", Some("failed"));
        assert_eq!(
            failing(),
            [
                r#"wasser_runtimes_failing{kind="DemoRuntime",reason="invalid_spec"} 1"#,
                r#"wasser_runtimes_failing{kind="DemoRuntime",reason="unhealthy"} 1"#,
            ]
        );
        metrics.standings.set("DemoRuntime", "default/a", Some("invalid_spec"));
        assert_eq!(
            failing(),
            [r#"wasser_runtimes_failing{kind="DemoRuntime",reason="invalid_spec"} 2"#]
        );
        metrics.standings.set("DemoRuntime", "default/a", None);
        metrics.standings.set("DemoRuntime", "default/b", None);
        assert_eq!(failing(), Vec::<String>::new());
    }
}
