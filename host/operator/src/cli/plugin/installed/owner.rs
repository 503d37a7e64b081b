//! Who has made a ConfigMap. Nothing that belongs to somebody else is changed.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use wasser_plugin::PLUGIN_LABEL;

use super::desk::Desk;
use super::error::ChangeError;
use super::record::{MANAGED_BY, MANAGER};

/// The annotation with the release that an object belongs to.
const RELEASE: &str = "meta.helm.sh/release-name";

/// Returns the ConfigMap of this name, which may be changed.
///
/// # Errors
/// There is none, or it is not for these commands to change.
pub async fn find(desk: &Desk, name: &str) -> Result<ConfigMap, ChangeError> {
    let map = desk.find(name).await?;
    check(&map)?;
    Ok(map)
}

/// Checks that a ConfigMap is a registration that was made by these commands, or by hand.
///
/// # Errors
/// It is something else, or belongs to another tool.
pub fn check(map: &ConfigMap) -> Result<(), ChangeError> {
    let (namespace, name) = (map.namespace().unwrap_or_default(), map.name_any());
    if map.labels().get(PLUGIN_LABEL).is_none_or(|value| value != "true") {
        let remedy = "choose another name";
        return Err(ChangeError::NotAPlugin {
            namespace,
            name,
            remedy,
        });
    }
    let manager = map.labels().get(MANAGED_BY).filter(|manager| *manager != MANAGER);
    let (owner, remedy) = if let Some(release) = map.annotations().get(RELEASE) {
        let remedy = format!(
            "upgrade that release, or leave the plugin out of it (`plugins.{name}.enabled=false` in the values of \
             Wasser's chart)"
        );
        (format!("the Helm release {release}"), remedy)
    } else if let Some(owner) = map.owner_references().first() {
        let remedy = "change that object".to_owned();
        (format!("{} {}", owner.kind, owner.name), remedy)
    } else if let Some(manager) = manager {
        let remedy = format!("change it there, or choose another name; {MANAGED_BY} says so");
        (manager.clone(), remedy)
    } else {
        return Ok(());
    };
    Err(ChangeError::Foreign {
        namespace,
        name,
        owner,
        remedy,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn checked(metadata: Value) -> Result<(), String> {
        let mut map: ConfigMap = serde_json::from_value(json!({"metadata": metadata})).unwrap();
        map.metadata.namespace = Some("system".to_owned());
        map.metadata.name = Some("demo".to_owned());
        check(&map).map_err(|error| error.to_string())
    }

    const PLUGIN: &str = "wasser.fluid.io/plugin";

    #[test]
    fn what_these_commands_or_somebody_by_hand_has_made_may_be_changed() {
        checked(json!({"labels": {PLUGIN: "true"}})).unwrap();
        checked(json!({"labels": {PLUGIN: "true", MANAGED_BY: "wasser-plugin"}})).unwrap();
    }

    #[rstest]
    #[case(json!({}), "registers no plugin")]
    #[case(json!({"labels": {PLUGIN: "false"}}), "registers no plugin")]
    #[case(json!({"labels": {PLUGIN: "true", MANAGED_BY: "Helm"}, "annotations": {RELEASE: "wasser"}}),
        "belongs to the Helm release wasser, so it is left as it is; upgrade that release, or leave the plugin out of \
         it (`plugins.demo.enabled=false`")]
    #[case(json!({"labels": {PLUGIN: "true", MANAGED_BY: "argocd"}}), "belongs to argocd")]
    #[case(json!({"labels": {PLUGIN: "true"}, "ownerReferences":
        [{"apiVersion": "v1", "kind": "Catalog", "name": "all", "uid": "1"}]}), "belongs to Catalog all")]
    fn others_are_left_alone(#[case] metadata: Value, #[case] says: &str) {
        let refused = checked(metadata).unwrap_err();
        assert!(refused.contains("system/demo") && refused.contains(says), "{refused}");
    }
}
