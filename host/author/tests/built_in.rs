//! The plugins of this repository keep the contract. Their packages are made by `cargo xtask guests`.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::{Path, PathBuf};

use rstest::rstest;
use wasser_author::check::Subject;
use wasser_author::{Loader, Package, Pair, objects};
use wasser_chart::{Chart, Renderer};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The manifests from which the plugin's own tests make golden files.
fn manifests(plugin: &str, kind: &str) -> Vec<(String, Pair)> {
    let directory = root().join("plugins").join(plugin).join("tests/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let pair = Pair::find(objects(&text).unwrap(), kind, "default");
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        (name, pair.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
    };
    files.into_iter().map(read).collect()
}

#[rstest]
#[tokio::test]
async fn a_plugin_of_this_repository_keeps_the_contract(
    #[values("juicefs", "alluxio", "cache", "efc", "jindo", "thin", "vineyard")] plugin: &str,
) {
    let file = root().join(format!("target/plugins/{plugin}.yaml"));
    let package = Package::read(&file).unwrap_or_else(|error| panic!("{error:#}; build it with `cargo xtask guests`"));
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let loader = Loader::new(&package, None, temporary.join("plugins"), None).unwrap();
    let loaded = loader.load().await.unwrap();
    let crds = wasser_plugin::crds(&package.component().unwrap()).unwrap();
    let renderer = Renderer::open(&temporary.join("helm")).unwrap();
    let subject = Subject {
        loader: &loader,
        crds: Some(&crds),
        chart: Some((Chart::from_tgz(loaded.chart.clone()).unwrap(), &renderer)),
        manifests: manifests(plugin, &loaded.description.kind),
        keep: temporary.join("contexts").join(plugin),
    };
    let report = subject.check().await.unwrap();
    assert!(report.passes(), "{}\n{report:#?}", report.text());
}
