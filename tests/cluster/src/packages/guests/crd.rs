//! The CRDs that a component carries: the file of its author, or what the plugin's own types
//! generate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// Returns the CRDs of a plugin as JSON, one per line: those of `plugins/<name>/crd.yaml` and
/// `crd-*.yaml`, or else those that its example `crd` prints.
pub fn of(root: &Path, name: &str) -> Result<Vec<u8>> {
    let directory = root.join("plugins").join(name);
    let (file, example) = (directory.join("crd.yaml"), directory.join("examples/crd.rs"));
    let crds = if file.is_file() {
        let mut crds = Vec::new();
        for file in [vec![file], further(&directory)?].concat() {
            let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            crds.extend(written(&text).with_context(|| format!("{}", file.display()))?);
        }
        crds
    } else if example.is_file() {
        eprintln!("{name}: generating the CRD");
        printed(root, name)?
    } else {
        bail!("there is no CRD for the plugin's kind: write it to {}", file.display());
    };
    let mut lines = Vec::new();
    for crd in crds {
        serde_json::to_writer(&mut lines, &crd)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Returns the files of a plugin with CRDs other than that of its runtime.
fn further(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("crd-") && name.ends_with(".yaml") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Parses the CRDs of a file, one per document.
fn written(text: &str) -> Result<Vec<Value>> {
    let documents = yaml_serde::Deserializer::from_str(text).map(Value::deserialize);
    let mut crds = documents.collect::<Result<Vec<_>, _>>()?;
    crds.retain(|document| !document.is_null());
    checked(crds)
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

fn checked(crds: Vec<Value>) -> Result<Vec<Value>> {
    let is_crd = |crd: &Value| crd.get("kind").is_some_and(|kind| kind == "CustomResourceDefinition");
    ensure!(
        !crds.is_empty() && crds.iter().all(is_crd),
        "this is not a CustomResourceDefinition, or not only that"
    );
    Ok(crds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: Option<&str>) -> Result<String> {
        let root = tempfile::tempdir()?;
        let directory = root.path().join("plugins/demo");
        fs::create_dir_all(&directory)?;
        if let Some(text) = text {
            fs::write(directory.join("crd.yaml"), text)?;
        }
        Ok(String::from_utf8(of(root.path(), "demo")?)?)
    }

    #[test]
    fn a_file_is_taken_with_all_its_documents() {
        let text = "# A demo.\n---\nkind: CustomResourceDefinition\nspec: {group: a}\n\
                    ---\nkind: CustomResourceDefinition\n";
        let lines = packed(Some(text)).unwrap();
        assert_eq!(
            lines,
            "{\"kind\":\"CustomResourceDefinition\",\"spec\":{\"group\":\"a\"}}\n\
             {\"kind\":\"CustomResourceDefinition\"}\n"
        );
    }

    #[test]
    fn the_crd_of_the_runtime_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("plugins/demo");
        fs::create_dir_all(&directory).unwrap();
        for (file, group) in [("crd-a.yaml", "a"), ("crd-b.yaml", "b"), ("crd.yaml", "runtime")] {
            let text = format!("kind: CustomResourceDefinition\nspec: {{group: {group}}}\n");
            fs::write(directory.join(file), text).unwrap();
        }
        let lines = String::from_utf8(of(root.path(), "demo").unwrap()).unwrap();
        let groups: Vec<&str> = lines
            .split('"')
            .filter(|part| ["a", "b", "runtime"].contains(part))
            .collect();
        assert_eq!(groups, ["runtime", "a", "b"]);
    }

    #[test]
    fn what_is_not_a_crd_is_refused_by_the_name_of_its_file() {
        for text in ["kind: ConfigMap\n", "", "kind: [\n"] {
            let refused = format!("{:#}", packed(Some(text)).unwrap_err());
            assert!(refused.contains("plugins/demo/crd.yaml: "), "{refused}");
        }
        let refused = packed(None).unwrap_err().to_string();
        assert!(
            refused.contains("write it to ") && refused.ends_with("plugins/demo/crd.yaml"),
            "{refused}"
        );
    }
}
