//! Defaults of Kubernetes' own kinds.

use serde_json::{Value, json};

use super::fill;

/// Sets the defaults of an object.
pub(super) fn set(kind: &str, object: &mut Value) {
    let spec = &mut object["spec"];
    match kind {
        "Pod" => pod(spec),
        "StatefulSet" => {
            fill(spec, "replicas", json!(1));
            fill(spec, "podManagementPolicy", json!("OrderedReady"));
            fill(spec, "revisionHistoryLimit", json!(10));
            fill(spec, "updateStrategy", json!({"type": "RollingUpdate"}));
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                fill(&mut spec["updateStrategy"], "rollingUpdate", json!({"partition": 0}));
            }
            fill(
                spec,
                "persistentVolumeClaimRetentionPolicy",
                json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
            );
            pod(&mut spec["template"]["spec"]);
        }
        "DaemonSet" => {
            fill(spec, "revisionHistoryLimit", json!(10));
            fill(spec, "updateStrategy", json!({"type": "RollingUpdate"}));
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                fill(
                    &mut spec["updateStrategy"],
                    "rollingUpdate",
                    json!({"maxUnavailable": 1, "maxSurge": 0}),
                );
            }
            pod(&mut spec["template"]["spec"]);
        }
        "Deployment" => {
            fill(spec, "replicas", json!(1));
            fill(spec, "revisionHistoryLimit", json!(10));
            fill(spec, "progressDeadlineSeconds", json!(600));
            let rolling =
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}});
            fill(spec, "strategy", rolling);
            pod(&mut spec["template"]["spec"]);
        }
        "ReplicaSet" => {
            fill(spec, "replicas", json!(1));
            pod(&mut spec["template"]["spec"]);
        }
        "Job" => {
            let is_limited = spec.get("backoffLimitPerIndex").is_some();
            let attempts = if is_limited { json!(i32::MAX) } else { json!(6) };
            for (field, value) in [
                ("parallelism", json!(1)),
                ("completions", json!(1)),
                ("backoffLimit", attempts),
            ] {
                fill(spec, field, value);
            }
            fill(spec, "completionMode", json!("NonIndexed"));
            fill(spec, "suspend", json!(false));
            pod(&mut spec["template"]["spec"]);
        }
        "Service" => service(spec),
        "PersistentVolume" => {
            fill(spec, "persistentVolumeReclaimPolicy", json!("Retain"));
            fill(spec, "volumeMode", json!("Filesystem"));
        }
        "PersistentVolumeClaim" => fill(spec, "volumeMode", json!("Filesystem")),
        "Secret" => fill(object, "type", json!("Opaque")),
        "CustomResourceDefinition" => fill(spec, "conversion", json!({"strategy": "None"})),
        _ => {}
    }
    // A kind without a spec got a null by being looked at.
    if let Some(fields) = object.as_object_mut()
        && fields.get("spec").is_some_and(Value::is_null)
    {
        fields.remove("spec");
    }
}

fn service(spec: &mut Value) {
    fill(spec, "type", json!("ClusterIP"));
    fill(spec, "sessionAffinity", json!("None"));
    fill(spec, "internalTrafficPolicy", json!("Cluster"));
    fill(spec, "ipFamilies", json!(["IPv4"]));
    fill(spec, "ipFamilyPolicy", json!("SingleStack"));
    for port in spec
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let number = port["port"].clone();
        fill(port, "protocol", json!("TCP"));
        fill(port, "targetPort", number);
    }
}

fn pod(spec: &mut Value) {
    if spec.is_null() {
        return;
    }
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("securityContext", json!({})),
    ] {
        fill(spec, field, value);
    }
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        fill(spec, "serviceAccount", account);
    }
    let on_host = spec["hostNetwork"] == true;
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            one_container(container, on_host);
        }
    }
    for volume in spec
        .get_mut("volumes")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        for source in ["secret", "configMap", "projected", "downwardAPI"] {
            if let Some(source) = volume.get_mut(source) {
                fill(source, "defaultMode", json!(420));
            }
        }
        if let Some(path) = volume.get_mut("hostPath") {
            fill(path, "type", json!(""));
        }
    }
}

fn one_container(container: &mut Value, on_host: bool) {
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().unwrap_or_default();
    let is_moving = !image.contains('@') && (!tag.contains(':') || tag.ends_with(":latest"));
    for (field, value) in [
        (
            "imagePullPolicy",
            json!(if is_moving { "Always" } else { "IfNotPresent" }),
        ),
        ("terminationMessagePath", json!("/dev/termination-log")),
        ("terminationMessagePolicy", json!("File")),
        ("resources", json!({})),
    ] {
        fill(container, field, value);
    }
    for port in container
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        fill(port, "protocol", json!("TCP"));
        if on_host {
            let number = port["containerPort"].clone();
            fill(port, "hostPort", number);
        }
    }
    for variable in container
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(reference) = variable.pointer_mut("/valueFrom/fieldRef") {
            fill(reference, "apiVersion", json!("v1"));
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            for (field, value) in [
                ("timeoutSeconds", 1),
                ("periodSeconds", 10),
                ("successThreshold", 1),
                ("failureThreshold", 3),
            ] {
                fill(probe, field, json!(value));
            }
            if let Some(get) = probe.get_mut("httpGet") {
                fill(get, "scheme", json!("HTTP"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_get_their_defaults_and_others_none() {
        let mut set_ = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "a/b:1",
            "ports": [{"containerPort": 1}]}]}}}});
        set("StatefulSet", &mut set_);
        assert_eq!(set_["spec"]["replicas"], 1);
        let container = &set_["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(
            (&container["imagePullPolicy"], &container["ports"][0]["protocol"]),
            (&json!("IfNotPresent"), &json!("TCP"))
        );
        let mut map = json!({"data": {"a": "b"}});
        set("ConfigMap", &mut map);
        assert_eq!(map, json!({"data": {"a": "b"}}));
    }
}
