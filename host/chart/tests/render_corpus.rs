//! Every chart of the corpus renders as `helm template` renders it, byte for byte; so do the
//! project's own charts.
//!
//! What is expected was written by the real `helm`. To check that, or to rewrite it:
//! `HELM=/path/to/helm [UPDATE=1] cargo test`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::{Case, difference, pack, rendered, sorted, template};

#[tokio::test]
async fn all_cases_render_as_helm_renders_them() {
    let helm = std::env::var_os("HELM");
    let update = std::env::var_os("UPDATE").is_some();
    assert!(
        helm.is_some() || !update,
        "expectations are written by helm alone; set HELM to its path"
    );
    let mut differences = Vec::new();
    let cases = Case::all();
    for case in &cases {
        if let Some(helm) = &helm {
            let outcome = template(helm, &case.chart, Some(&case.values));
            if update {
                write(case, &outcome);
            }
            differences.extend(difference(
                &format!("{} is out of date", case.name),
                &outcome,
                &case.expected(),
            ));
        }
        differences.extend(difference(
            &case.name,
            &case.expected(),
            &rendered(&pack(&case.chart), Some(&case.values)).await,
        ));
    }
    assert!(cases.len() > 60, "the corpus has lost cases");
    assert!(
        differences.is_empty(),
        "{} differences\n\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// With the values that the plugins' own tests expect of them.
#[tokio::test]
async fn the_projects_own_charts_render_as_helm_renders_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut differences = Vec::new();
    for directory in sorted(&root.join("charts")) {
        if !directory.join("Chart.yaml").is_file() {
            continue;
        }
        let chart = pack(&directory);
        let golden = root
            .join("plugins")
            .join(directory.file_name().unwrap())
            .join("tests/cases/golden");
        let mut values: Vec<_> = if golden.is_dir() { sorted(&golden) } else { Vec::new() };
        values.retain(|path| path.to_str().unwrap().ends_with(".values.yaml"));
        for values in values.iter().map(Some).chain([None]) {
            let name = format!("{} with {values:?}", directory.display());
            let actual = rendered(&chart, values.map(PathBuf::as_path)).await;
            if let Some(values) = values {
                assert!(actual.is_ok(), "{}: {actual:?}", values.display());
            }
            if let Some(helm) = std::env::var_os("HELM") {
                differences.extend(difference(
                    &name,
                    &template(&helm, &directory, values.map(PathBuf::as_path)),
                    &actual,
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn write(case: &Case, outcome: &Result<String, String>) {
    fs::create_dir_all(case.output.parent().unwrap()).unwrap();
    let (path, other, text) = match outcome {
        Ok(output) => (&case.output, &case.error, output.clone()),
        Err(error) => (&case.error, &case.output, format!("{error}\n")),
    };
    fs::write(path, text).unwrap();
    if other.exists() {
        fs::remove_file(other).unwrap();
    }
}
