//! Schemas of Kubernetes' own types, cut to what a CRD needs of them.
//!
//! The API server checks these pieces again when the pod is made, and a CRD with the whole of their
//! documentation does not fit where CRDs must fit; so the structure stays and the descriptions go.

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

// A schema fresh from `schemars`, before `kube` makes it structural: an optional field is `anyOf`
// the type and null.
fn cut(schema: &mut Map<String, Value>) {
    take_the_variant_that_is_not_null(schema);
    schema.remove("description");
    if schema.contains_key("x-kubernetes-int-or-string") {
        schema.insert("pattern".to_owned(), json!(PATTERN));
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        adjust(properties);
        for (name, property) in properties.iter_mut() {
            let Value::Object(property) = property else { continue };
            cut(property);
            if name == "port" {
                // Of a probe: a number or a name, and the only one of its kind in a pod that is not
                // a quantity.
                property.remove("pattern");
            }
            if REFERENCES.contains(&name.as_str()) {
                no_longer_required(property, "name");
            }
            if let Some((_, field)) = OPTIONAL_OF_ITEMS.iter().find(|(list, _)| list == name)
                && let Some(Value::Object(items)) = property.get_mut("items")
            {
                no_longer_required(items, field);
            }
        }
    }
    no_longer_required(schema, "metadata");
    for key in ["items", "additionalProperties"] {
        if let Some(Value::Object(child)) = schema.get_mut(key) {
            cut(child);
        }
    }
}

fn take_the_variant_that_is_not_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(variants)) = schema.remove("anyOf") {
        let variants = variants.into_iter().filter_map(|variant| {
            if let Value::Object(variant) = variant {
                Some(variant)
            } else {
                None
            }
        });
        schema.extend(
            variants
                .filter(|variant| variant.get("type") != Some(&json!("null")))
                .flatten(),
        );
    }
}

fn adjust(properties: &mut Map<String, Value>) {
    for newer in NEWER {
        if properties.contains_key(newer.next_to) {
            properties.remove(newer.field);
        }
    }
    if CLAIM.iter().all(|field| properties.contains_key(*field)) && properties.contains_key("name") {
        // Kubernetes had these two of a resource claim in here before 1.31, as the API still has.
        let inner = CLAIM.map(|field| (field.to_owned(), json!({"type": "string"})));
        let inner: Map<String, Value> = inner.into_iter().collect();
        properties.insert("source".to_owned(), json!({"type": "object", "properties": inner}));
    }
    if properties.contains_key("containerPort")
        && let Some(Value::Object(protocol)) = properties.get_mut("protocol")
    {
        protocol.insert("default".to_owned(), json!("TCP"));
    }
    if let Some(metadata) = properties
        .get_mut("metadata")
        .filter(|metadata| metadata.to_string().contains("\"managedFields\""))
    {
        // The API server knows the fields of object metadata only at the top of an object. In a
        // template they are kept as they come, or the template would lose its name.
        *metadata = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    }
}

fn no_longer_required(schema: &mut Map<String, Value>, field: &str) {
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name != field);
        if required.is_empty() {
            schema.remove("required");
        }
    }
}

/// Fields that refer to an object by name. Kubernetes takes an absent name for an empty one here.
const REFERENCES: &[&str] = &[
    "configMap",
    "configMapKeyRef",
    "configMapRef",
    "nodePublishSecretRef",
    "secret",
    "secretKeyRef",
    "secretRef",
];

/// What a pod's resource claim consists of besides its name.
const CLAIM: [&str; 2] = ["resourceClaimName", "resourceClaimTemplateName"];

/// Fields of the items of a list that the API has as optional, by the list.
const OPTIONAL_OF_ITEMS: &[(&str, &str)] = &[("hostAliases", "ip"), ("imagePullSecrets", "name")];

/// A field that the Kubernetes libraries here have and the API `data.fluid.io/v1alpha1` has not.
struct Newer {
    field: &'static str,
    /// A field by which the object that has it is known.
    next_to: &'static str,
}

const NEWER: &[Newer] = &[
    Newer {
        field: "request",
        next_to: "name",
    },
    Newer {
        field: "recursiveReadOnly",
        next_to: "mountPath",
    },
    Newer {
        field: "image",
        next_to: "emptyDir",
    },
    Newer {
        field: "stopSignal",
        next_to: "preStop",
    },
    Newer {
        field: "appArmorProfile",
        next_to: "seccompProfile",
    },
    Newer {
        field: "seLinuxChangePolicy",
        next_to: "fsGroup",
    },
    Newer {
        field: "supplementalGroupsPolicy",
        next_to: "fsGroup",
    },
    Newer {
        field: "resources",
        next_to: "hostAliases",
    },
];
