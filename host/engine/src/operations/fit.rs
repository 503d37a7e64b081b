//! On which nodes the pods of a plan can run: the volume may be for some nodes only, users choose nodes,
//! and an operation may have to follow another one.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_api::reasons::events as reasons;

use super::operation::{Operation, Spec};
use super::place;
use super::plan::Plan;
use super::refused::Refused;

/// The figure of an operation that runs on none of the nodes with a worker: the fields that keep it from them.
pub const WITHOUT_WORKER: &str = "without-worker";
/// Where the volume and an affinity have their terms, which are alternatives.
const OF_VOLUME: &str = "/required/nodeSelectorTerms";
const OF_AFFINITY: &str = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";

/// A node, as pods choose by it.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A condition for nodes.
#[derive(Debug)]
pub struct Demand {
    /// The field of an object that makes it.
    field: String,
    terms: Vec<Value>,
}

/// Returns what is demanded of the nodes of an operation. `volume` is the field that the volume has its
/// nodes from and its `nodeAffinity`; `ran` is where the operation ran that this one follows.
pub fn demands(operation: &Operation, volume: Option<(String, &Value)>, ran: Option<&Value>) -> Vec<Demand> {
    let (selector, affinity) = match &operation.spec {
        Spec::Load(spec) => (Some(&spec.node_selector), spec.affinity.as_ref()),
        Spec::Migrate(spec) => (Some(&spec.node_selector), spec.affinity.as_ref()),
        Spec::Backup(_) | Spec::Process(_) => (None, None),
    };
    let labels: Vec<Value> = selector
        .into_iter()
        .flatten()
        .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
        .collect();
    let mut selected = json!({});
    place::require(&mut selected, &labels);
    let mut followed = json!({});
    let strategy = operation
        .spec
        .run_after()
        .and_then(|after| after.affinity_strategy.as_ref());
    if let (Some(strategy), Some(ran)) = (strategy, ran) {
        place::follow(&mut followed, strategy, ran);
    }
    let own = |field: &str| format!("{}.spec.{field}", operation.kind);
    let none = Value::Null;
    let found = [
        volume.and_then(|(field, affinity)| Demand::of(field, affinity, OF_VOLUME)),
        Demand::of(own("nodeSelector"), &selected, OF_AFFINITY),
        Demand::of(own("affinity"), affinity.unwrap_or(&none), OF_AFFINITY),
        Demand::of(own("runAfter.affinityStrategy"), &followed, OF_AFFINITY),
    ];
    found.into_iter().flatten().collect()
}

/// Takes the nodes out of a plan that do not fit. If none is left, one pod reads the data on a node that
/// fits, and what is returned says why: what it loads comes into the cache of that node only.
///
/// # Errors
/// No node at all fits; the message names the fields that contradict each other.
pub fn keep(
    operation: &Operation,
    plan: &mut Plan,
    demands: &[Demand],
    nodes: &[Node],
) -> Result<Option<String>, Refused> {
    let fits = |node: &Node| demands.iter().all(|demand| demand.fits(node));
    let planned: Vec<Node> = plan
        .nodes
        .iter()
        .map(|name| {
            let known = nodes.iter().find(|node| node.name == *name).cloned();
            known.unwrap_or_else(|| Node {
                name: name.clone(),
                ..Node::default()
            })
        })
        .collect();
    let (kept, left): (Vec<Node>, Vec<Node>) = planned.into_iter().partition(fits);
    if !kept.is_empty() || left.is_empty() {
        plan.nodes = kept.into_iter().map(|node| node.name).collect();
        return Ok(None);
    }
    if plan.dataset_mount.is_some() && nodes.iter().any(fits) {
        plan.nodes.clear();
        return Ok(Some(contradiction(demands, &left).join(", ")));
    }
    let all = if plan.dataset_mount.is_some() { nodes } else { &left };
    let message = match contradiction(demands, all).as_slice() {
        [field] => format!("no node fits {field}; correct it"),
        [first, second] => format!("no node fits both {first} and {second}; change one of them"),
        fields => format!("no node fits all of {}; change one of them", fields.join(", ")),
    };
    Err(Refused::new(
        reasons::DATA_OPERATION_NOT_VALID,
        format!("{message}, and create the {} again", operation.kind),
    ))
}

