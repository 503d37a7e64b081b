//! Data operations: how many there are, how they ended, and how much they did.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use wasser_api::operations::{OperationKind, OperationPhase};

/// The states of operations that have not ended.
const STATES: [&str; 2] = ["running", "waiting"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    kind: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    kind: &'static str,
    result: &'static str,
}

/// Lists the operations when somebody asks.
type List = Box<dyn Fn() -> Vec<(OperationKind, OperationPhase)> + Send + Sync>;

/// The metrics of all data operations.
pub struct DataOperations {
    list: Mutex<Option<List>>,
    current: Family<State, Gauge>,
    finished: Family<Outcome, Counter>,
    bytes: Family<Kind, Counter>,
    durations: Family<Kind, Histogram, fn() -> Histogram>,
}

/// From a second to eighteen hours.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 4.0, 9))
}

impl DataOperations {
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            list: Mutex::default(),
            current: Family::default(),
            finished: Family::default(),
            bytes: Family::default(),
            durations: Family::new_with_constructor(histogram as fn() -> Histogram),
        };
        registry.register(
            "wasser_operations",
            "Data operations that run or wait; between the runs of its schedule, one waits",
            metrics.current.clone(),
        );
        registry.register(
            "wasser_operations_finished",
            "Runs of data operations that have ended, and operations that were refused",
            metrics.finished.clone(),
        );
        registry.register_with_unit(
            "wasser_operation",
            "Bytes that runs of data operations have loaded or copied, as far as they say so",
            Unit::Bytes,
            metrics.bytes.clone(),
        );
        registry.register_with_unit(
            "wasser_operation_duration",
            "Time from the start of a run of a data operation to its end",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        metrics
    }

    /// From now on, these operations are counted.
    pub fn list(&self, list: impl Fn() -> Vec<(OperationKind, OperationPhase)> + Send + Sync + 'static) {
        *self.list.lock() = Some(Box::new(list));
    }

    /// Counts the operations that there are.
    pub(super) fn look(&self) {
        let list = self.list.lock();
        let Some(list) = list.as_ref() else { return };
        for kind in OperationKind::ALL {
            for state in STATES {
                self.current.get_or_create(&label(kind, state)).set(0);
            }
        }
        for (kind, phase) in list() {
            let state = match phase {
                OperationPhase::Executing => "running",
                OperationPhase::Pending | OperationPhase::Unset => "waiting",
                _ => continue,
            };
            self.current.get_or_create(&label(kind, state)).inc();
        }
    }

    /// Counts the end of a run, with its duration and bytes if they are known.
    pub fn finished(&self, kind: OperationKind, complete: bool, seconds: Option<f64>, bytes: Option<u64>) {
        let result = if complete { "complete" } else { "failed" };
        let of = Kind { kind: kind.as_str() };
        self.finished.get_or_create(&Outcome { kind: of.kind, result }).inc();
        if let Some(seconds) = seconds {
            self.durations.get_or_create(&of).observe(seconds);
        }
        if let Some(bytes) = bytes {
            self.bytes.get_or_create(&of).inc_by(bytes);
        }
    }
}

fn label(kind: OperationKind, state: &'static str) -> State {
    State {
        kind: kind.as_str(),
        state,
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metrics;

    use super::*;

    #[test]
    fn operations_are_counted_by_what_becomes_of_them() {
        let metrics = Metrics::new();
        let load = OperationKind::DataLoad;
        metrics.operations.list(move || {
            let phases = [
                OperationPhase::Executing,
                OperationPhase::Pending,
                OperationPhase::Unset,
                OperationPhase::Complete,
            ];
            phases.into_iter().map(|phase| (load, phase)).collect()
        });
        metrics.operations.finished(load, true, Some(42.0), Some(1024));
        metrics.operations.finished(load, false, None, None);
        metrics.text();
        let text = metrics.text();
        for line in [
            r#"wasser_operations{kind="DataLoad",state="running"} 1"#,
            r#"wasser_operations{kind="DataLoad",state="waiting"} 2"#,
            r#"wasser_operations{kind="DataBackup",state="waiting"} 0"#,
            r#"wasser_operations_finished_total{kind="DataLoad",result="complete"} 1"#,
            r#"wasser_operations_finished_total{kind="DataLoad",result="failed"} 1"#,
            r#"wasser_operation_bytes_total{kind="DataLoad"} 1024"#,
            r#"wasser_operation_duration_seconds_sum{kind="DataLoad"} 42.0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        let guide = include_str!("../../../../docs/data-operations.md");
        for line in text.lines().filter(|line| line.starts_with("# TYPE wasser_operation")) {
            let name = line.split(' ').nth(2).unwrap();
            assert!(guide.contains(&format!("`{name}")), "{name} is not in the guide");
        }
    }
}
