//! The CRD in a package: whether the API server takes it, and whether it is that of the plugin.

use serde_json::Value;
use wasser_plugin::bindings::types::Description;

use super::report::{Check, Finding};
use super::structural;

/// The version of a CRD that is served here.
pub fn version(crd: &Value) -> Option<&Value> {
    let versions = crd.pointer("/spec/versions")?.as_array()?;
    versions.iter().find(|version| version["name"] == wasser_api::VERSION)
}

/// The schema of that version.
pub fn schema(crd: &Value) -> Option<&Value> {
    version(crd)?.pointer("/schema/openAPIV3Schema")
}

/// The schema of a version that is served.
pub fn of_version<'a>(crd: &'a Value, name: &str) -> Option<&'a Value> {
    let versions = crd.pointer("/spec/versions")?.as_array()?;
    let found = versions
        .iter()
        .find(|version| version["name"] == name && version["served"] == true);
    found?.pointer("/schema/openAPIV3Schema")
}

/// Checks that the API server takes each CRD.
pub fn is_accepted(crds: &[Value]) -> Check {
    let findings = crds.iter().flat_map(|crd| {
        let name = crd
            .pointer("/metadata/name")
            .and_then(Value::as_str)
            .unwrap_or("?")
            .to_owned();
        faults(crd)
            .into_iter()
            .map(move |fault| Finding::plain(format!("{name}: {fault}")))
    });
    let names: Vec<&str> = crds
        .iter()
        .filter_map(|crd| crd.pointer("/metadata/name")?.as_str())
        .collect();
    Check::of(
        "crd",
        format!("{}: structural, with one stored version", names.join(", ")),
        findings.collect(),
        "the API server would refuse the CRD, so correct it and package it again",
    )
}

fn faults(crd: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/apiVersion") != "apiextensions.k8s.io/v1" {
        faults.push(format!(
            "apiVersion is `{}`, not `apiextensions.k8s.io/v1`",
            text("/apiVersion")
        ));
    }
    let (plural, group) = (text("/spec/names/plural"), text("/spec/group"));
    let name = format!("{plural}.{group}");
    if text("/metadata/name") != name {
        faults.push(format!("its name must be `{name}`, plural and group"));
    }
    if plural.is_empty() || plural != plural.to_lowercase() {
        faults.push(format!("spec.names.plural: `{plural}` must be a word in lower case"));
    }
    if crd
        .pointer("/spec/preserveUnknownFields")
        .is_some_and(|keeps| *keeps == true)
    {
        faults.push("spec.preserveUnknownFields: it must not be true".to_owned());
    }
    let versions: Vec<&Value> = crd
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let stored = versions.iter().filter(|version| version["storage"] == true).count();
    if stored != 1 {
        faults.push(format!(
            "spec.versions: {stored} of them have `storage: true`, and exactly one must"
        ));
    }
    for version in versions {
        let name = version["name"].as_str().unwrap_or("?");
        match version.pointer("/schema/openAPIV3Schema") {
            Some(schema) => faults.extend(
                structural::faults(schema)
                    .into_iter()
                    .map(|fault| format!("{name}: {fault}")),
            ),
            None => faults.push(format!("{name}: it has no `schema.openAPIV3Schema`")),
        }
    }
    faults
}

/// Checks that the CRD of the plugin's kind has what the description speaks of.
pub fn agrees(crd: &Value, description: &Description) -> Check {
    let mut findings = Vec::new();
    let mut fault = |message: String| findings.push(Finding::plain(message));
    for wanted in &description.api_versions {
        let name = wanted.rsplit('/').next().unwrap_or_default();
        let versions = crd.pointer("/spec/versions").and_then(Value::as_array);
        let mut versions = versions.into_iter().flatten();
        if !versions.any(|version| version["name"] == name && version["served"] == true) {
            fault(format!("`describe` reads {wanted}, which the CRD does not serve"));
        }
    }
    let schema = schema(crd).unwrap_or(&Value::Null);
    for role in &description.roles {
        let Some(pointer) = &role.replicas else { continue };
        if !has(schema, pointer) {
            fault(format!(
                "the role {} counts its replicas at `{pointer}`, which the schema does not have",
                role.name
            ));
        }
    }
    if let Some(scale) = version(crd).and_then(|version| version.pointer("/subresources/scale")) {
        for (key, below) in [("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")] {
            let path = scale[key].as_str().unwrap_or_default();
            if !path.starts_with(below) || path.contains('[') {
                fault(format!(
                    "subresources.scale.{key} is `{path}`, and must begin with `{below}`"
                ));
            } else if !has(schema, &path.replace('.', "/")) {
                fault(format!(
                    "subresources.scale.{key} is `{path}`, which the schema does not have"
                ));
            }
        }
    }
    Check::of(
        "description",
        format!("{}, {}.{}", description.kind, description.plural, wasser_api::GROUP),
        findings,
        "let `describe` and the CRD say the same",
    )
}

/// Whether a schema has a field, or keeps it as one that it does not know.
fn has(schema: &Value, pointer: &str) -> bool {
    let mut at = schema;
    for name in pointer.split('/').skip(1) {
        if at["x-kubernetes-preserve-unknown-fields"] == true && at["properties"].get(name).is_none() {
            return true;
        }
        match at["properties"].get(name).or_else(|| at.get("additionalProperties")) {
            Some(next) => at = next,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::report::Outcome;
    use super::*;

    fn crd() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "demoruntimes.data.fluid.io"},
            "spec": {
                "group": "data.fluid.io", "scope": "Namespaced",
                "names": {"kind": "DemoRuntime", "plural": "demoruntimes"},
                "versions": [{"name": "v1alpha1", "served": true, "storage": true,
                    "subresources": {"status": {}, "scale": {
                        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.workers"}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                        "spec": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
                        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    }}},
                }],
            },
        })
    }

    #[rstest]
    #[case("/metadata/name", json!("demo"), "its name must be `demoruntimes.data.fluid.io`")]
    #[case("/apiVersion", json!("apiextensions.k8s.io/v1beta1"), "apiVersion is")]
    #[case("/spec/versions/0/storage", json!(false), "0 of them have `storage: true`")]
    #[case("/spec/versions/0/schema", json!({}), "v1alpha1: it has no `schema.openAPIV3Schema`")]
    #[case("/spec/versions/0/schema/openAPIV3Schema/properties/spec", json!({}), "it has no `type`")]
    fn a_crd_that_the_api_server_refuses_fails(#[case] pointer: &str, #[case] value: Value, #[case] says: &str) {
        assert_eq!(is_accepted(&[crd()]).outcome, Outcome::Ok);
        let mut wrong = crd();
        *wrong.pointer_mut(pointer).unwrap() = value;
        let check = is_accepted(&[wrong]);
        assert!(
            check.outcome == Outcome::Failed && check.detail.contains(says),
            "{check:?}"
        );
    }

    #[test]
    fn fields_are_looked_for_in_the_schema() {
        let crd = crd();
        let schema = schema(&crd).unwrap();
        for (pointer, expected) in [
            ("/spec/replicas", true),
            ("/spec/workers", false),
            ("/status/anything/below", true),
            ("/other", false),
        ] {
            assert_eq!(has(schema, pointer), expected, "{pointer}");
        }
    }
}
