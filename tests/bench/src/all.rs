//! `all`: the benchmarks that need no real node, each in its short form, beside the figures of an
//! earlier run. Requests do not depend on the machine, processor time little, and time much.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::report::{Report, hundredths};
use super::{Admissions, Amount, Options, Scale, System, bind, call, delete, operations, render, webhook};

/// What is short: enough that a request more for each Dataset shows.
const DATASETS: u32 = 50;
const CHAIN: u32 = 10;
const NODES: u32 = 10;
const PODS: u32 = 100;
const CLIENTS: u32 = 8;

/// The figures that are compared, by benchmark.
const FIGURES: [(&str, &[&str]); 6] = [
    (
        "bind",
        &[
            "requestsAtBound.perDataset",
            "usageAtBound.cpuSeconds",
            "boundSeconds",
            "boundSecondsToFloor",
            "readyMilliseconds",
            "usageAfterIdle.peakRssMegabytes",
            "usageAfterIdle.rssMegabytes",
        ],
    ),
    ("delete", &["requests.perDataset", "cpuSeconds", "goneSeconds"]),
    (
        "operations",
        &[
            "loads.requestsBeyondJob",
            "loads.cpuSeconds",
            "loads.completeSeconds",
            "chain.requestsBeyondJob",
            "chain.longestGapSeconds",
        ],
    ),
    (
        "webhook",
        &[
            "usageAfterwards.peakRssMegabytes",
            "usageAfterwards.rssMegabytes",
            "cpuMillisecondsPerReview",
            "steeredMilliseconds.median",
            "steeredMilliseconds.p95",
            "withSidecarMilliseconds.median",
            "withSidecarMilliseconds.p95",
        ],
    ),
    ("call", &["callMicroseconds", "instantiateMicroseconds"]),
    (
        "render",
        &[
            "warmMillisecondsMedian",
            "warmMillisecondsP95",
            "anonymousRssBusyMegabytes",
        ],
    ),
];

/// Measures all, and compares with the file that an earlier run has written.
pub fn all(options: &Options, compare: Option<&Path>) -> Result<Report> {
    // What cannot be compared is told before anything is measured.
    let before = compare.map(read).transpose()?;
    let mut report = Report::new(
        "all",
        options,
        json!({"datasets": DATASETS, "chain": CHAIN, "fakeNodes": NODES, "pods": PODS, "clients": CLIENTS}),
    );
    let scale = Scale {
        count: DATASETS,
        systems: vec![System::Juicefs],
        hung: 0,
        nodes: NODES,
        keep: false,
        profile: None,
    };
    let amount = Amount {
        loads: DATASETS,
        chain: CHAIN,
        nodes: NODES,
        keep: false,
    };
    let pods = Admissions {
        count: PODS,
        clients: CLIENTS,
    };
    let mut figures = Map::new();
    for (name, _) in FIGURES {
        eprintln!("measuring {name}");
        let measured = match name {
            "bind" => bind(options, &scale),
            "delete" => delete(options, &scale),
            "operations" => operations(options, &amount),
            "webhook" => webhook(options, pods),
            "call" => call(options, None),
            _ => render(options),
        };
        let measured = measured.with_context(|| format!("measuring {name}"))?;
        figures.insert(name.to_owned(), measured.figures());
    }
    let figures = Value::Object(figures);
    if let Some(before) = before {
        let rows = compared(&before, &figures);
        eprintln!("{}", table(&rows));
        report.figure("comparedWith", rows.iter().map(Row::json).collect::<Vec<_>>())?;
    }
    for (name, _) in FIGURES {
        report.figure(name, &figures[name])?;
    }
    Ok(report)
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let json: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    anyhow::ensure!(
        json["bench"] == "all",
        "{} is not what `cargo xtask bench all --json-out` writes",
        path.display()
    );
    Ok(json["figures"].clone())
}

/// One figure in both runs.
#[derive(Debug, PartialEq)]
struct Row {
    bench: &'static str,
    figure: &'static str,
    before: Option<f64>,
    now: Option<f64>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let (before, now) = (self.before?, self.now?);
        (before != 0.0).then(|| hundredths(now / before))
    }

    fn json(&self) -> Value {
        json!({"bench": self.bench, "figure": self.figure, "before": self.before, "now": self.now, "ratio": self.ratio()})
    }
}

fn compared(before: &Value, now: &Value) -> Vec<Row> {
    let of = |figures: &Value, bench: &str, figure: &str| {
        let pointer = format!("/{bench}/{}", figure.replace('.', "/"));
        figures.pointer(&pointer).and_then(Value::as_f64)
    };
    let rows = FIGURES.iter().flat_map(|(bench, figures)| {
        figures.iter().map(|figure| Row {
            bench,
            figure,
            before: of(before, bench, figure),
            now: of(now, bench, figure),
        })
    });
    rows.collect()
}

/// The rows as docs/performance.md has tables.
fn table(rows: &[Row]) -> String {
    let shown = |value: Option<f64>| value.map_or("-".to_owned(), |value| value.to_string());
    let lines = rows.iter().map(|row| {
        let (before, now, ratio) = (shown(row.before), shown(row.now), shown(row.ratio()));
        format!("| {} | {} | {before} | {now} | {ratio} |", row.bench, row.figure)
    });
    let head = ["| Benchmark | Figure | Before | Now | Ratio |", "|---|---|---|---|---|"];
    head.into_iter()
        .map(str::to_owned)
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_compared_and_those_of_one_run_only_are_shown() {
        let before = json!({"delete": {"cpuSeconds": 2.0, "goneSeconds": 0.0}});
        let now = json!({"delete": {"cpuSeconds": 3.0, "goneSeconds": 1.0, "requests": {"perDataset": 9.5}}});
        let rows = compared(&before, &now);
        let of = |figure: &str| {
            rows.iter()
                .find(|row| row.bench == "delete" && row.figure == figure)
                .unwrap()
        };
        assert_eq!(of("cpuSeconds").ratio(), Some(1.5));
        assert_eq!(of("goneSeconds").ratio(), None);
        let requests = of("requests.perDataset");
        assert_eq!((requests.before, requests.now), (None, Some(9.5)));
        let table = table(&rows);
        assert!(table.contains("| delete | cpuSeconds | 2 | 3 | 1.5 |"), "{table}");
        assert!(
            table.contains("| delete | requests.perDataset | - | 9.5 | - |"),
            "{table}"
        );
    }
}
