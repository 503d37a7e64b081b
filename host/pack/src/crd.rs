//! The CRDs of a plugin, as its author writes them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

/// Returns the CRDs of the files `crd.yaml` and `crd-*.yaml` in a directory as JSON, one per line;
/// `None` if there is no `crd.yaml`.
///
/// # Errors
/// A file cannot be read, or has something else than CRDs.
pub fn in_directory(directory: &Path) -> Result<Option<Vec<u8>>> {
    let file = directory.join("crd.yaml");
    if !file.is_file() {
        return Ok(None);
    }
    let mut crds = Vec::new();
    for file in [vec![file], further(directory)?].concat() {
        let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        crds.extend(written(&text).with_context(|| format!("{}", file.display()))?);
    }
    lines(&crds).map(Some)
}

/// Returns CRDs as a component carries them.
///
/// # Errors
/// One cannot be written as JSON.
pub fn lines(crds: &[Value]) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    for crd in crds {
        serde_json::to_writer(&mut lines, crd)?;
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

/// Returns the documents if there are any, and all of them are CRDs.
///
/// # Errors
/// There is something else.
pub fn checked(crds: Vec<Value>) -> Result<Vec<Value>> {
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

    fn packed(text: Option<&str>) -> Result<Option<String>> {
        let directory = tempfile::tempdir()?;
        if let Some(text) = text {
            fs::write(directory.path().join("crd.yaml"), text)?;
        }
        let lines = in_directory(directory.path())?;
        Ok(lines.map(String::from_utf8).transpose()?)
    }

    #[test]
    fn a_file_is_taken_with_all_its_documents() {
        let text = "# A demo.\n---\nkind: CustomResourceDefinition\nspec: {group: a}\n\
                    ---\nkind: CustomResourceDefinition\n";
        let lines = packed(Some(text)).unwrap().unwrap();
        assert_eq!(
            lines,
            "{\"kind\":\"CustomResourceDefinition\",\"spec\":{\"group\":\"a\"}}\n\
             {\"kind\":\"CustomResourceDefinition\"}\n"
        );
    }

    #[test]
    fn the_crd_of_the_runtime_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        for (file, group) in [("crd-a.yaml", "a"), ("crd-b.yaml", "b"), ("crd.yaml", "runtime")] {
            let text = format!("kind: CustomResourceDefinition\nspec: {{group: {group}}}\n");
            fs::write(directory.path().join(file), text).unwrap();
        }
        let lines = String::from_utf8(in_directory(directory.path()).unwrap().unwrap()).unwrap();
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
            assert!(refused.contains("/crd.yaml: "), "{refused}");
        }
        assert_eq!(packed(None).unwrap(), None);
    }
}
