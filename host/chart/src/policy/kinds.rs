//! Kinds: which group a granted name means, and which have no namespace.

use kube::api::{DynamicObject, TypeMeta};

/// Kinds that Kubernetes itself has in namespaces, by group. A grant names these without their
/// group.
const NAMESPACED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "ConfigMap",
            "Endpoints",
            "LimitRange",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    (
        "apps",
        &[
            "ControllerRevision",
            "DaemonSet",
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
        ],
    ),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("batch", &["CronJob", "Job"]),
    ("coordination.k8s.io", &["Lease"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("networking.k8s.io", &["Ingress", "NetworkPolicy"]),
    ("policy", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io", &["Role", "RoleBinding"]),
];

/// Kinds that Kubernetes itself has outside of namespaces, by group.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["Namespace", "Node", "PersistentVolume"]),
    (
        "admissionregistration.k8s.io",
        &[
            "MutatingAdmissionPolicy",
            "MutatingAdmissionPolicyBinding",
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    ("apiregistration.k8s.io", &["APIService"]),
    (
        "certificates.k8s.io",
        &["CertificateSigningRequest", "ClusterTrustBundle"],
    ),
    (
        "flowcontrol.apiserver.k8s.io",
        &["FlowSchema", "PriorityLevelConfiguration"],
    ),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    (
        "storage.k8s.io",
        &[
            "CSIDriver",
            "CSINode",
            "StorageClass",
            "VolumeAttachment",
            "VolumeAttributesClass",
        ],
    ),
];

/// The API group of an object; empty for the core.
pub fn group(types: &TypeMeta) -> &str {
    types.api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// The version of an object's API.
pub fn version(types: &TypeMeta) -> &str {
    types
        .api_version
        .rsplit_once('/')
        .map_or(types.api_version.as_str(), |(_, version)| version)
}

/// Group and kind of an object; none if it does not say.
pub fn identify(object: &DynamicObject) -> Option<(&str, &str)> {
    let types = object.types.as_ref()?;
    (!types.kind.is_empty() && !types.api_version.is_empty()).then(|| (group(types), types.kind.as_str()))
}

/// Whether a name is one part of a path, whatever server or proxy reads it.
pub fn is_plain(name: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    !name.is_empty() && name != "." && name != ".." && name.bytes().all(harmless)
}

/// How a grant names a kind: `StatefulSet` for what Kubernetes itself has, `Kind.group` for
/// everything else.
pub fn grant(group: &str, kind: &str) -> String {
    if contains(NAMESPACED, group, kind) {
        kind.to_owned()
    } else {
        format!("{kind}.{group}")
    }
}

/// Where a workload of Kubernetes itself has the template of its pods. None for everything else.
pub fn pod_template(group: &str, kind: &str) -> Option<&'static str> {
    match (group, kind) {
        ("apps", "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job")
        | ("", "ReplicationController") => Some("/spec/template"),
        ("batch", "CronJob") => Some("/spec/jobTemplate/spec/template"),
        ("", "PodTemplate") => Some("/template"),
        _ => None,
    }
}

/// Where an object has the template of its Jobs, which have labels besides those of their pods.
pub fn job_template(group: &str, kind: &str) -> Option<&'static str> {
    ((group, kind) == ("batch", "CronJob")).then_some("/spec/jobTemplate")
}

/// Whether Kubernetes itself has this kind, outside of namespaces.
pub fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    contains(CLUSTER_SCOPED, group, kind)
}

/// Whether Kubernetes itself has this kind, in namespaces. Such kinds have regular plurals.
pub fn is_known(group: &str, kind: &str) -> bool {
    contains(NAMESPACED, group, kind)
}

fn contains(table: &[(&str, &[&str])], group: &str, kind: &str) -> bool {
    table
        .iter()
        .any(|(known, kinds)| *known == group && kinds.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_name_kubernetes_kinds_plainly_and_others_with_their_group() {
        assert_eq!(grant("apps", "StatefulSet"), "StatefulSet");
        assert_eq!(grant("", "ConfigMap"), "ConfigMap");
        assert_eq!(grant("apps.kruise.io", "StatefulSet"), "StatefulSet.apps.kruise.io");
        assert_eq!(grant("extensions", "DaemonSet"), "DaemonSet.extensions");
    }

    #[test]
    fn scope_depends_on_the_group() {
        assert!(is_cluster_scoped("", "PersistentVolume"));
        assert!(!is_cluster_scoped("example.com", "PersistentVolume"));
        assert!(is_known("batch", "Job") && !is_known("", "Job"));
    }
}