/// Returns the fields of the fewest demands of which no node fits all.
fn contradiction<'a>(demands: &'a [Demand], nodes: &[Node]) -> Vec<&'a str> {
    let fits_none = |some: &[&Demand]| !nodes.iter().any(|node| some.iter().all(|demand| demand.fits(node)));
    if let Some(demand) = demands.iter().find(|demand| fits_none(&[demand])) {
        return vec![&demand.field];
    }
    for (at, first) in demands.iter().enumerate() {
        if let Some(second) = demands[at + 1..].iter().find(|second| fits_none(&[first, second])) {
            return vec![&first.field, &second.field];
        }
    }
    demands.iter().map(|demand| demand.field.as_str()).collect()
}

impl Demand {
    fn of(field: String, affinity: &Value, terms: &str) -> Option<Self> {
        let terms = affinity.pointer(terms)?.as_array()?.clone();
        Some(Self { field, terms })
    }

    /// Whether a node fulfils it, as Kubernetes decides it.
    fn fits(&self, node: &Node) -> bool {
        let list = |term: &Value, name: &str| term[name].as_array().cloned().unwrap_or_default();
        self.terms.iter().any(|term| {
            let (labels, fields) = (list(term, "matchExpressions"), list(term, "matchFields"));
            let label = |wanted: &Value| {
                let key = wanted["key"].as_str().unwrap_or_default();
                is_met(wanted, node.labels.get(key).map(String::as_str))
            };
            // The name is the only field that there is.
            let field = |wanted: &Value| is_met(wanted, Some(&node.name));
            let is_empty = labels.is_empty() && fields.is_empty();
            !is_empty && labels.iter().all(label) && fields.iter().all(field)
        })
    }
}

