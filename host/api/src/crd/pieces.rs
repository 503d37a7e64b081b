//! Schemas of Kubernetes' own types, cut to what a CRD needs of them.
//!
//! The API server checks these pieces again when the pod is made, and a CRD with the whole of their documentation does not fit
//! where CRDs must fit; so the structure stays and the descriptions go.

use k8s_openapi::api::core::v1::Volume;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::quantity::PATTERN;

/// The schema of a Kubernetes type for `#[schemars(schema_with)]`.
pub fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<T>();
    if let Some(object) = schema.as_object_mut() {
        cut(object);
    }
    schema
}

/// What a volume consists of besides its name. Kubernetes has no type of its own for it.
pub fn volume_source(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = schema::<Volume>(generator);
    if let Some(object) = schema.as_object_mut() {
        object.remove("required");
        if let Some(Value::Object(properties)) = object.get_mut("properties") {
            properties.remove("name");
        }
    }
    schema
}

fn cut(schema: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = schema.remove("description")
        && description.starts_with("Quantity is")
    {
        schema.insert("pattern".to_owned(), json!(PATTERN));
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        if properties.contains_key("managedFields") {
            // Object metadata in a template. The API server knows its fields only at the top of an object: here they must be
            // kept unseen, or the template would lose its name.
            schema.remove("properties");
            schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
            return;
        }
        for newer in NEWER {
            if newer.beside.iter().all(|beside| properties.contains_key(*beside)) {
                properties.remove(newer.field);
            }
        }
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            cut(property);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(Value::Object(child)) = schema.get_mut(key) {
            cut(child);
        }
    }
}

/// A field that the Kubernetes libraries here have and the API `data.fluid.io/v1alpha1` has not.
struct Newer {
    field: &'static str,
    /// Fields of the same object, by which the object is known.
    beside: &'static [&'static str],
}

const NEWER: &[Newer] = &[];
