//! What the host adds to an object of a chart: its place, its owner, and the labels by which the
//! host finds it again.
//!
//! The labels are the host's contract, not the chart's: an object without them would be installed
//! and then never seen.

use kube::api::DynamicObject;
use serde_json::{Map, Value};

use super::{Policy, kinds};

impl Policy {
    /// Makes an admitted object the runtime's own: puts it into the runtime's namespace, names the
    /// runtime as its one owner, and labels it.
    pub fn own(&self, object: &mut DynamicObject) {
        object.metadata.namespace = Some(self.namespace.clone());
        // What the chart says of the owner is the same runtime; but only its controller is known as
        // an owner to others.
        object.metadata.owner_references = Some(vec![self.owner.clone()]);
        self.label(object);
    }

    /// Puts the labels on an object, on the Jobs that it makes and on its pods. A chart that sets one
    /// of them to something else is overruled, except in a template whose workload selects its pods
    /// by it: selectors cannot be changed, and have to fit.
    pub fn label(&self, object: &mut DynamicObject) {
        let labels = object.metadata.labels.get_or_insert_default();
        labels.extend(self.labels.iter().map(|(key, value)| (key.clone(), value.clone())));
        let Some((group, kind)) = kinds::identify(object) else {
            return;
        };
        let templates = [kinds::job_template(group, kind), kinds::pod_template(group, kind)];
        let selector = object.data.pointer("/spec/selector").cloned().unwrap_or_default();
        for path in templates.into_iter().flatten() {
            self.label_template(object.data.pointer_mut(path), &selector);
        }
    }

    fn label_template(&self, template: Option<&mut Value>, selector: &Value) {
        let labels = template
            .and_then(Value::as_object_mut)
            .and_then(|template| child(template, "metadata"))
            .and_then(|metadata| child(metadata, "labels"));
        let Some(labels) = labels else {
            return;
        };
        for (key, value) in self.labels.iter().filter(|(key, _)| !selects_by(selector, key)) {
            labels.insert(key.clone(), Value::from(value.as_str()));
        }
    }
}

/// An object in an object, made where there is none. None if something else is in its place.
fn child<'a>(parent: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = parent.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut()
}

/// Whether a selector looks at this label, in the form of workloads or in that of replication
/// controllers.
fn selects_by(selector: &Value, key: &str) -> bool {
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    selector
        .get("matchLabels")
        .is_some_and(|labels| labels.get(key).is_some())
        || selector.get(key).is_some()
        || expressions.is_some_and(|expressions| expressions.iter().any(|expression| expression["key"] == key))
}
