//! What the operator counts.

use std::collections::BTreeMap;

/// The metrics at one moment.
#[derive(Debug, Clone)]
pub struct Metrics {
    text: String,
}

impl Metrics {
    /// Of the text that `/metrics` answers with.
    pub fn new(text: String) -> Self {
        Self { text }
    }

    /// The sum of a counter or gauge over all series that have these labels, each written `name="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> u64 {
        self.series(name)
            .filter(|(found, _)| labels.iter().all(|label| found.contains(label)))
            .map(|(_, value)| value)
            .sum()
    }

    /// Reconciles of a kind.
    pub fn reconciles(&self, kind: &str) -> u64 {
        self.sum("wasser_reconciles_total", &[&format!("kind=\"{kind}\"")])
    }

    /// Requests to the API server, as `verb resource`. What leader election does goes over a client of its own and is not counted.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        let value = |labels: &str, name: &str| {
            let start = labels.split_once(&format!("{name}=\""))?.1;
            Some(start.split_once('"')?.0.to_owned())
        };
        let named = self
            .series("wasser_api_requests_total")
            .filter_map(|(labels, count)| Some((format!("{} {}", value(labels, "verb")?, value(labels, "resource")?), count)));
        named.collect()
    }

    /// The requests since an earlier moment.
    pub fn requests_since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        let before = earlier.requests();
        let now = self.requests().into_iter();
        now.map(|(name, count)| (name.clone(), count - before.get(&name).copied().unwrap_or(0)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// Whether this line is there.
    pub fn has(&self, line: &str) -> bool {
        self.text.lines().any(|found| found == line)
    }

    /// Labels and values of a metric.
    fn series(&self, name: &str) -> impl Iterator<Item = (&str, u64)> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            (labels.is_empty() || labels.starts_with('{')).then_some(())?;
            Some((labels, value.parse().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_and_subtracted() {
        let before = Metrics::new("wasser_api_requests_total{verb=\"get\",resource=\"pods\"} 2\n".to_owned());
        let text = "wasser_api_requests_total{verb=\"get\",resource=\"pods\"} 5\nwasser_api_requests_total{verb=\"patch\",resource=\"nodes\"} 1\n\
                    wasser_reconciles_total{kind=\"Dataset\"} 7\nwasser_leader 1\n# EOF\n";
        let after = Metrics::new(text.to_owned());
        assert_eq!(
            after.requests_since(&before),
            BTreeMap::from([("get pods".to_owned(), 3), ("patch nodes".to_owned(), 1)])
        );
        assert_eq!((after.reconciles("Dataset"), after.reconciles("Other")), (7, 0));
        assert_eq!(after.sum("wasser_api_requests_total", &[]), 6);
        assert!(after.has("wasser_leader 1") && !after.has("wasser_leader"));
    }
}
