//! What a change would write, without writing it.

use kube::api::DynamicObject;
use serde_json::{Value, json};

use super::apply;
use super::error::ReleaseError;
use super::reference::{self, Reference};
use super::{Change, Releases};
use crate::pointer::below;

/// How an object of a release would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// It would be made.
    Created,
    /// These fields would change, as JSON pointers.
    Changed(Vec<String>),
    /// It would be deleted.
    Deleted,
}

impl Releases {
    /// Returns the objects that a change would write or delete, as kind and name, each with how it
    /// would change. Reads the cluster, and writes nothing.
    ///
    /// # Errors
    /// As [`Releases::upgrade`] before its first write: the change would be refused.
    pub async fn preview(&self, change: &Change<'_>) -> Result<Vec<(String, Preview)>, ReleaseError> {
        change.check()?;
        let before = self.before(change).await?;
        let ready = self.make_ready(change, before).await?;
        let ownership = change.ownership(ready.before.as_ref());
        let earlier = ready.before.as_ref().map_or(&[][..], |before| &before.release.objects);
        let (mut all, mut now) = (Vec::new(), Vec::new());
        for object in &change.rendered.objects {
            let Some(reference) = Reference::of(object) else {
                continue;
            };
            let live = ready.seen.live(&reference);
            let prepared = apply::prepare(object, &ownership, live, earlier, change.workers);
            let (Some(wanted), namespace) = (prepared, &ownership.policy.namespace) else {
                continue;
            };
            let api = self.kinds.api(&reference, namespace).await?;
            let attempt = format!("reading {}", reference.describe(namespace));
            let found = match live {
                Some(_) => api
                    .get_opt(&reference.name)
                    .await
                    .map_err(ReleaseError::kube(attempt))?,
                None => None,
            };
            let preview = match found {
                None => Some(Preview::Created),
                Some(found) => {
                    let fields = changes(&wanted.content(), &found);
                    (!fields.is_empty()).then_some(Preview::Changed(fields))
                }
            };
            all.extend(preview.map(|preview| (display(&reference), preview)));
            now.push(reference);
        }
        for dropped in reference::dropped(earlier, &now) {
            all.push((display(dropped), Preview::Deleted));
        }
        Ok(all)
    }
}

fn display(reference: &Reference) -> String {
    format!("{} {}", reference.gvk.kind, reference.name)
}

/// Where an object is not what is wanted. What it has in addition stays, or is the API server's.
pub(super) fn changes(wanted: &Value, found: &DynamicObject) -> Vec<String> {
    let mut there = found.data.clone();
    let metadata = &found.metadata;
    there["metadata"] = json!({"labels": metadata.labels, "annotations": metadata.annotations});
    differences(wanted, &there)
}

/// Where a value is not what is wanted, as JSON pointers.
pub(super) fn differences(wanted: &Value, there: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare(wanted, there, "", &mut paths);
    paths
}

fn compare(wanted: &Value, there: &Value, path: &str, paths: &mut Vec<String>) {
    let below = |key: &str| below(path, key);
    match (wanted, there) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, value) in wanted {
                match there.get(key) {
                    Some(found) => compare(value, found, &below(key), paths),
                    None if says_nothing(value) => {}
                    None => paths.push(below(key)),
                }
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (index, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                compare(wanted, there, &below(&index.to_string()), paths);
            }
        }
        _ if wanted == there || says_nothing(wanted) => {}
        _ => paths.push(path.to_owned()),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_object_has_in_addition_is_not_a_change() {
        let found: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"app": "a", "more": "b"}},
            "spec": {"clusterIP": "None", "ports": [{"port": 1, "protocol": "TCP"}], "selector": {"app": "a"}},
        }))
        .unwrap();
        let wanted = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"ports": [{"port": 1}], "selector": {}}});
        assert!(changes(&wanted, &found).is_empty());
        let wanted = json!({"metadata": {"labels": {"app": "c"}}, "spec": {"ports": [{"port": 2}],
            "sessionAffinity": "ClientIP"}});
        assert_eq!(
            changes(&wanted, &found),
            ["/metadata/labels/app", "/spec/ports/0/port", "/spec/sessionAffinity"]
        );
    }
}
