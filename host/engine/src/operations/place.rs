//! Where an operation has run, and how the next one follows it there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasser_api::operations::AffinityStrategy;

use super::plan::push;

const HOSTNAME: &str = "kubernetes.io/hostname";
/// The policy of an operation that runs nowhere else.
pub const REQUIRE: &str = "Require";
/// The labels of a node that say where it is.
const PLACES: [&str; 3] = [HOSTNAME, "topology.kubernetes.io/zone", "topology.kubernetes.io/region"];
/// Annotation on an operation: further labels of its node by which others may follow it.
pub const FURTHER: &str = "affinity.dataflow.fluid.io/labels";

/// Returns the `status.nodeAffinity` of an operation whose pods ran on nodes with these labels.
pub fn ran_on(nodes: &[BTreeMap<String, String>], further: Option<&str>) -> Option<Value> {
    let further = further
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|key| !key.is_empty());
    let keys: Vec<&str> = PLACES.into_iter().chain(further).collect();
    let mut expressions = Vec::new();
    for key in keys {
        let mut values: Vec<&String> = nodes.iter().filter_map(|labels| labels.get(key)).collect();
        values.sort();
        values.dedup();
        if !values.is_empty() {
            expressions.push(json!({"key": key, "operator": "In", "values": values}));
        }
    }
    (!expressions.is_empty()).then(|| {
        json!({"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": expressions}],
        }})
    })
}

/// Returns the labels of nodes that a strategy requires, and that the place of the other operation has
/// not. `ran` is the `status.nodeAffinity` of that operation.
pub fn missing<'a>(strategy: &'a AffinityStrategy, ran: Option<&Value>) -> Vec<&'a str> {
    if strategy.policy != REQUIRE {
        return Vec::new();
    }
    let known = ran.map(expressions).unwrap_or_default();
    let is_missing = |name: &&str| !known.iter().any(|expression| expression["key"] == **name);
    required(strategy).into_iter().filter(is_missing).collect()
}

/// Adds to the affinity of a pod that it follows an operation which ran there. `ran` is the
/// `status.nodeAffinity` of that operation.
pub fn follow(affinity: &mut Value, strategy: &AffinityStrategy, ran: &Value) {
    let expressions = expressions(ran);
    let of = |key: &str| expressions.iter().find(|expression| expression["key"] == key).cloned();
    match strategy.policy.as_str() {
        REQUIRE => {
            let found: Vec<Value> = required(strategy).into_iter().filter_map(of).collect();
            require(affinity, &found);
        }
        "Prefer" => {
            let named: Vec<(&str, i32)> = match strategy.prefers.as_slice() {
                [] => vec![(HOSTNAME, 100)],
                prefers => prefers
                    .iter()
                    .map(|prefer| (prefer.name.as_str(), prefer.weight))
                    .collect(),
            };
            for (name, weight) in named {
                if let Some(expression) = of(name) {
                    prefer(affinity, &json!({"matchExpressions": [expression]}), weight);
                }
            }
        }
        _ => {}
    }
}

fn required(strategy: &AffinityStrategy) -> Vec<&str> {
    match strategy.requires.as_slice() {
        [] => vec![HOSTNAME],
        requires => requires.iter().map(|require| require.name.as_str()).collect(),
    }
}

