//! What the operator may do: as docs/security.md says, and as much as charts may pass on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use wasser_chart::Policy;

use crate::support::{meta, pack, renderer};
use crate::{BEGINS, built_in, chart_with, root};

/// Verbs by resource; those of Roles in the operator's own namespace begin with `own `.
type Rights = BTreeMap<String, BTreeSet<String>>;

/// The rules of the operator's ClusterRole, and of its Role.
async fn rules(plugins: &[&str], values: &Value) -> [Vec<Value>; 2] {
    let (_directory, chart) = chart_with(plugins);
    let rendered = renderer().render(&pack(&chart), &meta(), values).await.unwrap();
    let text = rendered.template();
    let objects = text
        .split(BEGINS)
        .filter(|object| object.starts_with("wasser/templates/operator/rbac.yaml"));
    let objects: Vec<Value> = objects
        .map(|object| yaml_serde::from_str(object.split_once('\n').unwrap().1).unwrap())
        .collect();
    ["ClusterRole", "Role"].map(|kind| {
        let role = objects.iter().find(|object| object["kind"] == kind).unwrap();
        role["rules"].as_array().unwrap().clone()
    })
}

fn words<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    let words = rule[field].as_array().into_iter().flatten();
    words.map(|word| word.as_str().unwrap()).collect()
}

/// The name of a resource in the table. Each kind of runtimes has the same rights, but that some are
/// created.
fn name(resource: &str, verb: &str) -> String {
    match resource.split_once("runtimes") {
        Some((_, rest)) if verb != "create" && (rest.is_empty() || rest == "/status") => format!("…runtimes{rest}"),
        _ => resource.to_owned(),
    }
}

fn rights(rules: &[Value], own: &str, rights: &mut Rights) {
    for rule in rules {
        let names = words(rule, "resourceNames");
        let named = if names.is_empty() {
            String::new()
        } else {
            format!(" named {}", names.join(" "))
        };
        for (resource, verb) in words(rule, "resources")
            .iter()
            .flat_map(|resource| words(rule, "verbs").into_iter().map(move |verb| (*resource, verb)))
        {
            let of = format!("{own}{}{named}", name(resource, verb));
            rights.entry(of).or_default().insert(verb.to_owned());
        }
    }
}

/// What the first column of the table says, such as ``get, list: `pods`; get: `pods/log` ``.
fn documented() -> Rights {
    let text = fs::read_to_string(root().join("docs/security.md")).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with("What the operator may do"));
    let mut rights = Rights::new();
    for row in section.unwrap().lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cell = row.trim_start_matches("| ").split(" | ").next().unwrap();
        let (own, cell) = match cell.strip_prefix("in its own namespace, ") {
            Some(cell) => ("own ", cell),
            None => ("", cell),
        };
        for part in cell.replace("` named `", " named ").split("; ") {
            let (verbs, resources) = part.split_once(": ").unwrap_or_else(|| panic!("{part}"));
            for resource in resources.split('`').skip(1).step_by(2) {
                let of = rights.entry(format!("{own}{resource}")).or_default();
                of.extend(verbs.split(", ").map(str::to_owned));
            }
        }
    }
    rights
}

#[tokio::test]
async fn the_document_names_all_rights_of_the_operator() {
    let plugins = built_in();
    let plugins: Vec<&str> = plugins.iter().map(String::as_str).collect();
    assert!(plugins.len() >= 7, "{plugins:?}");
    let values = json!({"plugins": {"vineyard": {"grants": {"http": ["worker:9567"]}}}});
    let [cluster, own] = rules(&plugins, &values).await;
    let mut has = Rights::new();
    rights(&cluster, "", &mut has);
    rights(&own, "own ", &mut has);
    let documented = documented();
    let resources: BTreeSet<&String> = has.keys().chain(documented.keys()).collect();
    for resource in resources {
        assert_eq!(has.get(resource), documented.get(resource), "{resource}");
    }
}

/// A setting may be a boolean, which `--set` makes of it.
#[tokio::test]
async fn runtimes_are_created_only_for_a_plugin_that_serves_references() {
    for (setting, creates) in [
        (json!("true"), true),
        (json!(true), true),
        (json!(false), false),
        (json!("false"), false),
    ] {
        let values = json!({"plugins": {"thin": {"settings": {"dataset-references": setting}}}});
        let [cluster, _] = rules(&["thin"], &values).await;
        let created = covers(&cluster, "data.fluid.io", "thinruntimes", "create");
        assert_eq!(created, creates, "{values}");
    }
}

/// Whether one of the rules gives this for all names.
fn covers(rules: &[Value], group: &str, resource: &str, verb: &str) -> bool {
    rules.iter().any(|rule| {
        words(rule, "apiGroups").contains(&group)
            && words(rule, "resources").contains(&resource)
            && words(rule, "verbs").contains(&verb)
            && words(rule, "resourceNames").is_empty()
    })
}

/// The API server refuses a Role that gives what the operator has not.
#[tokio::test]
async fn the_operator_has_what_every_chart_may_give_but_leases() {
    let [with_role, _] = rules(&[], &json!({"rbac": {"kinds": ["Role"]}})).await;
    let [without, _] = rules(&[], &json!({"rbac": {"kinds": ["Service"]}})).await;
    let policy = Policy {
        namespace: "ns".to_owned(),
        kinds: ["Role".to_owned()].into(),
        ..Policy::default()
    };
    let groups = [
        "",
        "apps",
        "batch",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
    ];
    let resources = [
        "configmaps",
        "endpoints",
        "endpointslices",
        "events",
        "jobs",
        "leases",
        "nodes",
        "persistentvolumeclaims",
        "pods",
        "pods/exec",
        "pods/log",
        "secrets",
        "serviceaccounts",
        "services",
        "statefulsets",
    ];
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];
    let mut ordinary = 0;
    for (group, resource) in groups
        .iter()
        .flat_map(|group| resources.map(move |resource| (*group, resource)))
    {
        for verb in verbs {
            let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "demo"},
                "rules": [{"apiGroups": [group], "resources": [resource], "verbs": [verb]}]});
            if policy.admit(&[serde_json::from_value(role).unwrap()]).is_ok() {
                ordinary += 1;
                assert!(covers(&with_role, group, resource, verb), "{group} {resource} {verb}");
            }
        }
    }
    assert!(ordinary > 15, "{ordinary}");
    assert!(!covers(&without, "discovery.k8s.io", "endpointslices", "get"));
    assert!(!covers(&with_role, "coordination.k8s.io", "leases", "update"));
}
