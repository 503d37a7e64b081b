//! What Wasser's service accounts are allowed, and what they have asked for.

use std::collections::BTreeSet;

use serde_json::Value;
use wasser_test_cluster::State;

use crate::{environment, tools};

/// What the API server says of a namespace in which nothing can be created any more.
const TERMINATING: &str = "because it is being terminated";

/// A verb on a kind of objects: `patch datasets/status.data.fluid.io`.
pub type Right = String;

/// The rights of a ClusterRole or Role.
pub async fn granted(arguments: &[&str]) -> BTreeSet<Right> {
    let text = tools::kubectl(&[&["get", "-o", "json"], arguments].concat()).await;
    let role: Value = serde_json::from_str(&text).expect("a role");
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        let list = rule[key].as_array().into_iter().flatten();
        list.map(|text| text.as_str().expect("a text").to_owned()).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                rights.extend(texts(rule, "verbs").iter().map(|verb| right(verb, &resource, &group)));
            }
        }
    }
    rights
}

/// What a service account has asked for, by the API server's audit log; and what of it was
/// forbidden to pods that run. None where the cluster is not this project's own.
pub async fn asked(account: &str) -> Option<(BTreeSet<Right>, BTreeSet<Right>)> {
    let state = State::load(&environment::own_cluster()?).expect("reading the cluster's state")?;
    // Pods of a release that is uninstalled go on asking for a moment.
    let names = [
        "get",
        "pods",
        "-n",
        crate::installed::SYSTEM,
        "-o",
        "jsonpath={.items[*].metadata.name}",
    ];
    let names = tools::kubectl(&names).await;
    let running: BTreeSet<&str> = names.split_whitespace().collect();
    let log = std::fs::read_to_string(state.log("audit")).expect("reading the audit log");
    let user = format!("system:serviceaccount:{}:{account}", crate::installed::SYSTEM);
    Some(recorded(&log, &user, &running))
}

/// What a user has asked for, by this log; and what of it was forbidden to these pods.
fn recorded(log: &str, user: &str, running: &BTreeSet<&str>) -> (BTreeSet<Right>, BTreeSet<Right>) {
    let (mut asked, mut forbidden) = (BTreeSet::new(), BTreeSet::new());
    for line in log.lines() {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let object = &event["objectRef"];
        if event["user"]["username"] != user || object["resource"].is_null() {
            continue;
        }
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let resource = match text("subresource") {
            "" => text("resource").to_owned(),
            subresource => format!("{}/{subresource}", text("resource")),
        };
        let right = right(event["verb"].as_str().unwrap_or_default(), &resource, text("apiGroup"));
        let pod = event["user"]["extra"]["authentication.kubernetes.io/pod-name"][0]
            .as_str()
            .unwrap_or_default();
        // Who creates something in a namespace that is terminating gets 403 too, and lacks no right.
        let status = &event["responseStatus"];
        let message = status["message"].as_str().unwrap_or_default();
        if status["code"] == 403 && !message.contains(TERMINATING) && running.contains(pod) {
            forbidden.insert(right.clone());
        }
        asked.insert(right);
    }
    (asked, forbidden)
}

fn right(verb: &str, resource: &str, group: &str) -> Right {
    let dot = if group.is_empty() { "" } else { "." };
    format!("{verb} {resource}{dot}{group}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const USER: &str = "system:serviceaccount:wasser-system:wasser";

    fn event(user: &str, pod: &str, verb: &str, code: u16, message: &str) -> String {
        let event = json!({
            "verb": verb,
            "user": {"username": user, "extra": {"authentication.kubernetes.io/pod-name": [pod]}},
            "objectRef": {"resource": "events", "apiGroup": "events.k8s.io", "namespace": "e2e-demand-1"},
            "responseStatus": {"code": code, "message": message},
        });
        event.to_string()
    }

    #[test]
    fn a_namespace_that_terminates_is_no_lack_of_rights() {
        let terminating = "events \"demo.1\" is forbidden: unable to create new content in namespace \
            e2e-demand-1 because it is being terminated";
        let lacking = "events is forbidden: User cannot list resource";
        let other = "system:serviceaccount:wasser-system:other";
        let log = [
            event(USER, "wasser-1", "create", 403, terminating),
            event(USER, "wasser-1", "list", 403, lacking),
            event(USER, "wasser-0", "patch", 403, lacking),
            event(other, "other-1", "get", 200, ""),
            // The API server is writing it.
            "{\"verb\": \"del".to_owned(),
        ];
        let (asked, forbidden) = recorded(&log.join("\n"), USER, &BTreeSet::from(["wasser-1", "other-1"]));
        let rights = ["create", "list", "patch"].map(|verb| format!("{verb} events.events.k8s.io"));
        assert_eq!(asked, BTreeSet::from(rights));
        assert_eq!(forbidden, BTreeSet::from(["list events.events.k8s.io".to_owned()]));
    }
}
