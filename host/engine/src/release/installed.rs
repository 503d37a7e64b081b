//! A release as it is in the cluster.

use serde_json::Value;
use wasser_chart::Release;

/// A release as it was last written or read. It is made of nothing else: neither of values nor of
/// rendered objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Installed {
    values: Value,
    text: String,
    objects: Vec<(String, String)>,
}

impl Installed {
    /// What a record says.
    pub fn recorded(release: &Release) -> Self {
        let objects = release.objects().into_iter();
        let objects = objects.map(|(kind, name)| (kind.to_owned(), name.to_owned())).collect();
        Self::written(release.values().clone(), objects)
    }

    /// What was just written. Only `Prepared::install` knows that.
    pub(super) fn written(values: Value, objects: Vec<(String, String)>) -> Self {
        Self {
            text: values.to_string(),
            values,
            objects,
        }
    }

    /// The values that the release was rendered with.
    pub fn values(&self) -> &Value {
        &self.values
    }

    /// The same as text, as plugins get it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Kind and name of each object.
    pub fn objects(&self) -> &[(String, String)] {
        &self.objects
    }
}
