//! What the operator counts, under the names of its metrics.

use std::collections::BTreeMap;

use wasser_test_cluster::metrics::{self, added};

/// The counter of requests to the API server. Those of leader election have a client of their own
/// and are not counted.
const REQUESTS: &str = "wasser_api_requests_total";

/// The metrics at one moment.
#[derive(Debug, Clone)]
pub struct Metrics(metrics::Metrics);

impl Metrics {
    /// Reads the text of `/metrics`.
    pub fn parse(text: &str) -> Self {
        Self(metrics::Metrics::parse(text).expect("metrics of the operator"))
    }

    /// The sum of a counter or gauge over all series that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.0.total_with(name, labels))
    }

    /// Reconciles of a kind.
    pub fn reconciles(&self, kind: &str) -> u64 {
        self.sum("wasser_reconciles_total", &[("kind", kind)])
    }

    /// Requests to the API server, as `verb resource`.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        counts(self.series())
    }

    /// The requests since an earlier moment.
    pub fn requests_since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        counts(added(&earlier.series(), &self.series()))
    }

    /// Whether there is a sample as this line says.
    pub fn has(&self, line: &str) -> bool {
        self.0.has(line)
    }

    fn series(&self) -> BTreeMap<String, f64> {
        self.0.sums(REQUESTS, &["verb", "resource"])
    }
}

fn counts(series: BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    series.into_iter().map(|(name, count)| (name, whole(count))).collect()
}

/// A count as a whole number, which it is.
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_and_subtracted() {
        let before = Metrics::parse("wasser_api_requests_total{verb=\"get\",resource=\"pods\"} 2\n");
        let text = "wasser_api_requests_total{verb=\"get\",resource=\"pods\"} \
            5\nwasser_api_requests_total{verb=\"patch\",resource=\"nodes\"} 1\n\
                    wasser_reconciles_total{kind=\"Dataset\"} 7\nwasser_leader 1\n# EOF\n";
        let after = Metrics::parse(text);
        assert_eq!(
            after.requests_since(&before),
            BTreeMap::from([("get pods".to_owned(), 3), ("patch nodes".to_owned(), 1)])
        );
        assert_eq!((after.reconciles("Dataset"), after.reconciles("Other")), (7, 0));
        assert_eq!(after.sum("wasser_api_requests_total", &[]), 6);
        assert!(after.has("wasser_leader 1") && !after.has("wasser_leader"));
    }
}
