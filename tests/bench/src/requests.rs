//! Requests to the API server, as the operator's metrics count them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_test_cluster::metrics::{Metrics, added};

/// The counter of requests.
pub const REQUESTS: &str = "wasser_api_requests_total";

/// Returns the requests since an earlier state of their counters, in total and for each Dataset.
pub fn requests(before: &BTreeMap<String, f64>, metrics: &Metrics, datasets: u32) -> Value {
    let all = added(before, &counters(metrics));
    let mut by_verb = BTreeMap::<&str, f64>::new();
    for (key, count) in &all {
        let verb = key.split(' ').next().unwrap_or_default();
        *by_verb.entry(verb).or_default() += count;
    }
    let total: f64 = all.values().sum();
    let each = |count: f64| (count / f64::from(datasets) * 1e3).round() / 1e3;
    let by_verb_each: BTreeMap<&str, f64> = by_verb.iter().map(|(verb, count)| (*verb, each(*count))).collect();
    json!({
        "total": total,
        "perDataset": each(total),
        "byVerb": by_verb,
        "byVerbPerDataset": by_verb_each,
        "byVerbAndResource": all,
    })
}

/// Returns the counters of requests, by verb and resource.
pub fn counters(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics.sums(REQUESTS, &["verb", "resource"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_by_verb_and_for_each_dataset() {
        let text = "wasser_api_requests_total{verb=\"patch\",resource=\"pods\"} 30\n\
                    wasser_api_requests_total{verb=\"patch\",resource=\"nodes\"} 2\n\
                    wasser_api_requests_total{verb=\"list\",resource=\"pods\"} 1\n";
        let metrics = Metrics::parse(text).unwrap();
        let reported = requests(&BTreeMap::from([("patch pods".to_owned(), 10.0)]), &metrics, 10);
        assert_eq!(
            (&reported["total"], &reported["perDataset"]),
            (&json!(23.0), &json!(2.3))
        );
        assert_eq!(reported["byVerb"], json!({"list": 1.0, "patch": 22.0}));
        assert_eq!(reported["byVerbPerDataset"], json!({"list": 0.1, "patch": 2.2}));
    }
}
