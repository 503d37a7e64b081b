//! The CRDs that a component carries: the file of its author, or what the plugin's own types
//! generate.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use wasser_pack::crd::{checked, in_directory, lines};

/// Returns the CRDs of a plugin as JSON, one per line: those of `plugins/<name>/crd.yaml` and
/// `crd-*.yaml`, or else those that its example `crd` prints.
pub fn of(root: &Path, name: &str) -> Result<Vec<u8>> {
    let directory = root.join("plugins").join(name);
    if let Some(written) = in_directory(&directory)? {
        return Ok(written);
    }
    if directory.join("examples/crd.rs").is_file() {
        eprintln!("{name}: generating the CRD");
        return lines(&printed(root, name)?);
    }
    let file = directory.join("crd.yaml");
    bail!("there is no CRD for the plugin's kind: write it to {}", file.display());
}

/// Returns the CRDs that a native build of the plugin's own types prints.
fn printed(root: &Path, name: &str) -> Result<Vec<Value>> {
    let package = format!("wasser-{name}");
    let output = Command::new("cargo")
        .current_dir(root)
        .args([
            "run",
            "--quiet",
            "--package",
            &package,
            "--features",
            "crd",
            "--example",
            "crd",
            "--",
            "--json",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(
        output.status.success(),
        "the example `crd` of {package} failed ({}); \
         a CRD that is written by hand belongs into plugins/{name}/crd.yaml instead",
        output.status
    );
    let printed = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let printed = printed.collect::<Result<Vec<_>, _>>();
    checked(printed.context("the example `crd` did not print JSON")?).context("the example `crd`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_without_a_crd_is_told_where_it_belongs() {
        let root = tempfile::tempdir().unwrap();
        let refused = of(root.path(), "demo").unwrap_err().to_string();
        assert!(
            refused.contains("write it to ") && refused.ends_with("plugins/demo/crd.yaml"),
            "{refused}"
        );
    }
}
