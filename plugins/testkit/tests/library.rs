//! The library that the plugins' charts carry: a copy each, because Helm, and with it everybody who
//! reads a chart's directory, finds a subchart only there.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::{fs, iter};

/// Returns the files of a chart's library, as name and text.
fn library(chart: &str) -> Vec<(String, String)> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../charts")
        .join(chart)
        .join("charts/library");
    let templates = fs::read_dir(library.join("templates")).unwrap();
    let paths = templates
        .map(|entry| entry.unwrap().path())
        .chain(iter::once(library.join("Chart.yaml")));
    let mut files: Vec<_> = paths
        .map(|path| {
            let name = path.strip_prefix(&library).unwrap().display().to_string();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn the_charts_carry_the_same_library() {
    let first = library("alluxio");
    assert!(first.len() > 1);
    for chart in ["cache", "efc", "jindo", "juicefs", "thin", "vineyard"] {
        assert_eq!(
            library(chart),
            first,
            "copy charts/alluxio/charts/library to charts/{chart}/charts/library"
        );
    }
}