fn expressions(ran: &Value) -> Vec<Value> {
    ran.pointer("/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

/// Requires nodes that fulfil all of these expressions.
pub fn require(affinity: &mut Value, expressions: &[Value]) {
    if expressions.is_empty() {
        return;
    }
    let terms = &mut affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    match terms.as_array_mut() {
        // Terms are alternatives: each needs the addition.
        Some(terms) if !terms.is_empty() => {
            for term in terms {
                let mut all = term["matchExpressions"].as_array().cloned().unwrap_or_default();
                all.extend_from_slice(expressions);
                term["matchExpressions"] = json!(all);
            }
        }
        _ => *terms = json!([{"matchExpressions": expressions}]),
    }
}

/// Requires one of these nodes, by their names. The label for the name of the host may have another value.
pub fn require_nodes(affinity: &mut Value, nodes: &[String]) {
    let terms = &mut affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
    let given = terms.as_array().filter(|given| !given.is_empty()).cloned();
    let given = given.unwrap_or_else(|| vec![json!({})]);
    // Kubernetes takes one name in a requirement, and terms are alternatives.
    let on = |term: &Value, node: &String| {
        let mut term = term.clone();
        let name = json!({"key": "metadata.name", "operator": "In", "values": [node]});
        push(&mut term["matchFields"], name);
        term
    };
    let all = given
        .iter()
        .flat_map(|term| nodes.iter().map(move |node| on(term, node)));
    *terms = all.collect();
}

/// Returns the nodes that an affinity requires by their names.
pub fn required_nodes(affinity: &Value) -> BTreeSet<String> {
    let terms = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = affinity.pointer(terms).and_then(Value::as_array).into_iter().flatten();
    let fields = terms.filter_map(|term| term["matchFields"].as_array()).flatten();
    let values = fields.filter_map(|field| field["values"].as_array()).flatten();
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Prefers nodes that fulfil this.
pub fn prefer(affinity: &mut Value, preference: &Value, weight: i32) {
    let preferred = &mut affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
    let mut all = preferred.as_array().cloned().unwrap_or_default();
    all.push(json!({"weight": weight, "preference": preference}));
    *preferred = json!(all);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn node(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[rstest]
    #[case::nothing_else(json!({}), json!([
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["ip-10-0-0-1.internal"]}]},
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]},
    ]))]
    #[case::what_users_say(json!([{"matchExpressions": [{"key": "own", "operator": "Exists"}]}]), json!([
        {"matchExpressions": [{"key": "own", "operator": "Exists"}],
            "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["ip-10-0-0-1.internal"]}]},
        {"matchExpressions": [{"key": "own", "operator": "Exists"}],
            "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]},
    ]))]
    fn nodes_are_required_by_their_names(#[case] given: Value, #[case] expected: Value) {
        let mut affinity = json!({});
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        affinity["nodeAffinity"][required]["nodeSelectorTerms"] = given;
        require_nodes(&mut affinity, &["ip-10-0-0-1.internal".to_owned(), "b".to_owned()]);
        assert_eq!(affinity["nodeAffinity"][required]["nodeSelectorTerms"], expected);
        assert_eq!(
            required_nodes(&affinity),
            ["b", "ip-10-0-0-1.internal"].map(str::to_owned).into()
        );
    }

    #[test]
    fn an_operation_follows_another_one_by_the_labels_that_it_names() {
        let nodes = [
            node(&[(HOSTNAME, "b"), ("topology.kubernetes.io/zone", "z"), ("rack", "7")]),
            node(&[(HOSTNAME, "a"), ("topology.kubernetes.io/zone", "z"), ("rack", "7")]),
        ];
        let ran = ran_on(&nodes, Some("rack, missing")).unwrap();
        let strategy = |value: Value| serde_json::from_value::<AffinityStrategy>(value).unwrap();

        let mut affinity = json!({});
        follow(&mut affinity, &strategy(json!({"policy": "Require"})), &ran);
        let terms = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
        let host = json!({"key": HOSTNAME, "operator": "In", "values": ["a", "b"]});
        assert_eq!(affinity.pointer(terms).unwrap(), &json!([{"matchExpressions": [host]}]));

        let mut affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "own", "operator": "Exists"}]}]}}});
        follow(
            &mut affinity,
            &strategy(json!({"policy": "Require", "requires": [{"name": "rack"}]})),
            &ran,
        );
        let both = affinity.pointer(terms).unwrap()[0]["matchExpressions"]
            .as_array()
            .unwrap();
        assert_eq!((both.len(), &both[1]["key"]), (2, &json!("rack")));

        let mut affinity = json!({});
        let prefers =
            json!({"policy": "Prefer", "prefers": [{"name": "rack", "weight": 7}, {"name": "no", "weight": 1}]});
        follow(&mut affinity, &strategy(prefers), &ran);
        let preferred = &affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
        assert_eq!(
            (preferred.as_array().unwrap().len(), &preferred[0]["weight"]),
            (1, &json!(7))
        );

        let mut affinity = json!({});
        follow(&mut affinity, &strategy(json!({})), &ran);
        assert_eq!(affinity, json!({}));
        assert_eq!(ran_on(&[], None), None);

        let required = json!({"policy": "Require", "requires": [{"name": "rack"}, {"name": "shelf"}]});
        assert_eq!(missing(&strategy(required.clone()), Some(&ran)), ["shelf"]);
        assert_eq!(missing(&strategy(required), None), ["rack", "shelf"]);
        assert_eq!(missing(&strategy(json!({"policy": "Require"})), None), [HOSTNAME]);
        assert!(missing(&strategy(json!({"policy": "Require"})), Some(&ran)).is_empty());
        assert!(missing(&strategy(json!({"policy": "Prefer"})), None).is_empty());
    }
}
