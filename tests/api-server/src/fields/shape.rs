//! The rules for merging: which lists have keys, and which objects are one value.
//!
//! The schema of a CRD has them. For Kubernetes' own kinds, this is a table of the fields that
//! Wasser's charts and controllers use; any other list is one value.

use serde_json::{Value, json};

use crate::kinds::{Kind, Source};

/// The rule by which a list is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum List {
    /// As one value.
    Atomic,
    /// As a set of scalars.
    Set,
    /// By the values of these fields.
    Map(Vec<String>),
}

/// The rules for a value.
#[derive(Debug, Clone)]
pub(crate) enum Shape<'a> {
    /// A part of an object of Kubernetes, by the kind and the fields on the path to it.
    BuiltIn { kind: &'a str, trail: Vec<String> },
    /// A part of an object of a CRD.
    Schema { schema: &'a Value, is_root: bool },
    /// A part without a rule.
    Unknown,
}

impl<'a> Shape<'a> {
    /// Returns the shape of an object of a kind.
    pub fn of(kind: &'a Kind) -> Self {
        match &kind.shape {
            Source::BuiltIn(_) => Self::BuiltIn {
                kind: &kind.kind,
                trail: Vec::new(),
            },
            Source::Custom(schema) => Self::Schema {
                schema: schema.root(),
                is_root: true,
            },
        }
    }

    /// Returns the shape of a field.
    pub fn field(&self, name: &str) -> Self {
        match self {
            Self::BuiltIn { kind, trail } => {
                let mut trail = trail.clone();
                trail.push(name.to_owned());
                Self::BuiltIn { kind, trail }
            }
            Self::Schema { is_root: true, .. } if name == "metadata" => Self::BuiltIn {
                kind: "",
                trail: vec!["metadata".to_owned()],
            },
            Self::Schema { schema, .. } => {
                let own = schema["properties"].get(name);
                let any = || schema.get("additionalProperties").filter(|schema| schema.is_object());
                own.or_else(any)
                    .map_or(Self::Unknown, |schema| Self::Schema { schema, is_root: false })
            }
            Self::Unknown => Self::Unknown,
        }
    }

    /// Returns the shape of the items of a list.
    pub fn item(&self) -> Self {
        match self {
            Self::Schema { schema, .. } => schema
                .get("items")
                .map_or(Self::Unknown, |schema| Self::Schema { schema, is_root: false }),
            other => other.clone(),
        }
    }

    /// Returns the rule by which a list of this shape is merged.
    pub fn list(&self) -> List {
        match self {
            Self::BuiltIn { kind, trail } => built_in(kind, trail),
            Self::Schema { schema, .. } => match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => List::Set,
                Some("map") => {
                    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
                    List::Map(keys.filter_map(Value::as_str).map(str::to_owned).collect())
                }
                _ => List::Atomic,
            },
            Self::Unknown => List::Atomic,
        }
    }

    /// Returns whether an object of this shape is one value.
    pub fn is_atomic(&self) -> bool {
        match self {
            Self::BuiltIn { kind, trail } => is_atomic(kind, trail),
            Self::Schema { schema, .. } => schema["x-kubernetes-map-type"] == "atomic",
            Self::Unknown => false,
        }
    }

    /// Returns the edge to an item of a list with keys.
    pub fn edge(&self, list: &List, item: &Value) -> Option<String> {
        match list {
            List::Atomic => None,
            List::Set => Some(format!("v:{item}")),
            List::Map(keys) => {
                let key = |key: &String| {
                    let value = item.get(key).cloned().or_else(|| self.default(key))?;
                    Some((key.clone(), value))
                };
                let keys: serde_json::Map<String, Value> = keys.iter().filter_map(key).collect();
                Some(format!("k:{}", Value::Object(keys)))
            }
        }
    }

    /// Returns the value of a key that an item does not set.
    fn default(&self, key: &str) -> Option<Value> {
        match self {
            Self::BuiltIn { .. } => (key == "protocol").then(|| json!("TCP")),
            Self::Schema { schema, .. } => schema["items"]["properties"][key].get("default").cloned(),
            Self::Unknown => None,
        }
    }
}

