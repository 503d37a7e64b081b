//! Which items of two lists are the same one. Kubernetes merges many lists by what names their items,
//! so that others may add some of their own, in front as well.

use std::collections::HashMap;

use serde_json::Value;

/// The fields that name the items of a list, by the name of the list. Each is one or the other.
const KEYS: [(&str, &[&[&str]]); 12] = [
    ("containers", &[&["name"]]),
    ("initContainers", &[&["name"]]),
    ("volumes", &[&["name"]]),
    ("env", &[&["name"]]),
    ("imagePullSecrets", &[&["name"]]),
    ("resourceClaims", &[&["name"]]),
    ("secrets", &[&["name"]]),
    ("volumeMounts", &[&["mountPath"]]),
    ("volumeDevices", &[&["devicePath"]]),
    ("hostAliases", &[&["ip"]]),
    ("topologySpreadConstraints", &[&["topologyKey"], &["whenUnsatisfiable"]]),
    ("ports", &[&["containerPort", "port"], &["protocol"]]),
];
/// What the API server writes into ports that do not say it.
const PROTOCOL: (&str, &str) = ("protocol", "TCP");

/// Returns where each wanted item is in the list that is there. Lists whose items have no names are
/// the same only item by item: there is no answer if their lengths differ.
pub fn places(list: &str, wanted: &[Value], there: &[Value]) -> Option<Vec<Option<usize>>> {
    by_name(list, wanted, there).or_else(|| {
        let in_order = || (0..wanted.len()).map(Some).collect();
        (wanted.len() == there.len()).then(in_order)
    })
}

fn by_name(list: &str, wanted: &[Value], there: &[Value]) -> Option<Vec<Option<usize>>> {
    let (_, fields) = KEYS.iter().find(|(known, _)| *known == list)?;
    let mut known = HashMap::new();
    for (index, item) in there.iter().enumerate() {
        if known.insert(name(item, fields)?, index).is_some() {
            return None;
        }
    }
    let names = wanted
        .iter()
        .map(|item| name(item, fields))
        .collect::<Option<Vec<_>>>()?;
    let is_double = |(index, name): (usize, &Vec<String>)| names.iter().take(index).any(|earlier| earlier == name);
    if names.iter().enumerate().any(is_double) {
        return None;
    }
    Some(names.iter().map(|name| known.get(name).copied()).collect())
}

fn name(item: &Value, fields: &[&[&str]]) -> Option<Vec<String>> {
    let field = |either: &&[&str]| {
        let found = either.iter().find_map(|field| item.get(field)).map(ToString::to_string);
        let default = (either.first() == Some(&PROTOCOL.0)).then(|| Value::from(PROTOCOL.1).to_string());
        found.or(default)
    };
    fields.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn items(value: Value) -> Vec<Value> {
        value.as_array().unwrap().clone()
    }

    #[rstest]
    #[case::in_order("containers", json!([{"name": "a"}, {"name": "b"}]), json!([{"name": "a"}, {"name": "b"}]),
        Some(vec![Some(0), Some(1)]))]
    #[case::one_in_front("containers", json!([{"name": "a"}]), json!([{"name": "new"}, {"name": "a"}]),
        Some(vec![Some(1)]))]
    #[case::one_that_is_gone("env", json!([{"name": "A"}, {"name": "B"}]), json!([{"name": "B"}, {"name": "C"}]),
        Some(vec![None, Some(0)]))]
    #[case::a_mount("volumeMounts", json!([{"name": "v", "mountPath": "/b"}]),
        json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]), Some(vec![Some(1)]))]
    #[case::a_port_without_its_protocol("ports", json!([{"containerPort": 1}]),
        json!([{"containerPort": 1, "protocol": "UDP"}, {"containerPort": 1, "protocol": "TCP"}]), Some(vec![Some(1)]))]
    #[case::of_a_service("ports", json!([{"port": 2}]), json!([{"port": 1, "protocol": "TCP"}, {"port": 2}]),
        Some(vec![Some(1)]))]
    #[case::without_names("args", json!(["a"]), json!(["b"]), Some(vec![Some(0)]))]
    #[case::without_names_and_longer("args", json!(["a"]), json!(["a", "b"]), None)]
    #[case::an_item_without_its_name("env", json!([{"name": "A"}]), json!([{}, {"name": "A"}]), None)]
    #[case::one_name_twice("env", json!([{"name": "A"}, {"name": "A"}]), json!([{"name": "A"}]), None)]
    fn items_are_found_by_what_names_them(
        #[case] list: &str,
        #[case] wanted: Value,
        #[case] there: Value,
        #[case] expected: Option<Vec<Option<usize>>>,
    ) {
        assert_eq!(places(list, &items(wanted), &items(there)), expected);
    }
}
