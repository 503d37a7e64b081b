//! The examples of `docs/data-operations.md` and of the README can be applied, and are not refused.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use wasser_api::operations::OperationKind;

use super::{Operation, check};
use crate::tenant_rules::TenantRules;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The whole objects among the listings.
fn examples() -> Vec<Value> {
    let guides = read("docs/data-operations.md") + &read("README.md");
    let listings = guides
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let documents = listings.flat_map(yaml_serde::Deserializer::from_str);
    let documents = documents.map(|document| Value::deserialize(document).unwrap());
    documents.filter(|document| document.get("kind").is_some()).collect()
}

/// Checks that each field is one of the definition.
fn fits(field: &str, value: &Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let place = format!("{field}.{key}");
                match schema.get("properties").and_then(|all| all.get(key)) {
                    Some(schema) => fits(&place, value, schema),
                    None => assert!(
                        schema.get("additionalProperties").is_some(),
                        "{place} is not in the definition"
                    ),
                }
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| fits(&format!("{field}[]"), item, &schema["items"])),
        other => {
            let wanted = schema["type"].as_str().unwrap_or_default();
            let is = match other {
                Value::Bool(_) => "boolean",
                Value::Number(_) => "integer",
                _ => "string",
            };
            assert!(
                wanted.is_empty() || wanted == is,
                "{field} is a {is} and not a {wanted}"
            );
        }
    }
}

#[test]
fn the_examples_are_as_their_definitions_want_them() {
    let mut seen = Vec::new();
    for mut example in examples() {
        example["metadata"]["namespace"] = "default".into();
        let name = example["kind"].as_str().unwrap();
        let plural = format!("{}s", name.to_lowercase());
        let plural = plural.replace("dataprocesss", "dataprocesses");
        let definition: Value = yaml_serde::from_str(&read(&format!("crds/data.fluid.io_{plural}.yaml"))).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
        fits(&format!("{name}.spec"), &example["spec"], schema);
        if let Some(kind) = OperationKind::ALL.into_iter().find(|kind| kind.as_str() == name) {
            let object = serde_json::from_value(example).unwrap();
            check(
                &Operation::read(kind, Arc::new(object)).unwrap(),
                &TenantRules::default(),
            )
            .unwrap();
            seen.push(kind);
        }
    }
    for kind in OperationKind::ALL {
        assert!(seen.contains(&kind), "{kind} has no example");
    }
}
