//! The output of a benchmark: one JSON object with the figures, how they compare with their
//! targets, and what they were measured on.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Options;
use wasser_test_cluster::machine::paths;

/// A limit that a figure must not exceed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    figure: &'static str,
    at_most: f64,
    value: f64,
    met: bool,
}

/// The figures of one benchmark. Their units are in their names.
#[derive(Debug, Clone)]
pub struct Report {
    bench: &'static str,
    parameters: Value,
    build: Value,
    machine: Value,
    revision: Value,
    began: u64,
    figures: Map<String, Value>,
    targets: Vec<Target>,
}

impl Report {
    /// Creates a report without figures. `parameters` says what is measured.
    pub fn new(bench: &'static str, options: &Options, parameters: Value) -> Self {
        Self {
            bench,
            parameters,
            build: json!({"profile": profile(options.dev)}),
            machine: machine(),
            revision: revision(),
            began: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
            figures: Map::new(),
            targets: Vec::new(),
        }
    }

    /// Records a property of the build that is measured.
    pub fn build(&mut self, key: &str, value: impl Into<Value>) {
        self.build[key] = value.into();
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: &str, value: impl Serialize) -> Result<()> {
        self.figures.insert(
            name.to_owned(),
            serde_json::to_value(value).with_context(|| format!("the figure {name}"))?,
        );
        Ok(())
    }

    /// Groups the figures that a measurement adds under one name.
    pub fn under(&mut self, name: &str, measure: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let outer = std::mem::take(&mut self.figures);
        let outcome = measure(self);
        let inner = std::mem::replace(&mut self.figures, outer);
        self.figures.insert(name.to_owned(), Value::Object(inner));
        outcome
    }

    /// Returns a figure; each dot of the name enters an object.
    ///
    /// # Errors
    /// If there is no such number.
    pub fn number(&self, figure: &str) -> Result<f64> {
        let mut keys = figure.split('.');
        let first = keys.next().and_then(|key| self.figures.get(key));
        let value = first.and_then(|value| keys.try_fold(value, |value, key| value.get(key)));
        value
            .and_then(Value::as_f64)
            .with_context(|| format!("there is no figure {figure}"))
    }

    /// Compares a figure with its target.
    ///
    /// # Errors
    /// If there is no such number.
    pub fn target(&mut self, figure: &'static str, at_most: f64) -> Result<()> {
        let value = self.number(figure)?;
        self.targets.push(Target {
            figure,
            at_most,
            value,
            met: value <= at_most,
        });
        Ok(())
    }

    /// Returns the figures.
    pub fn figures(&self) -> Value {
        Value::Object(self.figures.clone())
    }

    /// Returns the whole report.
    pub fn json(&self) -> Value {
        json!({
            "bench": self.bench,
            "parameters": self.parameters,
            "figures": self.figures,
            "targets": self.targets,
            "build": self.build,
            "machine": self.machine,
            "revision": self.revision,
            "beganAtUnixSeconds": self.began,
        })
    }

    /// Returns one line for each target that says, for people, whether it was met.
    pub fn summary(&self) -> Vec<String> {
        let line = |target: &Target| {
            let word = if target.met { "reached" } else { "MISSED" };
            format!(
                "{word:<8} {} = {:.3}, wanted at most {}",
                target.figure, target.value, target.at_most
            )
        };
        self.targets.iter().map(line).collect()
    }
}

/// Returns cargo's name for the profile that is measured.
pub fn profile(dev: bool) -> &'static str {
    if dev { "dev" } else { "release" }
}

/// Seconds, to the tenth of a millisecond.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 1e4
}

/// The difference of two times of a processor, which come in hundredths of a second.
pub fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// Milliseconds, to the hundredth.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}

