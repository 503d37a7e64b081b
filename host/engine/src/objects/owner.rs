//! The owner of what is made for a runtime, and what is a runtime's own. A name says nothing: users
//! make objects of any name.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use wasser_chart::{RELEASE_NAME, RELEASE_NAMESPACE};

/// The controlling reference to a runtime, by which everything it owns is collected with it.
pub fn owner_reference(kind: &str, name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: wasser_api::API_VERSION.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}

/// A runtime, as the owner of the objects of its release.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name, and that of its release.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
}

impl Owner<'_> {
    /// Whether an object is the runtime's: the runtime controls it, or nobody owns it and Helm has
    /// made it for the runtime's release.
    pub fn owns(&self, metadata: &ObjectMeta) -> bool {
        let owners = metadata.owner_references.as_deref().unwrap_or_default();
        if let Some(controller) = owners.iter().find(|owner| owner.controller == Some(true)) {
            return controller.uid == self.uid;
        }
        if owners.iter().any(|owner| owner.uid != self.uid) {
            return false;
        }
        let annotation = |key: &str| metadata.annotations.as_ref()?.get(key).map(String::as_str);
        annotation(RELEASE_NAMESPACE) == Some(self.namespace) && annotation(RELEASE_NAME) == Some(self.name)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn owned(uid: &str, controller: bool) -> Value {
        let owner = json!({"apiVersion": "v", "kind": "DemoRuntime", "name": "demo", "uid": uid,
            "controller": controller});
        json!({"ownerReferences": [owner]})
    }

    fn helm(release: &str) -> Value {
        json!({"annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "ns"}})
    }

    #[rstest]
    #[case::controlled(owned("own", true), true)]
    #[case::only_owned(owned("own", false), false)]
    #[case::of_an_earlier_one(owned("other", true), false)]
    #[case::of_nobody(json!({}), false)]
    #[case::of_its_release(helm("demo"), true)]
    #[case::of_another_release(helm("web"), false)]
    fn only_what_a_runtime_controls_or_its_release_made_is_its_own(#[case] metadata: Value, #[case] expected: bool) {
        let owner = Owner {
            namespace: "ns",
            name: "demo",
            uid: "own",
        };
        assert_eq!(owner.owns(&serde_json::from_value(metadata).unwrap()), expected);
    }
}
