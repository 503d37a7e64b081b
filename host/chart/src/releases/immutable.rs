//! Fields of workloads that the API server does not let anybody change.
//!
//! Charts change: another version of one, or that of Fluid before Wasser's, selects pods by other
//! labels. A workload that is there keeps what it has, and its pods get what it selects them by in
//! addition, so that the rest of an upgrade can be carried out. Claims are different, since users
//! ask for their sizes: other ones are refused, and before anything is written.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::DynamicObject;
use serde_json::{Map, Value, json};

use super::reference::Reference;

const CLAIMS: &str = "volumeClaimTemplates";
const OF_STATEFUL_SETS: [&str; 4] = ["selector", "serviceName", "podManagementPolicy", CLAIMS];
const OF_DAEMON_SETS: [&str; 1] = ["selector"];

/// The immutable fields of a workload, as they are in the cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Immutables {
    names: &'static [&'static str],
    live: Map<String, Value>,
}

/// An object that is there already.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What of it cannot be changed. None if its kind has no such fields.
    pub immutables: Option<Immutables>,
}

impl Live {
    /// One of a kind that charts do not change.
    pub fn without_immutables(metadata: ObjectMeta) -> Self {
        Self {
            metadata,
            immutables: None,
        }
    }
}

/// The immutable fields of a kind of workload. None if it has none that charts change.
pub fn names(reference: &Reference) -> Option<&'static [&'static str]> {
    match (reference.gvk.group.as_str(), reference.gvk.kind.as_str()) {
        ("apps", "StatefulSet") => Some(&OF_STATEFUL_SETS),
        ("apps", "DaemonSet") => Some(&OF_DAEMON_SETS),
        _ => None,
    }
}

impl Immutables {
    /// Those of an object. None if its kind has none.
    pub fn of(reference: &Reference, object: &DynamicObject) -> Option<Self> {
        let names = names(reference)?;
        let spec = &object.data["spec"];
        let fields = names.iter().filter_map(|name| {
            let field = spec.get(*name).filter(|field| !field.is_null())?;
            Some(((*name).to_owned(), field.clone()))
        });
        Some(Self {
            names,
            live: fields.collect(),
        })
    }

    /// Makes the content of an object have them, with pods that it selects.
    pub fn keep(&self, content: &mut Value) {
        let Some(spec) = content.get_mut("spec").and_then(Value::as_object_mut) else {
            return;
        };
        for name in self.names {
            match self.live.get(*name) {
                Some(field) => drop(spec.insert((*name).to_owned(), field.clone())),
                None => drop(spec.remove(*name)),
            }
        }
        let selected = self
            .live
            .get("selector")
            .and_then(|selector| selector["matchLabels"].as_object());
        let Some(selected) = selected else { return };
        let template = spec.entry("template").or_insert_with(|| json!({}));
        for (key, value) in selected {
            template["metadata"]["labels"][key] = value.clone();
        }
    }

    /// Whether an object asks for other claims than there are. `before` is the content that was
    /// last applied: what is written otherwise than the API server shows it was not changed.
    pub fn refuse(&self, wanted: &Value, before: Option<&Value>) -> bool {
        if !self.names.contains(&CLAIMS) {
            return false;
        }
        let of = |content: &Value| claims(&content["spec"][CLAIMS]);
        let asked = of(wanted);
        let there = claims(self.live.get(CLAIMS).unwrap_or(&Value::Null));
        asked != there && before.is_none_or(|before| of(before) != asked)
    }
}

/// What users ask for in claim templates, without what the API server adds.
fn claims(templates: &Value) -> Vec<Value> {
    let claim = |template: &Value| {
        let spec = &template["spec"];
        json!([
            template["metadata"]["name"],
            spec["accessModes"],
            spec["storageClassName"],
            spec["resources"]["requests"],
            spec["selector"]
        ])
    };
    templates.as_array().into_iter().flatten().map(claim).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn immutables(kind: &str, spec: Value) -> Immutables {
        let object: DynamicObject = serde_json::from_value(json!({"apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": "demo"}, "spec": spec}))
        .unwrap();
        Immutables::of(&Reference::of(&object).unwrap(), &object).unwrap()
    }

    fn claim(size: &str) -> Value {
        json!([{"metadata": {"name": "cache"}, "spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}}}}])
    }

    #[test]
    fn a_workload_keeps_its_selector_and_its_pods_have_the_labels() {
        let live = json!({"selector": {"matchLabels": {"app": "old", "name": "demo"}}, "serviceName": "old",
            "podManagementPolicy": "Parallel"});
        let mut content = json!({"spec": {
            "selector": {"matchLabels": {"app": "new", "chart": "new-1"}}, "serviceName": "new", "replicas": 1,
            "template": {"metadata": {"labels": {"app": "new", "chart": "new-1"}}},
        }});
        immutables("StatefulSet", live.clone()).keep(&mut content);
        assert_eq!(
            content,
            json!({"spec": {
                "selector": {"matchLabels": {"app": "old", "name": "demo"}}, "serviceName": "old",
                "podManagementPolicy": "Parallel", "replicas": 1,
                "template": {"metadata": {"labels": {"app": "old", "name": "demo", "chart": "new-1"}}},
            }})
        );
        let mut content = json!({"spec": {"selector": {}, "template": {}}});
        immutables("DaemonSet", live).keep(&mut content);
        let labels = json!({"app": "old", "name": "demo"});
        assert_eq!(content["spec"]["template"]["metadata"]["labels"], labels);
        assert_eq!(content["spec"]["serviceName"], Value::Null, "a DaemonSet has none");
    }

    #[rstest]
    #[case::the_same(claim("1Gi"), claim("1Gi"), None, false)]
    #[case::none(Value::Null, Value::Null, None, false)]
    #[case::larger(claim("1Gi"), claim("2Gi"), Some(claim("1Gi")), true)]
    #[case::one_that_comes(Value::Null, claim("1Gi"), Some(Value::Null), true)]
    #[case::one_that_goes(claim("1Gi"), Value::Null, Some(claim("1Gi")), true)]
    #[case::written_otherwise(claim("1Gi"), claim("1024Mi"), Some(claim("1024Mi")), false)]
    #[case::unknown(claim("1Gi"), claim("2Gi"), None, true)]
    fn other_claims_are_refused(
        #[case] live: Value,
        #[case] wanted: Value,
        #[case] before: Option<Value>,
        #[case] refused: bool,
    ) {
        let content = |claims: Value| json!({"spec": {"volumeClaimTemplates": claims}});
        let live = immutables("StatefulSet", json!({"volumeClaimTemplates": live}));
        assert_eq!(live.refuse(&content(wanted), before.map(content).as_ref()), refused);
    }

    #[test]
    fn what_the_api_server_adds_to_claims_is_not_a_change() {
        let mut shown = claim("1Gi");
        shown[0]["spec"]["volumeMode"] = json!("Filesystem");
        shown[0]["status"] = json!({"phase": "Pending"});
        let live = immutables("StatefulSet", json!({"volumeClaimTemplates": shown}));
        assert!(!live.refuse(&json!({"spec": {"volumeClaimTemplates": claim("1Gi")}}), None));
    }
}
