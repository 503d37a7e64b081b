//! The manifests that an author means to work: the API server and the plugin must take them as they
//! are.

use serde_json::Value;
use wasser_schema::Schema;

use super::case::Case;
use super::definition;

/// The CRDs that a manifest is compared with: those of the package, and Wasser's own.
pub struct Definitions(Vec<Value>);

impl Definitions {
    /// Returns those of a package with those that every cluster has.
    pub fn with(packaged: &[Value]) -> Self {
        let own = wasser_api::crds()
            .into_iter()
            .filter_map(|crd| serde_json::to_value(crd).ok());
        Self(packaged.iter().cloned().chain(own).collect())
    }

    /// Returns what the API server would say of the objects of a case that have a definition here.
    pub fn faults(&self, case: &Case) -> Vec<String> {
        let pair = &case.pair;
        let objects = pair.dataset.iter().chain([&pair.runtime]).chain(&pair.others);
        objects.flat_map(|object| self.of_object(object)).collect()
    }

    fn of_object(&self, object: &Value) -> Vec<String> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (kind, version, name) = (text("/kind"), text("/apiVersion"), text("/metadata/name"));
        let Some(crd) = self.0.iter().find(|crd| crd["spec"]["names"]["kind"] == kind) else {
            return Vec::new();
        };
        let group = crd["spec"]["group"].as_str().unwrap_or_default();
        let found = |fault: &dyn std::fmt::Display| format!("{kind} {name}: {fault}");
        let Some(schema) = version
            .strip_prefix(&format!("{group}/"))
            .and_then(|version| definition::of_version(crd, version))
        else {
            return vec![found(&format!("the CRD serves no `apiVersion: {version}`"))];
        };
        let schema = Schema::new(schema.clone());
        let unknown = schema.unknown(object).into_iter();
        let unknown = unknown.map(|path| found(&format!("{path}: the CRD knows no such field")));
        let mut object = object.clone();
        schema.prune(&mut object);
        schema.fill(&mut object);
        let problems = schema.problems(&object);
        unknown
            .chain(problems.iter().map(|problem| found(&problem.text())))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::manifest::Pair;

    fn faults(dataset: Value, runtime: Value) -> Vec<String> {
        let crd = json!({"spec": {"group": "data.fluid.io", "names": {"kind": "DemoRuntime"}, "versions": [{
            "name": "v1alpha1", "served": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
                "type": "object", "required": ["size"], "properties": {
                    "size": {"type": "integer"}, "mode": {"type": "string", "enum": ["fast", "safe"], "default": "safe"},
            }}}}},
        }]}});
        let object = |kind: &str, spec: Value| json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind, "metadata": {"name": "demo"}, "spec": spec});
        let objects = vec![object("Dataset", dataset), object("DemoRuntime", runtime)];
        let case = Case {
            name: String::new(),
            pair: Pair::find(objects, "DemoRuntime", "default").unwrap(),
            file: String::new(),
        };
        Definitions::with(&[crd]).faults(&case)
    }

    #[rstest]
    #[case::types(json!({"size": "1Gi"}), "DemoRuntime demo: spec.size: Invalid value")]
    #[case::required(json!({}), "DemoRuntime demo: spec.size: Required value")]
    #[case::choices(json!({"size": 1, "mode": "fats"}), "spec.mode: Unsupported value")]
    #[case::unknown(json!({"size": 1, "sise": 1}), "spec.sise: the CRD knows no such field")]
    fn what_the_api_server_would_refuse_is_named(#[case] spec: Value, #[case] says: &str) {
        let found = faults(json!({"mounts": [{"mountPoint": "s3://a", "name": "a"}]}), spec);
        assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
    }

    #[test]
    fn datasets_are_compared_as_well() {
        let found = faults(
            json!({"mounts": [{"mountpoint": "s3://a", "name": "a"}]}),
            json!({"size": 1}),
        );
        assert!(
            found
                .iter()
                .any(|fault| fault.contains("Dataset demo: spec.mounts[0].mountpoint")),
            "{found:?}"
        );
    }

    #[test]
    fn what_it_takes_is_no_fault() {
        let found = faults(
            json!({"mounts": [{"mountPoint": "s3://a", "name": "a"}]}),
            json!({"size": 1}),
        );
        assert_eq!(found, Vec::<String>::new());
    }
}
