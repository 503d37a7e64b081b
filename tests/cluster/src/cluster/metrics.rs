//! The metrics of an operator, read from the text form of Prometheus.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// One scrape.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    /// Reads the text of a scrape. Comments, timestamps and exemplars are skipped.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples = lines
            .map(|line| sample(line).with_context(|| format!("not a metric: {line}")))
            .collect::<Result<_>>()?;
        Ok(Self { samples })
    }

    /// Sums the samples of this name over every label except these. The keys are the values of
    /// these labels, joined with a space.
    pub fn sums(&self, name: &str, by: &[&str]) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.samples.iter().filter(|sample| sample.name == name) {
            let key: Vec<&str> = by
                .iter()
                .map(|label| sample.labels.get(*label).map_or("", String::as_str))
                .collect();
            *sums.entry(key.join(" ")).or_default() += sample.value;
        }
        sums
    }

    /// Returns the sum of all samples of this name.
    pub fn total(&self, name: &str) -> f64 {
        self.total_with(name, &[])
    }

    /// Returns the sum of all samples of this name that have these labels.
    pub fn total_with(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &Sample| {
            let mut labels = labels.iter();
            labels.all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        let samples = self.samples.iter().filter(|sample| sample.name == name && has(sample));
        samples.map(|sample| sample.value).sum()
    }

    /// Whether there is a sample with the name, labels and value of this line.
    pub fn has(&self, line: &str) -> bool {
        sample(line).is_some_and(|wanted| self.samples.contains(&wanted))
    }
}

/// Returns what has been added between two scrapes, without what has not changed.
pub fn added(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    // Seconds come in hundredths; further digits of the difference are noise.
    let difference = |(key, value): (&String, &f64)| {
        let difference = value - before.get(key).unwrap_or(&0.0);
        (key.clone(), (difference * 1e6).round() / 1e6)
    };
    after
        .iter()
        .map(difference)
        .filter(|(_, value)| *value != 0.0)
        .collect()
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            rest = rest.trim_start_matches([',', ' ']);
            if let Some(behind) = rest.strip_prefix('}') {
                rest = behind;
                break;
            }
            let (label, behind) = rest.split_once("=\"")?;
            let (value, behind) = quoted(behind)?;
            labels.insert(label.to_owned(), value);
            rest = behind;
        }
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// Splits a text at the closing quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP r Requests.\n# TYPE r counter\nr_total{verb=\"patch\",resource=\"pods\"} 2\n\
                        r_total{verb=\"patch\",resource=\"nodes\"} 3 1700000000\n\
                        r_total{verb=\"get\",resource=\"a\\\"}, b\"} 1 # {trace=\"x\"} 1\n\
                        ready_seconds 0.25\ninfinite +Inf\n# EOF\n";

    #[test]
    fn samples_are_summed_by_label() {
        let metrics = Metrics::parse(TEXT).unwrap();
        let by_verb = metrics.sums("r_total", &["verb"]);
        assert_eq!(
            by_verb,
            BTreeMap::from([("get".to_owned(), 1.0), ("patch".to_owned(), 5.0)])
        );
        assert_eq!(metrics.sums("r_total", &["verb", "resource"])["get a\"}, b"], 1.0);
        assert_eq!(
            (
                metrics.total("ready_seconds"),
                metrics.total("r_total"),
                metrics.total("missing")
            ),
            (0.25, 6.0, 0.0)
        );
        assert_eq!(
            metrics.total_with("r_total", &[("verb", "patch"), ("resource", "nodes")]),
            3.0
        );
        assert_eq!(metrics.total_with("r_total", &[("verb", "list")]), 0.0);
    }

    #[test]
    fn a_line_is_found_by_name_labels_and_value() {
        let metrics = Metrics::parse(TEXT).unwrap();
        assert!(metrics.has("ready_seconds 0.25") && metrics.has(r#"r_total{verb="patch",resource="pods"} 2"#));
        for line in [
            "ready_seconds",
            "ready_seconds 0",
            "seconds 0.25",
            r#"r_total{verb="patch"} 2"#,
        ] {
            assert!(!metrics.has(line), "{line}");
        }
    }

    #[test]
    fn what_is_no_metric_is_refused() {
        for text in ["nonsense", "a{b=\"c} 1", "a{b} 1", "a x"] {
            assert!(Metrics::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_what_was_added_is_shown() {
        let sums = |pairs: &[(&str, f64)]| {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), *value))
                .collect::<BTreeMap<_, _>>()
        };
        let difference = added(
            &sums(&[("get", 1.0), ("list", 2.0)]),
            &sums(&[("get", 4.0), ("list", 2.0), ("patch", 1.0)]),
        );
        assert_eq!(difference, sums(&[("get", 3.0), ("patch", 1.0)]));
    }
}
