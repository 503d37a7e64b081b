//! `call` and `render`: the figures of the measuring examples of the plugin host and of the chart's
//! renderer.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::against::{self, Measured};
use super::cargo::{cargo, directory, figures};
use super::{Options, Report};
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::packages::guests;

/// The package and the example that measure calls.
const CALLS: (&str, &str) = ("wasser-plugin", "measure_calls");
/// The plugin that is called: one that has the method `should-update-ufs`, since others are not
/// called for it.
const PLUGIN: &str = "thin";

/// Measures what it costs to make an instance of a plugin and to call it, compared with another
/// revision if one is given.
pub fn call(options: &Options, against: Option<&str>) -> Result<Report> {
    let mut report = Report::new("call", options, json!({"plugin": PLUGIN, "against": against}));
    let (of, example) = CALLS;
    let packages = guests::build(paths::root(), &[PLUGIN.to_owned()])?;
    let package = packages.first().context("no package was made")?;
    if let Some(revision) = against {
        let before = against::build(revision, options.dev, of, example, PLUGIN)?;
        cargo(options.dev, "build", &["--package", of, "--example", example], &[])?;
        let now = Measured {
            program: against::program(&paths::target(), options.dev, example),
            manifest: package.manifest.clone(),
        };
        against::compare(&mut report, &now, &before)?;
    } else {
        let run = ["--quiet", "--package", of, "--example", example];
        let output = cargo(options.dev, "run", &run, &[&package.manifest])?;
        for (name, value) in figures(&output)? {
            report.figure(&name, value)?;
        }
    }
    report.target("instantiateMicroseconds", 15.0)?;
    report.target("callMicroseconds", 10.0)?;
    Ok(report)
}

/// Measures what it costs to render the chart of JuiceFS.
pub fn render(options: &Options) -> Result<Report> {
    let mut report = Report::new("render", options, json!({"chart": "juicefs"}));
    let (cache, chart) = (
        directory(options.dev)?.join("compiled/helm"),
        paths::root().join("charts/juicefs"),
    );
    let values = paths::root().join("plugins/juicefs/tests/cases/golden/cache-directories.values.yaml");
    let output = cargo(
        options.dev,
        "run",
        &["--quiet", "--package", "wasser-chart", "--example", "measure_render"],
        &[&cache, &chart, &values],
    )?;
    for (name, value) in rendering(&figures(&output)?)? {
        report.figure(name, value)?;
    }
    report.target("warmMillisecondsMedian", 3.0)?;
    Ok(report)
}

/// Returns the renderer's figures under the names of the report.
fn rendering(figures: &Map<String, Value>) -> Result<Vec<(&'static str, f64)>> {
    let figures = Value::Object(figures.clone());
    let take = |name, pointer: &str, factor: f64| {
        let value = figures.pointer(pointer).and_then(Value::as_f64);
        let value = value.with_context(|| format!("the example does not say {pointer}"))?;
        Ok((name, (value * factor * 1e3).round() / 1e3))
    };
    let megabytes = 1024.0 / 1e6;
    [
        ("objects", "/objects", 1.0),
        ("openMilliseconds", "/open_ms", 1.0),
        ("coldMilliseconds", "/first_render_ms", 1.0),
        ("warmMillisecondsMedian", "/warm_render_ms/median", 1.0),
        ("warmMillisecondsP95", "/warm_render_ms/p95", 1.0),
        ("rssBeforeMegabytes", "/rss_kib/before", megabytes),
        ("rssOpenedMegabytes", "/rss_kib/opened", megabytes),
        ("rssBusyMegabytes", "/rss_kib/busy", megabytes),
        ("anonymousRssBusyMegabytes", "/rss_kib/busy_anonymous", megabytes),
        ("rssIdleMegabytes", "/rss_kib/idle", megabytes),
    ]
    .into_iter()
    .map(|(name, pointer, factor)| take(name, pointer, factor))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_example_prints_is_an_object() {
        assert_eq!(
            figures("{\n\"callMicroseconds\": 4.5\n}\n").unwrap()["callMicroseconds"],
            json!(4.5)
        );
        for wrong in ["", "{}", "7", "text"] {
            assert!(figures(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_renderers_figures_get_their_names() {
        let text = r#"{"chart": "juicefs", "objects": 7, "open_ms": 20.5, "first_render_ms": 9,
                       "warm_render_ms": {"median": 5.0, "p95": 6.25},
                       "rss_kib": {"before": 1000, "opened": 2000, "busy": 3000, "busy_anonymous": 500, "idle": 700}}"#;
        let named = rendering(&figures(text).unwrap()).unwrap();
        assert!(
            named.contains(&("warmMillisecondsP95", 6.25)) && named.contains(&("rssOpenedMegabytes", 2.048)),
            "{named:?}"
        );
        assert!(rendering(&figures(r#"{"objects": 7}"#).unwrap()).is_err());
    }
}
