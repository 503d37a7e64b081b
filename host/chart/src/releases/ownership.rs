//! Whose an object is. Helm's rule, and one more: what the runtime controls is the runtime's.
//!
//! An object may be written or deleted only if the runtime controls it, or if nobody owns it and
//! Helm has made it for the very release that the runtime has. A name alone says nothing: users,
//! other runtimes and Kubernetes itself make objects of any name.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::error::{ReleaseError, Taken};
use super::reference::Reference;
use crate::policy::Policy;
use crate::quote;

/// Label by which Helm knows its own objects.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "Helm");
/// Annotation with the name of the release.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Annotation with the namespace of the release.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// What a release of a runtime may change.
#[derive(Debug, Clone, Copy)]
pub struct Ownership<'a> {
    /// The runtime.
    pub policy: &'a Policy,
    /// Name of the release.
    pub release: &'a str,
    /// Whether there is a record of the release, and it is the runtime's. Only then is what Helm
    /// made for that release.
    pub recorded: bool,
}

/// Words for whoever has an object, as far as the object tells.
pub type Holder = Option<String>;

impl Ownership<'_> {
    /// Checks that an object is the runtime's.
    ///
    /// # Errors
    /// Whose it is.
    pub fn check(&self, metadata: &ObjectMeta) -> Result<(), Holder> {
        match check_owners(metadata, &self.policy.owner)? {
            Owned::Controlled => Ok(()),
            Owned::Uncontrolled => match helm_release(metadata) {
                Some((namespace, name))
                    if self.recorded && namespace == self.policy.namespace && name == self.release =>
                {
                    Ok(())
                }
                Some((namespace, name)) => Err(Some(format!(
                    "of the Helm release {}/{}",
                    quote::name(namespace),
                    quote::name(name)
                ))),
                None => Err(None),
            },
        }
    }

    /// The same for an object that was looked up by a reference.
    ///
    /// # Errors
    /// Which object is whose.
    pub fn check_at(&self, reference: &Reference, metadata: &ObjectMeta) -> Result<(), ReleaseError> {
        self.check(metadata).map_err(|holder| ReleaseError::Taken {
            objects: vec![Taken::new(reference, &self.policy.namespace, holder)],
        })
    }
}

/// Checks that a ConfigMap which the host keeps for a runtime in addition to its release is the
/// runtime's: the runtime controls it, or nobody owns it and it has the runtime's labels, as those
/// that Fluid has made.
///
/// # Errors
/// Whose it is, with the remedy.
pub fn check_kept(
    metadata: &ObjectMeta,
    owner: &OwnerReference,
    labels: &BTreeMap<String, String>,
) -> Result<(), ReleaseError> {
    let found = metadata.labels.as_ref();
    let labelled = !labels.is_empty()
        && labels
            .iter()
            .all(|(key, value)| found.and_then(|found| found.get(key)) == Some(value));
    let owned = match check_owners(metadata, owner) {
        Ok(Owned::Controlled) => Ok(()),
        Ok(Owned::Uncontrolled) if labelled => Ok(()),
        Ok(Owned::Uncontrolled) => Err(None),
        Err(holder) => Err(holder),
    };
    owned.map_err(|holder| {
        let reference = Reference::config_map(metadata.name.as_deref().unwrap_or_default());
        ReleaseError::Taken {
            objects: vec![Taken::new(
                &reference,
                metadata.namespace.as_deref().unwrap_or_default(),
                holder,
            )],
        }
    })
}

enum Owned {
    Controlled,
    /// By nobody, or by nobody but the runtime.
    Uncontrolled,
}

fn check_owners(metadata: &ObjectMeta, runtime: &OwnerReference) -> Result<Owned, Holder> {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    let controller = owners.iter().find(|owner| owner.controller == Some(true));
    if controller.is_some_and(|controller| controller.uid == runtime.uid) {
        return Ok(Owned::Controlled);
    }
    match controller.or_else(|| owners.iter().find(|owner| owner.uid != runtime.uid)) {
        None => Ok(Owned::Uncontrolled),
        Some(other) if (&other.kind, &other.name) == (&runtime.kind, &runtime.name) => Err(Some(format!(
            "of an earlier {} {}, with which it goes",
            other.kind, other.name
        ))),
        Some(other) => Err(Some(format!(
            "of {} {}",
            quote::name(&other.kind),
            quote::name(&other.name)
        ))),
    }
}