/// Returns the value below which this fraction of all lies; `sorted` is in order. `None` if it is
/// empty.
pub fn quantile<T: Copy>(sorted: &[T], part: f64) -> Option<T> {
    let rank = (part * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

/// Returns what is said of many times, in any order.
pub fn spread(mut times: Vec<f64>) -> Value {
    times.sort_by(f64::total_cmp);
    json!({"count": times.len(), "median": quantile(&times, 0.5), "p95": quantile(&times, 0.95), "most": times.last()})
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'));
        line.map(|value| value.trim().to_owned())
    };
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.and_then(|text| text.strip_suffix(" kB")?.parse::<u64>().ok());
    let load = read("/proc/loadavg");
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": field(&read("/proc/cpuinfo"), "model name"),
        "memoryMegabytes": memory.map(|kibibytes| kibibytes * 1024 / 1_000_000),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "architecture": std::env::consts::ARCH,
        // The load of the minute before: whatever else ran makes every figure worse.
        "loadBefore": load.split(' ').next().and_then(|load| load.parse::<f64>().ok()),
    })
}

/// Returns the commit, and whether the files are those of the commit; null outside a clone.
fn revision() -> Value {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(paths::root())
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    json!({
        "commit": git(&["rev-parse", "HEAD"]),
        "changed": git(&["status", "--porcelain"]).map(|changes| !changes.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new(
            "bind",
            &Options {
                dev: true,
                json_out: None,
            },
            json!({"count": 2}),
        );
        report.figure("boundSeconds", 4.5).unwrap();
        report.figure("usage", json!({"cpuSeconds": 5.0})).unwrap();
        report
    }

    #[test]
    fn the_shape_is_stable() {
        let json = report().json();
        let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let wanted = [
            "bench",
            "parameters",
            "figures",
            "targets",
            "build",
            "machine",
            "revision",
            "beganAtUnixSeconds",
        ];
        assert!(
            wanted.iter().all(|key| keys.contains(key)) && keys.len() == wanted.len(),
            "{keys:?}"
        );
        assert_eq!(
            (&json["figures"]["boundSeconds"], &json["build"]["profile"]),
            (&json!(4.5), &json!("dev"))
        );
        assert!(json["machine"]["cores"].as_u64().unwrap() > 0);
    }

    #[test]
    fn targets_are_reached_or_missed() {
        let mut report = report();
        report.target("boundSeconds", 4.5).unwrap();
        report.target("usage.cpuSeconds", 4.0).unwrap();
        assert!(report.target("missing", 1.0).is_err());
        assert_eq!(
            report.json()["targets"][0],
            json!({"figure": "boundSeconds", "atMost": 4.5, "value": 4.5, "met": true})
        );
        assert_eq!(report.json()["targets"][1]["met"], false);
        assert!(report.summary()[1].starts_with("MISSED"));
    }

    #[test]
    fn figures_of_a_part_are_under_its_name() {
        let mut report = report();
        report
            .under("alone", |report| report.figure("boundSeconds", 3.0))
            .unwrap();
        assert_eq!(report.number("alone.boundSeconds").unwrap(), 3.0);
        assert_eq!(report.number("boundSeconds").unwrap(), 4.5);
        report.target("alone.boundSeconds", 2.0).unwrap();
        assert_eq!(report.json()["targets"][0]["met"], false);
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        assert_eq!(
            (
                quantile(&[1, 2, 3, 4], 0.5),
                quantile(&[1, 2, 3, 4], 0.95),
                quantile(&[7], 0.0)
            ),
            (Some(2), Some(4), Some(7))
        );
        assert_eq!(quantile::<u32>(&[], 0.5), None);
        let said = spread(vec![3.0, 1.0, 2.0]);
        assert_eq!(said, json!({"count": 3, "median": 2.0, "p95": 3.0, "most": 3.0}));
    }

    #[test]
    fn durations_are_rounded() {
        assert_eq!(
            (
                seconds(Duration::from_micros(1_234_567)),
                milliseconds(Duration::from_nanos(1_234_567))
            ),
            (1.2346, 1.23)
        );
    }
}
