//! A profile and a runtime as one: what the runtime says wins, and its lists are added to the
//! profile's.

use wasser_sdk::spec::{CleanPolicy, NetworkMode, Resources, merged, named};

use crate::input::Component;

/// Returns the component of a profile, changed by that of a runtime.
pub fn component(profile: &Component, runtime: &Component) -> Component {
    Component {
        image: text(&profile.image, &runtime.image),
        image_tag: tag(profile, runtime),
        image_pull_policy: text(&profile.image_pull_policy, &runtime.image_pull_policy),
        image_pull_secrets: instead(&profile.image_pull_secrets, &runtime.image_pull_secrets),
        enabled: profile.enabled || runtime.enabled,
        command: instead(&profile.command, &runtime.command),
        args: instead(&profile.args, &runtime.args),
        options: merged(&profile.options, &runtime.options),
        ports: named(&profile.ports, &runtime.ports, "name"),
        env: named(&profile.env, &runtime.env, "name"),
        resources: Resources {
            limits: merged(&profile.resources.limits, &runtime.resources.limits),
            requests: merged(&profile.resources.requests, &runtime.resources.requests),
            claims: named(&profile.resources.claims, &runtime.resources.claims, "name"),
        },
        node_selector: merged(&profile.node_selector, &runtime.node_selector),
        volume_mounts: named(&profile.volume_mounts, &runtime.volume_mounts, "mountPath"),
        liveness_probe: runtime
            .liveness_probe
            .clone()
            .or_else(|| profile.liveness_probe.clone()),
        readiness_probe: runtime
            .readiness_probe
            .clone()
            .or_else(|| profile.readiness_probe.clone()),
        lifecycle: runtime.lifecycle.clone().or_else(|| profile.lifecycle.clone()),
        network_mode: either(&profile.network_mode, &runtime.network_mode, NetworkMode::is_unset),
        clean_policy: either(&profile.clean_policy, &runtime.clean_policy, CleanPolicy::is_unset),
        pod_metadata: profile.pod_metadata.clone().overridden_by(&runtime.pod_metadata),
    }
}

fn text(profile: &str, runtime: &str) -> String {
    either(profile, runtime, str::is_empty)
}

/// Returns what the runtime says, or the profile's if the runtime leaves it unset.
fn either<T: ToOwned + ?Sized>(profile: &T, runtime: &T, is_unset: impl Fn(&T) -> bool) -> T::Owned {
    if is_unset(runtime) { profile } else { runtime }.to_owned()
}

/// Returns the tag. A runtime that names an image without a tag does not mean the tag of the
/// profile's image.
fn tag(profile: &Component, runtime: &Component) -> String {
    if runtime.image.is_empty() {
        text(&profile.image_tag, &runtime.image_tag)
    } else {
        runtime.image_tag.clone()
    }
}

fn instead<T: Clone>(profile: &[T], runtime: &[T]) -> Vec<T> {
    either(profile, runtime, <[T]>::is_empty)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::component;
    use crate::input::Component;

    fn parse(value: Value) -> Component {
        serde_json::from_value(value).unwrap()
    }

    #[rstest]
    #[case::nothing(json!({}), json!({}), json!({}))]
    #[case::profile(json!({"image": "a", "imageTag": "1"}), json!({}), json!({"image": "a", "imageTag": "1"}))]
    #[case::image(json!({"image": "a", "imageTag": "1"}), json!({"image": "b"}), json!({"image": "b"}))]
    #[case::tag(json!({"image": "a", "imageTag": "1"}), json!({"imageTag": "2"}), json!({"image": "a",
        "imageTag": "2"}))]
    #[case::command(json!({"command": ["a"], "args": ["x"]}), json!({"command": ["b", "c"]}),
        json!({"command": ["b", "c"], "args": ["x"]}))]
    #[case::options(json!({"options": {"a": "1", "b": "1"}}), json!({"options": {"b": "2"}}),
        json!({"options": {"a": "1", "b": "2"}}))]
    #[case::env(
        json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]}),
        json!({"env": [{"name": "A", "value": "2"}, {"name": "C", "value": "3"}]}),
        json!({"env": [{"name": "A", "value": "2"}, {"name": "B", "value": "1"}, {"name": "C", "value": "3"}]})
    )]
    #[case::ports_without_names(json!({"ports": [{"containerPort": 1}]}), json!({"ports": [{"containerPort": 2}]}),
        json!({"ports": [{"containerPort": 1}, {"containerPort": 2}]}))]
    #[case::mounts(
        json!({"volumeMounts": [{"name": "v", "mountPath": "/a"}]}),
        json!({"volumeMounts": [{"name": "w", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}),
        json!({"volumeMounts": [{"name": "w", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]})
    )]
    #[case::resources(
        json!({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}}),
        json!({"resources": {"limits": {"cpu": "2"}}}),
        json!({"resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}})
    )]
    #[case::probe(json!({"livenessProbe": {"periodSeconds": 1}}), json!({"livenessProbe": {"exec": {}}}),
        json!({"livenessProbe": {"exec": {}}}))]
    #[case::network(json!({"networkMode": "ContainerNetwork"}), json!({"networkMode": "HostNetwork"}),
        json!({"networkMode": "HostNetwork"}))]
    #[case::network_of_the_profile(json!({"networkMode": "ContainerNetwork"}), json!({}),
        json!({"networkMode": "ContainerNetwork"}))]
    #[case::enabled_by_either(json!({"enabled": true}), json!({"enabled": false}), json!({"enabled": true}))]
    #[case::policy(json!({"cleanPolicy": "OnDemand"}), json!({}), json!({"cleanPolicy": "OnDemand"}))]
    #[case::labels(json!({"podMetadata": {"labels": {"a": "1", "b": "1"}}}),
        json!({"podMetadata": {"labels": {"b": "2"}}}),
        json!({"podMetadata": {"labels": {"a": "1", "b": "2"}}}))]
    fn the_runtime_wins_and_lists_grow(#[case] profile: Value, #[case] runtime: Value, #[case] merged: Value) {
        assert_eq!(component(&parse(profile), &parse(runtime)), parse(merged));
    }
}