/// Namespace and name of the release for which Helm made an object.
fn helm_release(metadata: &ObjectMeta) -> Option<(&str, &str)> {
    let annotation = |key: &str| metadata.annotations.as_ref()?.get(key).map(String::as_str);
    let label = metadata.labels.as_ref()?.get(MANAGED_BY.0)?;
    (label == MANAGED_BY.1).then_some((annotation(RELEASE_NAMESPACE)?, annotation(RELEASE_NAME)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy() -> Policy {
        let owner = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "JuiceFSRuntime", "name": "web",
            "uid": "own", "controller": true});
        Policy {
            namespace: "ns".to_owned(),
            owner: serde_json::from_value(owner).unwrap(),
            labels: BTreeMap::from([("fluid.io/dataset-id".to_owned(), "ns-web".to_owned())]),
            ..Policy::default()
        }
    }

    fn metadata(metadata: Value) -> ObjectMeta {
        serde_json::from_value(metadata).unwrap()
    }

    fn owner(kind: &str, name: &str, uid: &str, controller: bool) -> Value {
        json!({"apiVersion": "v", "kind": kind, "name": name, "uid": uid, "controller": controller})
    }

    /// What Helm puts on the objects of a release.
    fn helm(release: &str, owners: &[Value]) -> ObjectMeta {
        metadata(json!({
            "labels": {"app.kubernetes.io/managed-by": "Helm"}, "ownerReferences": owners,
            "annotations": {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "ns"},
        }))
    }

    fn check(metadata: &ObjectMeta, recorded: bool) -> Result<(), Holder> {
        let policy = policy();
        Ownership {
            policy: &policy,
            release: "web",
            recorded,
        }
        .check(metadata)
    }

    #[test]
    fn the_runtimes_own_objects_are_known_by_their_controller() {
        let own = owner("JuiceFSRuntime", "web", "own", true);
        assert_eq!(check(&metadata(json!({"ownerReferences": [own]})), false), Ok(()));
        let shared = json!({"ownerReferences": [owner("Dataset", "web", "d", false), own]});
        assert_eq!(check(&metadata(shared), false), Ok(()), "others may wait for it");
        // A hook of Fluid's chart: Helm puts no annotations of the release on those.
        let hook = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "ownerReferences": [own]});
        assert_eq!(check(&metadata(hook), true), Ok(()));
    }

    #[test]
    fn what_helm_made_is_the_releases_where_the_release_is_the_runtimes() {
        assert_eq!(check(&helm("web", &[]), true), Ok(()));
        assert_eq!(
            check(&helm("web", &[owner("JuiceFSRuntime", "web", "own", false)]), true),
            Ok(())
        );
        assert_eq!(
            check(&helm("web", &[]), false),
            Err(Some("of the Helm release ns/web".to_owned()))
        );
        assert_eq!(
            check(&helm("db", &[]), true),
            Err(Some("of the Helm release ns/db".to_owned()))
        );
        let deployment = owner("Deployment", "shop", "x", true);
        assert_eq!(
            check(&helm("web", &[deployment]), true),
            Err(Some("of Deployment shop".to_owned()))
        );
        for missing in [
            "app.kubernetes.io/managed-by",
            "meta.helm.sh/release-name",
            "meta.helm.sh/release-namespace",
        ] {
            let mut found = helm("web", &[]);
            found.labels.as_mut().unwrap().remove(missing);
            found.annotations.as_mut().unwrap().remove(missing);
            assert_eq!(check(&found, true), Err(None), "{missing}");
        }
    }

    #[test]
    fn objects_of_others_are_never_the_runtimes() {
        assert_eq!(check(&metadata(json!({"name": "kube-root-ca.crt"})), true), Err(None));
        let earlier = owner("JuiceFSRuntime", "web", "earlier", true);
        let holder = check(&metadata(json!({"ownerReferences": [earlier]})), true)
            .unwrap_err()
            .unwrap();
        assert!(holder.contains("an earlier JuiceFSRuntime web"), "{holder}");
        let neighbour = owner("JuiceFSRuntime", "web-worker", "neighbour", true);
        let both = json!({"ownerReferences": [neighbour, owner("JuiceFSRuntime", "web", "own", false)]});
        assert_eq!(
            check(&metadata(both), true),
            Err(Some("of JuiceFSRuntime web-worker".to_owned()))
        );
        let user = json!({"ownerReferences": [owner("JuiceFSRuntime", "web", "own", false)]});
        assert_eq!(
            check(&metadata(user), true),
            Err(None),
            "a user may have theirs collected with a runtime"
        );
    }

    #[test]
    fn a_map_that_fluid_kept_for_the_runtime_is_the_runtimes() {
        let (owner_of_runtime, labels) = (policy().owner, policy().labels);
        let kept =
            |found: Value| check_kept(&metadata(found), &owner_of_runtime, &labels).map_err(|error| error.to_string());
        let named = |mut found: Value| {
            found["name"] = json!("web-juicefs-values");
            found["namespace"] = json!("ns");
            kept(found)
        };
        assert_eq!(named(json!({"labels": {"fluid.io/dataset-id": "ns-web"}})), Ok(()));
        assert_eq!(
            named(json!({"ownerReferences": [owner("JuiceFSRuntime", "web", "own", true)]})),
            Ok(())
        );
        for foreign in [
            json!({}),
            json!({"labels": {"fluid.io/dataset-id": "ns-other"}}),
            json!({"labels": {"fluid.io/dataset-id": "ns-web"}, "ownerReferences": [owner("Deployment", "shop", "x",
                false)]}),
        ] {
            let refused = named(foreign).unwrap_err();
            assert!(
                refused.starts_with("ConfigMap ns/web-juicefs-values ") && refused.contains("another name"),
                "{refused}"
            );
        }
    }
}
