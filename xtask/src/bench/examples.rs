//! `call` and `render`: what the examples `measure` of the plugin host and of the chart's renderer say.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::rig::cargo;
use super::{Options, Report};
use crate::{guests, paths};

/// Measures what it costs to make an instance of a plugin and to call it.
pub fn call(options: &Options) -> Result<Report> {
    let mut report = Report::new("call", options, json!({"plugin": "juicefs"}));
    let package = package()?;
    let output = cargo(
        options.dev,
        "run",
        &["--quiet", "--package", "wasser-plugin", "--example", "measure"],
        &[&package.manifest],
    )?;
    take(&mut report, &output)?;
    report.target("instantiateMicroseconds", 15.0)?;
    report.target("callMicroseconds", 10.0)?;
    Ok(report)
}

/// Measures what it costs to render the chart of JuiceFS.
pub fn render(options: &Options) -> Result<Report> {
    let mut report = Report::new("render", options, json!({"chart": "juicefs"}));
    let package = package()?;
    let output = cargo(
        options.dev,
        "run",
        &["--quiet", "--package", "wasser-chart", "--example", "measure"],
        &[&package.chart],
    )?;
    take(&mut report, &output)?;
    report.target("warmMillisecondsMedian", 6.0)?;
    Ok(report)
}

fn package() -> Result<guests::Package> {
    let packages = guests::build(paths::root(), &["juicefs".to_owned()])?;
    packages.into_iter().next().context("no package was made")
}

/// Takes over the figures of an example.
fn take(report: &mut Report, output: &str) -> Result<()> {
    for (name, value) in figures(output)? {
        report.figure(&name, value)?;
    }
    Ok(())
}

/// The last line of what an example prints is an object of figures.
fn figures(output: &str) -> Result<Map<String, Value>> {
    let line = output
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .context("the example has printed nothing")?;
    let figures: Map<String, Value> = serde_json::from_str(line).with_context(|| format!("not an object of figures: {line}"))?;
    ensure!(!figures.is_empty(), "the example has no figures");
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_has_the_figures() {
        assert_eq!(
            figures("hello\n{\"callMicroseconds\": 4.5}\n").unwrap()["callMicroseconds"],
            json!(4.5)
        );
        for wrong in ["", "{}", "7", "text"] {
            assert!(figures(wrong).is_err(), "{wrong}");
        }
    }
}
