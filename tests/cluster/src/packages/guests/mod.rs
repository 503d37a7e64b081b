//! Packages of the plugins in `plugins/`, ready for `kubectl apply`.
//!
//! A package is the crate as a component with its CRD inside, the chart as a tgz, and the ConfigMap
//! that registers both. All three are the same bytes on every machine with the same compiler.

mod crd;
mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use toolchain::Toolchain;
pub use wasser_pack::chart;

/// The files that were made of a plugin.
#[derive(Debug, Clone)]
pub struct Package {
    /// The plugin's directory below `plugins/`.
    pub name: String,
    /// `target/plugins/<name>.wasm`.
    pub component: PathBuf,
    /// `target/plugins/<name>-<version of the chart>.tgz`.
    pub chart: PathBuf,
    /// `target/plugins/<name>.yaml`: the ConfigMap, without a namespace. It needs `kubectl apply
    /// --server-side` above 256 KiB.
    pub manifest: PathBuf,
    /// `target/plugins/<name>.plugin.yaml`: how the plugin is registered where component and chart
    /// are files of Wasser's image.
    pub built_in: PathBuf,
}

/// Builds the plugins with these names, or all. `root` is the directory of the workspace.
pub fn build(root: &Path, names: &[String]) -> Result<Vec<Package>> {
    let all = plugins(root)?;
    for name in names {
        ensure!(
            all.contains(name),
            "there is no plugin `{name}`; there are {}",
            all.join(", ")
        );
    }
    let wanted: Vec<String> = if names.is_empty() { all } else { names.to_vec() };
    let toolchain = Toolchain::find()?;
    let out = root.join("target/plugins");
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let modules = toolchain.build(root, &wanted)?;
    let built = wanted.iter().zip(&modules);
    built
        .map(|(name, module)| package(root, &out, name, module).with_context(|| format!("packaging the plugin {name}")))
        .collect()
}

/// Builds the project of an author outside of this repository, as their cargo would, and returns the
/// file of its module.
pub fn build_project(root: &Path, directory: &Path, library: &str) -> Result<PathBuf> {
    Toolchain::find()?.build_project(root, directory, library)
}

/// Builds and packages a project like that of an author, with its chart and CRD, in this directory.
pub fn package_project(root: &Path, directory: &Path, name: &str, library: &str) -> Result<Package> {
    let module = build_project(root, directory, library)?;
    let module = fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
    let crds = wasser_pack::crd::in_directory(directory)?;
    let crds = crds.with_context(|| format!("there is no crd.yaml in {}", directory.display()))?;
    let packed = wasser_pack::pack(
        name,
        &module,
        &crds,
        &directory.join("chart"),
        directory,
        "wasser plugin pack",
    )?;
    write(directory, name, packed)
}

/// Returns every directory of `plugins/` with a plugin.yaml, which the SDK does not have.
fn plugins(root: &Path) -> Result<Vec<String>> {
    let directory = root.join("plugins");
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("plugin.yaml").is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn package(root: &Path, out: &Path, name: &str, module: &[u8]) -> Result<Package> {
    let crds = crd::of(root, name)?;
    let (chart, directory) = (root.join("charts").join(name), root.join("plugins").join(name));
    let command = format!("cargo xtask guests {name}");
    let packed = wasser_pack::pack(name, module, &crds, &chart, &directory, &command)?;
    write(out, name, packed)
}

fn write(out: &Path, name: &str, packed: wasser_pack::Package) -> Result<Package> {
    let package = Package {
        name: name.to_owned(),
        component: out.join(format!("{name}.wasm")),
        chart: out.join(format!("{name}-{}.tgz", packed.chart.version)),
        manifest: out.join(format!("{name}.yaml")),
        built_in: out.join(format!("{name}.plugin.yaml")),
    };
    for (path, bytes) in [
        (&package.component, packed.component.as_slice()),
        (&package.chart, &packed.chart.bytes),
        (&package.manifest, packed.manifest?.as_bytes()),
        (&package.built_in, packed.built_in.as_bytes()),
    ] {
        fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    eprintln!(
        "{name}: component {} KiB, chart {} KiB, {}",
        packed.component.len() / 1024,
        packed.chart.bytes.len() / 1024,
        package.manifest.display()
    );
    Ok(package)
}