/// Whether a requirement of an affinity is met by the value of its label.
fn is_met(requirement: &Value, value: Option<&str>) -> bool {
    let wanted = requirement["values"].as_array().into_iter().flatten();
    let wanted: Vec<&str> = wanted.filter_map(Value::as_str).collect();
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let numbers = number(value).zip(number(wanted.first().copied()));
    match requirement["operator"].as_str().unwrap_or_default() {
        "In" => value.is_some_and(|value| wanted.contains(&value)),
        "NotIn" => value.is_none_or(|value| !wanted.contains(&value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers.is_some_and(|(value, wanted)| value > wanted),
        "Lt" => numbers.is_some_and(|(value, wanted)| value < wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use wasser_api::operations::OperationKind;

    use super::super::plan::DatasetMount;
    use super::*;

    /// A load with this spec.
    fn load(mut spec: Value) -> Operation {
        spec["dataset"] = json!({"name": "demo"});
        let object = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "DataLoad", "spec": spec,
            "metadata": {"name": "warm", "namespace": "default"}});
        Operation::read(
            OperationKind::DataLoad,
            Arc::new(serde_json::from_value(object).unwrap()),
        )
        .unwrap()
    }

    /// Nodes `a` and `b` of the pool `cache`, and `c` of the pool `gpu`.
    fn nodes() -> Vec<Node> {
        let node = |name: &str, pool: &str| Node {
            name: name.to_owned(),
            labels: [("pool", pool), ("kubernetes.io/hostname", name), ("disks", "2")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        };
        vec![node("a", "cache"), node("b", "cache"), node("c", "gpu")]
    }

    fn terms(key: &str, value: &str) -> Value {
        json!({"nodeSelectorTerms": [{"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}]})
    }

    #[rstest]
    #[case::no_demand(json!({}), None, Ok((&["a", "b"][..], None)))]
    #[case::selector_of_some(json!({"nodeSelector": {"kubernetes.io/hostname": "b"}}), None, Ok((&["b"][..], None)))]
    #[case::affinity_of_some(
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            terms("kubernetes.io/hostname", "a")}}}),
        Some("cache"), Ok((&["a"][..], None))
    )]
    #[case::volume_without_workers(json!({}), Some("gpu"), Ok((&[][..], Some("DemoRuntime.spec.fuse.nodeSelector"))))]
    #[case::selector_without_workers(
        json!({"nodeSelector": {"pool": "gpu"}}), None, Ok((&[][..], Some("DataLoad.spec.nodeSelector")))
    )]
    #[case::place_without_workers(
        json!({"runAfter": {"kind": "DataProcess", "name": "p", "affinityStrategy": {"policy": "Require"}}}), None,
        Ok((&[][..], Some("DataLoad.spec.runAfter.affinityStrategy")))
    )]
    #[case::place_that_is_preferred(
        json!({"runAfter": {"kind": "DataProcess", "name": "p", "affinityStrategy": {"policy": "Prefer"}}}), None,
        Ok((&["a", "b"][..], None))
    )]
    #[case::no_such_node(
        json!({"nodeSelector": {"pool": "none"}}), Some("gpu"),
        Err("no node fits DataLoad.spec.nodeSelector; correct it, and create the DataLoad again")
    )]
    #[case::contradiction(
        json!({"nodeSelector": {"pool": "cache"}}), Some("gpu"),
        Err("no node fits both DemoRuntime.spec.fuse.nodeSelector and DataLoad.spec.nodeSelector; change one of them, and \
             create the DataLoad again")
    )]
    fn pods_are_planned_only_for_nodes_on_which_they_can_run(
        #[case] spec: Value,
        #[case] volume: Option<&str>,
        #[case] expected: Result<(&[&str], Option<&str>), &str>,
    ) {
        let operation = load(spec);
        let volume = volume.map(|pool| json!({"required": terms("pool", pool)}));
        let volume = volume
            .as_ref()
            .map(|volume| ("DemoRuntime.spec.fuse.nodeSelector".to_owned(), volume));
        let ran = json!({"requiredDuringSchedulingIgnoredDuringExecution": terms("kubernetes.io/hostname", "c")});
        let demands = demands(&operation, volume, Some(&ran));
        let mut plan = Plan {
            nodes: vec!["a".to_owned(), "b".to_owned()],
            dataset_mount: Some(DatasetMount::default()),
            ..Plan::default()
        };
        let found = keep(&operation, &mut plan, &demands, &nodes()).map_err(|refused| refused.to_string());
        let names: Vec<&str> = plan.nodes.iter().map(String::as_str).collect();
        let found = found.as_ref().map(|why| (names.as_slice(), why.as_deref()));
        assert_eq!(found.map_err(String::as_str), expected);
    }

    #[test]
    fn work_that_needs_its_nodes_is_done_nowhere_else() {
        let operation = load(json!({"nodeSelector": {"pool": "gpu"}}));
        let mut plan = Plan {
            nodes: vec!["a".to_owned()],
            ..Plan::default()
        };
        let refused = keep(&operation, &mut plan, &demands(&operation, None, None), &nodes()).unwrap_err();
        assert!(
            refused.to_string().contains("no node fits DataLoad.spec.nodeSelector"),
            "{refused}"
        );
    }

    #[rstest]
    #[case(json!({"operator": "NotIn", "key": "pool", "values": ["gpu"]}), &["a", "b"])]
    #[case(json!({"operator": "Exists", "key": "none"}), &[])]
    #[case(json!({"operator": "DoesNotExist", "key": "none"}), &["a", "b", "c"])]
    #[case(json!({"operator": "Gt", "key": "disks", "values": ["1"]}), &["a", "b", "c"])]
    #[case(json!({"operator": "Lt", "key": "disks", "values": ["2"]}), &[])]
    #[case(json!({"operator": "Near", "key": "pool", "values": ["gpu"]}), &[])]
    fn nodes_fit_as_kubernetes_decides_it(#[case] requirement: Value, #[case] expected: &[&str]) {
        let demand = |terms: Value| Demand {
            field: String::new(),
            terms: terms.as_array().unwrap().clone(),
        };
        let all = nodes();
        let fitting = |demand: Demand| -> Vec<&str> {
            let fitting = all.iter().filter(|node| demand.fits(node));
            fitting.map(|node| node.name.as_str()).collect()
        };
        assert_eq!(fitting(demand(json!([{"matchExpressions": [requirement]}]))), expected);
        let named = json!({"key": "metadata.name", "operator": "In", "values": ["c"]});
        assert_eq!(fitting(demand(json!([{}, {"matchFields": [named]}]))), ["c"]);
    }
}
