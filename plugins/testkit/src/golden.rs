//! Manifests as users write them, and what is expected of them.
//!
//! `tests/cases/<name>.yaml` is the manifest, `tests/cases/golden/<name>.<what>.yaml` what is
//! expected. With UPDATE=1 in the environment the tests write that instead of comparing; read the
//! difference before it is committed.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use wasser_sdk::{Implement, Result};

use crate::{Kit, manifest, read};

pub(crate) const CASES: &str = "tests/cases";

impl<R: Implement> Kit<R> {
    /// Returns the manifests, by name.
    pub fn cases(&self) -> Vec<(String, Vec<Value>)> {
        let cases = self.manifests(CASES);
        assert!(cases.len() >= 5, "{cases:?}");
        cases
    }

    /// Returns the manifests of a directory, by name.
    pub(crate) fn manifests(&self, directory: &str) -> Vec<(String, Vec<Value>)> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.path(directory))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .collect();
        paths.sort();
        assert!(!paths.is_empty(), "{directory} has no case");
        let named = |path: PathBuf| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                manifest::documents(&read(&path)),
            )
        };
        paths.into_iter().map(named).collect()
    }

    /// Checks that the values of each case are those of `golden/<name>.values.yaml`.
    pub fn expect_values(&self, values: impl Fn(&[Value]) -> Result<Value>) {
        for (name, documents) in self.cases() {
            let values = values(&documents).unwrap_or_else(|error| panic!("{name}: {error}"));
            self.expect(CASES, &name, "values", &yaml(&values));
        }
    }

    /// Checks that the values of each case are the same each time, and again once they are
    /// installed.
    pub fn expect_stable(
        &self,
        values: impl Fn(&[Value]) -> Result<Value>,
        synced: impl Fn(&[Value], &Value) -> Result<Value>,
    ) {
        for (name, documents) in self.cases() {
            let first = values(&documents).unwrap();
            assert_eq!(values(&documents).unwrap().to_string(), first.to_string(), "{name}");
            assert_eq!(synced(&documents, &first).unwrap(), first, "{name}");
        }
    }

    /// Compares with a golden file, or writes it.
    pub(crate) fn expect(&self, directory: &str, name: &str, what: &str, text: &str) {
        let path = self.path(directory).join("golden").join(format!("{name}.{what}.yaml"));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        similar_asserts::assert_eq!(
            golden,
            text,
            "{}; set UPDATE=1 and test again if this is wanted",
            path.display()
        );
    }
}

/// YAML with sorted keys, whatever order the types write them in.
pub(crate) fn yaml(value: &impl Serialize) -> String {
    fn sorted(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
                fields.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(fields.into_iter().map(|(key, value)| (key, sorted(value))).collect())
            }
            Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
            other => other,
        }
    }
    yaml_serde::to_string(&sorted(serde_json::to_value(value).unwrap())).unwrap()
}