fn built_in(kind: &str, trail: &[String]) -> List {
    let map = |keys: &[&str]| List::Map(keys.iter().map(|key| (*key).to_owned()).collect());
    let is_below = |name: &str| trail.iter().any(|field| field == name);
    match trail.last().map(String::as_str).unwrap_or_default() {
        "finalizers" => List::Set,
        "ownerReferences" => map(&["uid"]),
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "resourceClaims"
        | "webhooks" => map(&["name"]),
        "secrets" if kind == "ServiceAccount" => map(&["name"]),
        "ports" if kind == "Service" => map(&["port", "protocol"]),
        "ports" if is_below("containers") || is_below("initContainers") => map(&["containerPort", "protocol"]),
        "volumeMounts" => map(&["mountPath"]),
        "volumeDevices" => map(&["devicePath"]),
        "hostAliases" | "podIPs" => map(&["ip"]),
        "topologySpreadConstraints" => map(&["topologyKey", "whenUnsatisfiable"]),
        "conditions" if kind != "Job" => map(&["type"]),
        "addresses" if kind == "Node" => map(&["type"]),
        _ => List::Atomic,
    }
}

fn is_atomic(kind: &str, trail: &[String]) -> bool {
    let parent = trail.iter().rev().nth(1).map(String::as_str).unwrap_or_default();
    match trail.last().map(String::as_str).unwrap_or_default() {
        // Selectors of labels, and of nodes.
        "selector" => kind != "PersistentVolume",
        "nodeSelector" | "labelSelector" | "matchLabels" | "namespaceSelector" | "objectSelector" => true,
        // References.
        "secretKeyRef" | "configMapKeyRef" | "fieldRef" | "resourceFieldRef" | "roleRef" | "involvedObject"
        | "targetRef" => true,
        "required" => parent == "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution" => parent == "nodeAffinity",
        "nodePublishSecretRef" | "scaleTargetRef" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape<'a>(kind: &'a str, path: &str) -> Shape<'a> {
        let start = Shape::BuiltIn {
            kind,
            trail: Vec::new(),
        };
        path.split('.').fold(start, |shape, name| shape.field(name))
    }

    #[test]
    fn lists_of_kubernetes_have_their_keys() {
        let keys = |kind, path| shape(kind, path).list();
        assert_eq!(
            keys("StatefulSet", "spec.template.spec.containers"),
            List::Map(vec!["name".to_owned()])
        );
        assert_eq!(
            keys("Service", "spec.ports"),
            List::Map(vec!["port".to_owned(), "protocol".to_owned()])
        );
        assert_eq!(keys("Pod", "metadata.finalizers"), List::Set);
        assert_eq!(keys("Pod", "spec.tolerations"), List::Atomic);
        assert_eq!(keys("Pod", "spec.containers.args"), List::Atomic);
        assert!(shape("StatefulSet", "spec.selector").is_atomic());
        assert!(!shape("StatefulSet", "metadata.labels").is_atomic());
    }

    #[test]
    fn an_item_is_known_by_its_keys_and_their_defaults() {
        let ports = shape("Pod", "spec.containers.ports");
        let edge = ports.edge(&ports.list(), &json!({"containerPort": 80, "name": "http"}));
        assert_eq!(edge.as_deref(), Some("k:{\"containerPort\":80,\"protocol\":\"TCP\"}"));
        assert_eq!(Shape::Unknown.edge(&List::Set, &json!("x")).as_deref(), Some("v:\"x\""));
    }

    #[test]
    fn a_schema_says_how_its_lists_are_merged() {
        let schema = json!({"properties": {
            "keyed": {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"], "items": {}},
            "plain": {"items": {}},
        }});
        let root = Shape::Schema {
            schema: &schema,
            is_root: true,
        };
        assert_eq!(root.field("keyed").list(), List::Map(vec!["type".to_owned()]));
        assert_eq!(root.field("plain").list(), List::Atomic);
        assert_eq!(root.field("metadata").field("finalizers").list(), List::Set);
    }
}
