//! What gives a pod power over its node, or decides what it does with it. Whoever can choose these
//! can run what they like there.

use std::collections::BTreeSet;

use serde_json::Value;
use wasser_chart::pod_specs;

const CONTAINERS: [&str; 2] = ["initContainers", "containers"];
const OF_CONTAINER: [&str; 4] = ["image", "command", "args", "securityContext"];
const OF_POD: [&str; 5] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "serviceAccountName",
    "runtimeClassName",
];

/// One of them: what it is, and its value as text. Which container has it does not count: another
/// chart names them otherwise.
pub type Power = (String, String);

/// Those of every pod specification in a part of an object.
pub fn powers(part: &Value) -> BTreeSet<Power> {
    let mut found = BTreeSet::new();
    pod_specs(part).for_each(|spec| of_pod(spec, &mut found));
    found
}

fn of_pod(spec: &Value, found: &mut BTreeSet<Power>) {
    let list = |field: &str| spec[field].as_array().into_iter().flatten();
    for container in CONTAINERS.iter().flat_map(|field| list(field)) {
        for field in OF_CONTAINER {
            add(field, &container[field], found);
        }
    }
    for field in OF_POD {
        add(field, &spec[field], found);
    }
    for volume in list("volumes") {
        add("hostPath", &volume["hostPath"]["path"], found);
    }
}

/// Adds what is said. A value that is left out, and one that is what a pod has anyway, are none.
fn add(what: &str, value: &Value, found: &mut BTreeSet<Power>) {
    let text = match value {
        Value::Null | Value::Bool(false) => return,
        Value::Array(items) if items.is_empty() => return,
        Value::Object(fields) if fields.is_empty() => return,
        Value::String(text) if text.is_empty() => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    found.insert((what.to_owned(), text));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_counts_is_found_in_pods_of_all_kinds() {
        let pod = json!({"hostNetwork": true, "hostPID": false, "serviceAccountName": "", "volumes": [
            {"name": "a", "hostPath": {"path": "/dev", "type": ""}}, {"name": "b", "emptyDir": {}}],
            "initContainers": [{"name": "first", "image": "i:1"}],
            "containers": [{"name": "main", "image": "m:1", "command": ["sh", "-c", "x"], "args": [],
                "securityContext": {"privileged": true}, "env": [{"name": "A", "value": "b"}]}]});
        let found = powers(&json!({"spec": {"template": {"spec": pod}}}));
        let found: Vec<String> = found.iter().map(|(what, text)| format!("{what}: {text}")).collect();
        let expected = [
            "command: [\"sh\",\"-c\",\"x\"]",
            "hostNetwork: true",
            "hostPath: /dev",
            "image: i:1",
            "image: m:1",
            "securityContext: {\"privileged\":true}",
        ];
        assert_eq!(found, expected);
    }
}
