//! Text of users that would be something else among arguments, in a variable, or for a shell: it
//! arrives as it is, or is refused by field.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use serde_json::{Value, json};
use support::KIT;
use wasser_testkit::Rendered;
use wasser_testkit::scripts::{HOSTILE, accepted};

/// Returns the first container of a workload.
fn container(rendered: &Rendered, name: &str) -> Value {
    let objects = rendered.objects.iter();
    let found = objects.filter(|object| object.metadata.name.as_deref() == Some(name));
    let mut containers = found.filter_map(|object| object.data["spec"]["template"]["spec"]["containers"].get(0));
    containers.next().cloned().unwrap()
}

fn variable(container: &Value, name: &str) -> Value {
    let variables = container["env"].as_array().unwrap();
    variables.iter().find(|variable| variable["name"] == name).unwrap()["value"].clone()
}

#[tokio::test]
async fn text_is_the_value_of_its_variable() {
    let helm = KIT.helm();
    let mut reached = 0;
    for text in HOSTILE {
        let spec = json!({
            "master": {"env": {"MORE": text}}, "worker": {"env": {"MORE": text}},
            "fuse": {"env": {"MORE": text}, "options": {"more": text}},
            "podMetadata": {"annotations": {"more": text}},
        });
        let Some(values) = accepted(support::values(&support::pair(spec)), "VineyardRuntime") else {
            continue;
        };
        reached += 1;
        let rendered = helm.render(&values).await.unwrap();
        for name in ["demo-master", "demo-worker", "demo-fuse"] {
            assert_eq!(variable(&container(&rendered, name), "MORE"), *text, "{name}");
        }
    }
    assert_eq!(reached, HOSTILE.len() - 4, "those with control characters are refused");
}

#[tokio::test]
async fn text_is_an_argument_of_its_own() {
    let helm = KIT.helm();
    let mut reached = 0;
    for text in HOSTILE {
        let endpoint = json!({"uri": format!("etcd/{text}")});
        let spec = json!({"master": {"endpoint": endpoint}, "worker": {"options": {"etcd.prefix": text}}});
        let Some(values) = accepted(support::values(&support::pair(spec)), "VineyardRuntime") else {
            continue;
        };
        reached += 1;
        let worker = container(&helm.render(&values).await.unwrap(), "demo-worker");
        let command: Vec<&str> = worker["command"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let after = |option: &str| {
            let at = command.iter().position(|word| *word == option).unwrap();
            command[at + 1]
        };
        assert_eq!(after("--etcd_prefix"), *text);
        let addresses = format!("etcd/{text}");
        let all: Vec<String> = addresses
            .split(',')
            .map(|address| format!("http://{}", address.trim()))
            .collect();
        assert_eq!(after("--etcd_endpoint"), "$(ETCD_ENDPOINT)");
        assert_eq!(variable(&worker, "ETCD_ENDPOINT"), all.join(","));
    }
    assert!(reached >= 30, "{reached} were accepted");
}
