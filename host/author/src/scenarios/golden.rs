//! The objects of a scenario, as they were when its author looked at them last.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::compare::differs;
use crate::documents::objects;

/// The first line of a golden file.
const HEAD: &str = "# Written by `wasser plugin test --update`: read the difference.\n";

/// The golden file of a scenario.
pub struct Golden {
    /// The name of the scenario.
    pub name: String,
    path: PathBuf,
}

impl Golden {
    /// Returns the golden file of a scenario: `golden/NAME.yaml` next to it.
    pub fn of(scenario: &Path) -> Self {
        let name = scenario.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let path = scenario.with_file_name("golden").join(format!("{name}.yaml"));
        Self { name, path }
    }

    /// Writes the file. Returns whether it has changed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, found: &[Value]) -> Result<bool> {
        let mut text = HEAD.to_owned();
        for object in found {
            text.push_str(&format!("---\n{}", yaml_serde::to_string(object)?));
        }
        if fs::read_to_string(&self.path).is_ok_and(|there| there == text) {
            return Ok(false);
        }
        let writing = || format!("writing {}", self.path.display());
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).with_context(writing)?;
        }
        fs::write(&self.path, text).with_context(writing)?;
        Ok(true)
    }

    /// Returns the first object that is another one, and where.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn fault(&self, found: &[Value]) -> Result<Option<String>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Some(format!(
                    "{} does not exist; look at what `wasser plugin test --update` writes there",
                    self.path.display()
                )));
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", self.path.display())),
        };
        let wanted = objects(&text).with_context(|| self.path.display().to_string())?;
        Ok(fault(&wanted, found))
    }
}

fn fault(wanted: &[Value], found: &[Value]) -> Option<String> {
    for object in wanted {
        let Some(other) = found.iter().find(|found| title(found) == title(object)) else {
            return Some(format!("objects: {} is missing", title(object)));
        };
        if let Some(fault) = differs(object, other) {
            return Some(format!("objects: {}: {fault}", title(object)));
        }
    }
    let known = |object: &&Value| wanted.iter().any(|wanted| title(wanted) == title(object));
    found
        .iter()
        .find(|object| !known(object))
        .map(|object| format!("objects: {} is new", title(object)))
}

/// Kind and name.
fn title(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, image: &str) -> Value {
        json!({"kind": "DaemonSet", "metadata": {"name": name}, "spec": {"image": image}})
    }

    #[test]
    fn a_file_is_written_once_and_then_compared() {
        let directory = tempfile::tempdir().unwrap();
        let golden = Golden::of(&directory.path().join("bare.yaml"));
        let found = [object("demo-fuse", "a:1")];
        assert!(
            golden
                .fault(&found)
                .unwrap()
                .unwrap()
                .contains("golden/bare.yaml does not exist")
        );
        assert!(golden.write(&found).unwrap());
        assert!(!golden.write(&found).unwrap());
        assert_eq!(golden.fault(&found).unwrap(), None);
    }

    #[test]
    fn one_line_names_the_object_and_the_place() {
        let wanted = [object("a", "x")];
        let says = |found: &[Value]| fault(&wanted, found).unwrap();
        assert_eq!(
            says(&[object("a", "y")]),
            "objects: DaemonSet a: /spec/image is \"y\", expected \"x\""
        );
        assert_eq!(says(&[]), "objects: DaemonSet a is missing");
        assert_eq!(
            says(&[object("a", "x"), object("b", "x")]),
            "objects: DaemonSet b is new"
        );
    }
}
