//! The account of the node plugin changes only the node on which it runs, and there only the labels
//! that bring fuse pods and a session manager: the API server itself sees to that, by the policy of the chart.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // Tests fail by panicking.

use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};

use wasser_e2e::objects::resource;
use wasser_e2e::{Operator, environment};

/// The field by which the API server knows the node of a pod's token.
const NODE: &str = "impersonate-extra-authentication.kubernetes.io%2fnode-name";

/// Lets the test's account change nodes, and installs the chart's policy for it, as the golden file
/// has it. All of that goes with the test's namespace.
async fn install(operator: &Operator, account: &str) {
    let namespaces = Api::<Namespace>::all(operator.client.clone());
    let namespace = namespaces.get(&operator.namespace).await.unwrap();
    let owner =
        json!([{"apiVersion": "v1", "kind": "Namespace", "name": operator.namespace, "uid": namespace.metadata.uid}]);
    let rendered = environment::root().join("host/chart/tests/installer/expected/defaults.yaml");
    let rendered = std::fs::read_to_string(rendered).unwrap();
    let mut objects: Vec<Value> = rendered
        .split("\n---\n")
        .filter(|text| text.contains("# Source: wasser/templates/csi/policy.yaml"))
        .map(|text| yaml_serde::from_str(text).unwrap())
        .collect();
    assert_eq!(objects.len(), 2, "{rendered}");
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": operator.namespace});
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]}],
    }));
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "roleRef": role,
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": account}],
    }));
    for mut object in objects {
        object["metadata"] = json!({"name": operator.namespace, "ownerReferences": owner});
        let text = |key: &str| object[key].as_str().unwrap().to_owned();
        let (version, kind) = (text("apiVersion"), text("kind"));
        if kind == "ValidatingAdmissionPolicy" {
            object["spec"]["matchConditions"][0]["expression"] =
                json!(format!("request.userInfo.username == {account:?}"));
        } else if kind == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["policyName"] = json!(operator.namespace);
        }
        let api = Api::<DynamicObject>::all_with(operator.client.clone(), &resource(&version, &kind));
        let parameters = PatchParams::apply("test").force();
        api.patch(&operator.namespace, &parameters, &Patch::Apply(&object))
            .await
            .unwrap();
    }
}

/// Nodes as somebody with the account sees them, from a pod on this node.
async fn nodes_from(account: &str, node: Option<&str>) -> Api<Node> {
    let mut config = Config::infer().await.unwrap();
    config.auth_info.impersonate = Some(account.to_owned());
    if let Some(node) = node {
        config.headers.push((NODE.parse().unwrap(), node.parse().unwrap()));
    }
    Api::all(Client::try_from(config).unwrap())
}

/// What the API server says to a change, which it does not keep.
async fn tried(nodes: &Api<Node>, name: &str, change: &Value) -> Result<(), String> {
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patched = nodes.patch(name, &parameters, &Patch::Merge(change)).await;
    patched.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn a_node_plugin_changes_only_its_node_and_only_what_it_has_to() {
    let operator = Operator::start("node-policy").await;
    let account = format!("system:serviceaccount:{}:csi", operator.namespace);
    install(&operator, &account).await;
    let all = Api::<Node>::all(operator.client.clone());
    let names: Vec<String> = all
        .list(&ListParams::default())
        .await
        .unwrap()
        .iter()
        .map(ResourceExt::name_any)
        .collect();
    let own = names.first().unwrap();
    // Also where the cluster has one node only.
    let other = names.get(1).unwrap_or(own);
    let (here, elsewhere) = (
        nodes_from(&account, Some(own)).await,
        nodes_from(&account, Some("elsewhere")).await,
    );
    let label = json!({"metadata": {"labels": {"fluid.io/f-ns-demo": "true"}}});
    let refused = || async { tried(&elsewhere, own, &label).await.err() };
    let refused = operator.eventually("the API server knows the policy", refused).await;
    assert!(refused.contains("may not change node"), "{refused}");
    for change in [
        label.clone(),
        json!({"metadata": {"labels": {"fluid.io/f-ns-demo": null}}}),
        json!({"metadata": {"labels": {"fluid.io/efc-sessmgr": "true", "fluid.io/f-ns-demo": "true"}}}),
        json!({"metadata": {"labels": {"fluid.io/efc-sessmgr": null}}}),
    ] {
        let allowed = || async { tried(&here, own, &change).await.ok() };
        operator
            .eventually("the account may change its own node", allowed)
            .await;
    }
    if other != own {
        let refused = tried(&here, other, &label).await.unwrap_err();
        assert!(refused.contains("may not change node"), "{refused}");
    }
    let nowhere = nodes_from(&account, None).await;
    let refused = tried(&nowhere, own, &label).await.unwrap_err();
    assert!(refused.contains("may not change node"), "{refused}");
    let changes = [
        json!({"metadata": {"labels": {"fluid.io/s-ns-demo": "true"}}}),
        json!({"metadata": {"labels": {"fluid.io/efc-sessmgr-2": "true"}}}),
        json!({"metadata": {"labels": {"fluid.io/efc-sessmgr": "true", "fluid.io/s-ns-demo": "true"}}}),
        json!({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}),
        json!({"metadata": {"labels": {"kubernetes.io/hostname": null}}}),
        json!({"metadata": {"labels": {"kubernetes.io/hostname": "another"}}}),
        json!({"metadata": {"annotations": {"touched": "yes"}}}),
        json!({"metadata": {"finalizers": ["test.example.com/held"]}}),
        json!({"spec": {"unschedulable": true}}),
        json!({"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}),
    ];
    for change in changes {
        let refused = tried(&here, own, &change).await.expect_err(&change.to_string());
        assert!(refused.contains("only change labels"), "{change}: {refused}");
    }
    operator.end().await;
}
