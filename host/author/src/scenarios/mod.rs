//! An author's scenarios: manifests with what the plugin finds and what it has to answer, and the
//! objects that come of them as golden files.

mod compare;
mod expect;
mod golden;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use wasser_chart::{Chart, Renderer};
use wasser_plugin::Plugin;

use crate::dry;
use crate::manifest::Pair;
use crate::trial::{MOUNT_ROOT, Trial};
use expect::Expected;

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The name of its file, without the ending.
    pub name: String,
    /// What is not as expected, one line each.
    pub faults: Vec<String>,
    /// Whether its golden file was written.
    pub written: bool,
}

/// Returns the scenarios of a directory, sorted.
///
/// # Errors
/// The directory cannot be read, or has none.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let reading = || format!("reading {}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.is_file() && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(path);
        }
    }
    files.sort();
    if let Some([one, other]) = files.windows(2).find(|two| two[0].file_stem() == two[1].file_stem()) {
        bail!(
            "{} and {} have the same golden file; give one of them another name",
            one.display(),
            other.display()
        );
    }
    ensure!(
        !files.is_empty(),
        "{} has no scenario; write a Dataset and a runtime into a file `NAME.yaml` there",
        directory.display()
    );
    Ok(files)
}

/// Plays a scenario. With `update`, the golden file is written rather than compared.
///
/// # Errors
/// The file cannot be read, is not a scenario, or the golden file cannot be written.
pub async fn play(
    file: &Path,
    plugin: &Plugin,
    chart: &Arc<Chart>,
    renderer: &Renderer,
    update: bool,
) -> Result<Outcome> {
    let pair = Pair::read(file, &plugin.description.kind, "default")?;
    let expected = Expected::of(pair.scenario.expect.as_ref()).with_context(|| file.display().to_string())?;
    let run = dry::reconcile(&Trial::new(plugin, &pair, MOUNT_ROOT), Some((chart.clone(), renderer))).await;
    let mut faults = expected.faults(&run);
    let golden = golden::Golden::of(file);
    let mut written = false;
    if run.refused.is_some() {
        // What is refused installs nothing.
    } else if update {
        written = golden.write(&run.objects)?;
    } else {
        faults.extend(golden.fault(&run.objects)?);
    }
    Ok(Outcome {
        name: golden.name,
        faults,
        written,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_have_either_ending_of_yaml_and_a_name_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(directory.path().join(name), "").unwrap();
        write("notes.md");
        assert!(files(directory.path()).is_err());
        write("b.yaml");
        write("a.yml");
        let found = files(directory.path()).unwrap();
        assert_eq!(found, ["a.yml", "b.yaml"].map(|name| directory.path().join(name)));
        write("a.yaml");
        let refused = files(directory.path()).unwrap_err().to_string();
        assert!(refused.contains("have the same golden file"), "{refused}");
    }
}
