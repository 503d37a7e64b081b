//! Runtimes as they are kept: all but the metadata as JSON, of which a tree would take several times
//! the memory.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Map, Value};

/// A runtime of some kind.
#[derive(Debug, Clone)]
pub struct RuntimeObject {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// All other fields.
    rest: Box<str>,
}

impl RuntimeObject {
    /// The whole object.
    pub fn object(&self) -> Value {
        let mut object = self.rest();
        if let (Some(fields), Ok(metadata)) = (object.as_object_mut(), serde_json::to_value(&self.metadata)) {
            fields.insert("metadata".to_owned(), metadata);
        }
        object
    }

    /// Whether this text may be in some field: a look that is cheap.
    pub fn mentions(&self, text: &str) -> bool {
        self.rest.contains(text)
    }

    /// All but the metadata.
    pub fn rest(&self) -> Value {
        serde_json::from_str(&self.rest).unwrap_or_else(|_| Value::Object(Map::new()))
    }
}

impl From<DynamicObject> for RuntimeObject {
    fn from(object: DynamicObject) -> Self {
        let DynamicObject { types, metadata, data } = object;
        let mut rest = match data {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        if let Some(types) = types {
            rest.insert("apiVersion".to_owned(), types.api_version.into());
            rest.insert("kind".to_owned(), types.kind.into());
        }
        Self {
            metadata,
            rest: Value::Object(rest).to_string().into(),
        }
    }
}

impl Resource for RuntimeObject {
    type DynamicType = ApiResource;
    type Scope = <DynamicObject as Resource>::Scope;

    fn kind(dynamic: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(dynamic)
    }

    fn group(dynamic: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(dynamic)
    }

    fn version(dynamic: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(dynamic)
    }

    fn plural(dynamic: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_runtime_is_kept_as_it_is() {
        let object = json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "DemoRuntime",
            "metadata": {"name": "demo", "namespace": "ns", "labels": {"a": "b"}},
            "spec": {"replicas": 2, "share": 0.25, "text": "\"ü\n"}, "status": {"conditions": []},
        });
        let read: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let kept = RuntimeObject::from(read);
        assert_eq!(kept.object(), object);
        assert_eq!(kept.metadata.name.as_deref(), Some("demo"));
        assert!(kept.mentions("replicas") && !kept.mentions("profile"));
    }

    #[test]
    fn one_without_any_field_is_an_object_too() {
        let kept = RuntimeObject::from(DynamicObject {
            types: None,
            metadata: ObjectMeta::default(),
            data: Value::Null,
        });
        assert_eq!(kept.object(), json!({"metadata": {}}));
    }
}
