//! How the API server of a cluster comes to a `wasser-serve webhook` that is a process of this machine.

use serde_json::{Value, json};

/// On pods that are to be steered to caches.
pub const STEERED_LABEL: &str = "fuse.serverful.fluid.io/inject";
/// On pods that are to mount by themselves.
pub const SIDECAR_LABEL: &str = "serverless.fluid.io/inject";

/// The configuration as the chart has it, but by address, and for the pods of one namespace.
pub fn configuration(name: &str, port: u16, namespace: &str) -> Value {
    let webhook = |name: &str, label: &str| {
        json!({
            "name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore",
            "timeoutSeconds": 5, "reinvocationPolicy": "IfNeeded",
            "clientConfig": {"url": format!("https://127.0.0.1:{port}/mutate-fluid-io-v1alpha1-schedulepod")},
            "objectSelector": {"matchLabels": {label: "true"}},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"],
                "scope": "Namespaced"}]
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            webhook("fuse.serverful.fluid.io", STEERED_LABEL), webhook("sidecar.fuse.fluid.io", SIDECAR_LABEL)
        ]
    })
}
