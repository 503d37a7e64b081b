//! The chart that installs Wasser, as it is released: `charts/wasser` with the CRDs and the
//! registrations of the built-in plugins in it.
//!
//! A registration names the digest of its component, which only the build knows; so the chart of
//! the source tree has none, and this one is made for one image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::running::Cluster;
use crate::machine::tools::Tool;
use crate::machine::{self, paths};
use crate::packages::guests::{Package, chart};
use crate::packages::images::{ARCHITECTURE, Image};

/// The version, as tag of the image and as `appVersion` of the chart.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where Wasser is installed.
pub const NAMESPACE: &str = "wasser-system";
/// The name of the release.
pub const RELEASE: &str = "wasser";

/// The chart as it was built.
#[derive(Debug, Clone)]
pub struct Installer {
    /// The chart as a directory.
    pub directory: PathBuf,
    /// The same as a file, for `helm install` and registries.
    pub archive: PathBuf,
}

/// Builds the chart in target/charts.
pub fn build(plugins: &[Package]) -> Result<Installer> {
    let out = paths::target().join("charts");
    let directory = out.join("wasser");
    if directory.exists() {
        fs::remove_dir_all(&directory).with_context(|| format!("removing {}", directory.display()))?;
    }
    copy(&paths::root().join("charts/wasser"), &directory)?;
    let registrations = directory.join("files/plugins");
    fs::create_dir_all(&registrations).with_context(|| format!("creating {}", registrations.display()))?;
    for plugin in plugins {
        let file = registrations.join(format!("{}.yaml", plugin.name));
        fs::copy(&plugin.built_in, &file).with_context(|| format!("writing {}", file.display()))?;
    }
    let architecture = directory.join("files/architecture");
    fs::write(&architecture, ARCHITECTURE).with_context(|| format!("writing {}", architecture.display()))?;
    let packed = chart::pack(&directory)?;
    let archive = out.join(format!("wasser-{}.tgz", packed.version));
    fs::write(&archive, &packed.bytes).with_context(|| format!("writing {}", archive.display()))?;
    Ok(Installer { directory, archive })
}

/// Loads the image into a cluster. If another image of the same tag runs there, as after a change
/// of the sources, its pods are replaced.
pub fn load(cluster: &Cluster, image: &Image) -> Result<()> {
    if !cluster.load_image(image)? {
        return Ok(());
    }
    let running = [
        "deployment,daemonset",
        "-n",
        NAMESPACE,
        "-l",
        "app.kubernetes.io/name=wasser",
    ];
    let found = cluster.kubectl(&[&["get", "-o", "name"], &running[..]].concat())?;
    if !found.is_empty() {
        cluster.kubectl(&[&["rollout", "restart"], &running[..]].concat())?;
    }
    Ok(())
}

/// Installs the chart, or upgrades what is installed, and waits until it is ready. `set` is one
/// value each: `operator.replicas=1`.
pub fn install(cluster: &Cluster, chart: &Path, set: &[&str]) -> Result<()> {
    let mut helm = Command::new(Tool::Helm.ensure()?);
    helm.env("KUBECONFIG", cluster.kubeconfig())
        .args(["upgrade", "--install", RELEASE])
        .arg(chart)
        .args(["-n", NAMESPACE, "--create-namespace", "--wait", "--timeout", "5m"]);
    helm.args(set.iter().flat_map(|value| ["--set", value]));
    machine::run(&mut helm).context("installing Wasser").map(drop)
}

/// Copies a directory. A symbolic link is replaced by a copy of its target.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let name = entry?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_belongs_to_this_version_and_has_every_crd() {
        let out = tempfile::tempdir().unwrap();
        let chart = out.path().join("wasser");
        copy(&paths::root().join("charts/wasser"), &chart).unwrap();
        let text = fs::read_to_string(chart.join("Chart.yaml")).unwrap();
        let yaml: serde_json::Value = yaml_serde::from_str(&text).unwrap();
        assert_eq!(
            (yaml["version"].as_str(), yaml["appVersion"].as_str()),
            (Some(VERSION), Some(VERSION))
        );
        let mut count = 0;
        for entry in fs::read_dir(paths::root().join("crds")).unwrap() {
            let generated = entry.unwrap().path();
            let packed = chart.join("files/crds").join(generated.file_name().unwrap());
            assert_eq!(
                fs::read(&packed).unwrap(),
                fs::read(&generated).unwrap(),
                "{}",
                packed.display()
            );
            count += 1;
        }
        assert!(count > 0);
    }
}
