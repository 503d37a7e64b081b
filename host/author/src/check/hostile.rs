//! Contexts that a plugin does not expect: fields of its own CRD, of the Dataset and of the host with
//! values that nobody means.
//!
//! They are the same each time for the same CRD. What the API server would refuse is among them:
//! objects may be older than their CRD.

use serde_json::{Value, json};
use wasser_plugin::bindings::types::{Description, Role};

use super::case::Case;
use super::schema::{self, Field};
use super::surroundings::{of_dataset, of_host};
use super::values::{nested, shown, values};
use crate::manifest::Pair;
use crate::scenario::{Otherwise, Pod};

/// Contexts of which each has one field of the runtime's spec.
const SINGLE: usize = 72;
/// The answers of a cluster that does not help, in turn.
const MOODS: [Otherwise; 8] = [
    Otherwise::NotFound,
    Otherwise::Garbage,
    Otherwise::Timeout,
    Otherwise::Empty,
    Otherwise::Failed,
    Otherwise::Endless,
    Otherwise::Conflict,
    Otherwise::Throttled,
];

/// Returns hostile contexts that differ from each of `bases` in one respect, or in many of one kind.
/// `schema` is that of the whole runtime object.
pub fn cases(bases: &[Pair], schema: &Value, description: &Description) -> Vec<Case> {
    let Some(first) = bases.first() else {
        return Vec::new();
    };
    let mut cases = of_spec(bases, &schema["properties"]["spec"]);
    cases.extend(of_dataset(first));
    cases.extend(of_host(first));
    let pods = pods(description, &first.name);
    for (at, case) in cases.iter_mut().enumerate() {
        // A namespace for each: the host does not call a plugin that has failed too often for one.
        let namespace = format!("context-{at}");
        case.pair.namespace.clone_from(&namespace);
        case.file.clone_from(&namespace);
        for object in case.pair.dataset.iter_mut().chain([&mut case.pair.runtime]) {
            if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
                metadata.insert("namespace".to_owned(), namespace.clone().into());
            }
        }
        let cluster = &mut case.pair.scenario.cluster;
        cluster.otherwise = MOODS.get(at % MOODS.len()).copied();
        if cluster.pods.is_empty() && at % 4 != 3 {
            cluster.pods.clone_from(&pods);
        }
    }
    cases
}

/// Returns one ready pod of each role.
pub fn pods(description: &Description, runtime: &str) -> Vec<Pod> {
    let roles = description.roles.iter();
    let pod = |role: &Role| Pod {
        name: format!("{runtime}{}-0", role.suffix),
        role: role.name.clone(),
        node: "node1".to_owned(),
        ip: "10.0.0.1".to_owned(),
        ready: true,
        started_at: 0,
    };
    roles.map(pod).collect()
}

/// Takes so many of a list, from all over it.
fn spread<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let count = all.len().min(most);
    (0..count)
        .filter_map(|at| all.get(at * all.len() / count).cloned())
        .collect()
}

fn of_spec(bases: &[Pair], schema: &Value) -> Vec<Case> {
    let fields = schema::fields(schema);
    let mut cases = Vec::new();
    let mut base = bases.iter().cycle();
    let mut with = |name: String, change: &dyn Fn(&mut Value)| {
        let Some(mut pair) = base.next().cloned() else { return };
        let spec = pair
            .runtime
            .as_object_mut()
            .map(|fields| fields.entry("spec").or_insert_with(|| json!({})));
        if let Some(spec) = spec {
            change(spec);
        }
        cases.push(Case {
            name,
            pair,
            file: String::new(),
        });
    };
    with("an empty spec".to_owned(), &|spec| *spec = json!({}));
    with("no spec".to_owned(), &|spec| *spec = Value::Null);
    with("a spec that is a list".to_owned(), &|spec| *spec = json!([1]));
    with("a spec with fields that nobody knows".to_owned(), &|spec| {
        if let Some(fields) = spec.as_object_mut() {
            fields.insert("ünknown".to_owned(), nested());
        }
    });
    let some = spread(&fields, SINGLE);
    // Of a few fields, each has several contexts.
    let turns = SINGLE.checked_div(some.len()).unwrap_or(0);
    for (turn, (at, field)) in (0..turns).flat_map(|turn| some.iter().enumerate().map(move |field| (turn, field))) {
        let values = values(field.schema);
        if turn >= values.len() {
            continue;
        }
        if let Some(value) = values.get((at + turn) % values.len()) {
            let name = format!("spec.{field} = {}", shown(value));
            with(name, &|spec| schema::set(spec, schema, &field.path, value.clone()));
        }
    }
    for turn in 0..12 {
        let all = |spec: &mut Value| {
            for field in spread(&fields, 400) {
                let values = values(field.schema);
                if let Some(value) = values
                    .get(turn % values.len())
                    .filter(|value| value.to_string().len() < 500)
                {
                    set_whole(spec, schema, &field, value);
                }
            }
        };
        with(format!("all of the spec with value {turn} of each field's"), &all);
    }
    cases
}

/// Sets a field unless another one has made what it is in something else.
fn set_whole(spec: &mut Value, schema: &Value, field: &Field<'_>, value: &Value) {
    let is_container = field.schema["type"] == "array" || field.schema["type"] == "object";
    if !is_container {
        schema::set(spec, schema, &field.path, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        let role = Role {
            name: "worker".to_owned(),
            workload: "StatefulSet".to_owned(),
            suffix: "-worker".to_owned(),
            container: "c".to_owned(),
            needed_for_bound: true,
            starts_at_zero: true,
            replicas: None,
            default_replicas: 0,
        };
        Description {
            name: "demo".to_owned(),
            version: String::new(),
            kind: "DemoRuntime".to_owned(),
            plural: "demoruntimes".to_owned(),
            api_versions: Vec::new(),
            engine: "demo".to_owned(),
            implementation: None,
            methods: Vec::new(),
            roles: vec![role],
            fuse: wasser_plugin::bindings::types::Fuse {
                mount_type: "fuse".to_owned(),
                directory: "demo-fuse".to_owned(),
            },
            wants: Vec::new(),
        }
    }

    fn base() -> Pair {
        let object = |kind: &str, spec: Value| json!({"kind": kind, "metadata": {"name": "demo"}, "spec": spec});
        let objects = vec![
            object("Dataset", json!({"mounts": [{"mountPoint": "s3://a", "name": "a"}]})),
            object("DemoRuntime", json!({"replicas": 1})),
        ];
        Pair::find(objects, "DemoRuntime", "default").unwrap()
    }

    #[test]
    fn there_are_a_hundred_and_each_is_another_one() {
        let properties: serde_json::Map<String, Value> = (0..100)
            .map(|number| (format!("field{number}"), json!({"type": "string"})))
            .collect();
        let schema = json!({"properties": {"spec": {"type": "object", "properties": properties}}});
        let cases = cases(&[base()], &schema, &description());
        assert!((100..160).contains(&cases.len()), "{}", cases.len());
        let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), cases.len());
        let files: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.file.as_str()).collect();
        assert_eq!(files.len(), cases.len());
        for case in &cases {
            let again = Pair::find(case.pair.documents().unwrap(), "DemoRuntime", "x").unwrap();
            assert!(!case.file.is_empty());
            assert_eq!(
                (again.namespace, again.scenario),
                (case.pair.namespace.clone(), case.pair.scenario.clone())
            );
        }
    }

    #[test]
    fn a_kind_without_fields_has_contexts_too() {
        assert!(cases(&[base()], &json!({}), &description()).len() > 40);
    }
}
