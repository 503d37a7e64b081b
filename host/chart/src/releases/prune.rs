//! Objects out of the cluster: only those that are the runtime's, and of each only the one that was
//! looked at, by its UID.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use kube::api::{DeleteParams, Preconditions};

use super::apply::together;
use super::error::ReleaseError;
use super::kinds::Kinds;
use super::ownership::Ownership;
use super::reference::{Reference, phase};
use super::survey;
use crate::api_error::OrGone;
use crate::policy::{Policy, kinds as names};

/// Deletes all of these, workloads before what they refer to. Their pods are collected in the
/// background.
pub async fn all(
    kinds: &Kinds,
    ownership: &Ownership<'_>,
    references: impl IntoIterator<Item = &Reference>,
) -> Result<(), ReleaseError> {
    let mut phases: BTreeMap<u8, Vec<&Reference>> = BTreeMap::new();
    for reference in ours(ownership.policy, references) {
        phases
            .entry(phase(&reference.gvk.group, &reference.gvk.kind))
            .or_default()
            .push(reference);
    }
    for (_, references) in phases.into_iter().rev() {
        let deletions = references
            .into_iter()
            .map(|reference| one(kinds, ownership, reference).boxed());
        together(deletions.collect()).await?;
    }
    Ok(())
}

async fn one(kinds: &Kinds, ownership: &Ownership<'_>, reference: &Reference) -> Result<(), ReleaseError> {
    match survey::one(kinds, ownership, reference).await {
        // Another deletion would change what becomes of its dependents.
        Ok(Some(found)) if found.deletion_timestamp.is_some() => Ok(()),
        Ok(Some(found)) => same(kinds, &ownership.policy.namespace, reference, found.uid).await,
        // If the kind itself is gone from the cluster, its objects are as well.
        Ok(None) | Err(ReleaseError::UnknownKind { .. } | ReleaseError::NotGranted(_)) => Ok(()),
        Err(error @ ReleaseError::Taken { .. }) => {
            tracing::info!(release = ownership.release, %error, "an object is left, since it is not the runtime's");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Deletes an object if it is still the one with this UID.
pub async fn same(
    kinds: &Kinds,
    namespace: &str,
    reference: &Reference,
    uid: Option<String>,
) -> Result<(), ReleaseError> {
    let api = kinds.api(reference, namespace).await?;
    let only = Preconditions {
        uid,
        resource_version: None,
    };
    let attempt = format!("deleting {}", reference.describe(namespace));
    let deleted = api
        .delete(&reference.name, &DeleteParams::background().preconditions(only))
        .await;
    // It may have been deleted meanwhile, or deleted and made once more by somebody else.
    deleted.or_another().map(drop).map_err(ReleaseError::kube(attempt))
}

/// What the policy lets a chart install, and therefore remove, and what an earlier chart has left: a
/// record is an object that others can write, and must not make Wasser delete whatever it names.
fn ours<'a>(
    policy: &Policy,
    references: impl IntoIterator<Item = &'a Reference>,
) -> impl Iterator<Item = &'a Reference> {
    references.into_iter().filter(|reference| {
        let near = reference
            .namespace
            .as_deref()
            .is_none_or(|namespace| namespace.is_empty() || namespace == policy.namespace);
        let plain = names::is_plain(&reference.name) && names::is_plain(&reference.gvk.version);
        let ours = near && plain && policy.removes(&reference.gvk.group, &reference.gvk.kind, &reference.name);
        if !ours {
            tracing::warn!(
                object = reference.describe(&policy.namespace),
                "not deleted: the plugin may not have installed it"
            );
        }
        ours
    })
}

#[cfg(test)]
mod tests {
    use super::super::reference::parse;
    use super::*;

    #[test]
    fn a_record_cannot_make_wasser_delete_what_a_chart_could_not_install() {
        let policy = Policy {
            namespace: "ns".to_owned(),
            kinds: ["ConfigMap", "StatefulSet"].map(str::to_owned).into(),
            removable: ["ServiceAccount", "Role", "ClusterRole.rbac.authorization.k8s.io"]
                .map(|kind| (kind.to_owned(), "left".to_owned()))
                .into(),
            ..Policy::default()
        };
        let references = parse(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: ours}}\n---\n\
             {apiVersion: v1, kind: ConfigMap, metadata: {name: elsewhere, namespace: kube-system}}\n---\n\
             {apiVersion: v1, kind: Secret, metadata: {name: not-granted}}\n---\n\
             {apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n---\n\
             {apiVersion: v1, kind: ConfigMap, metadata: {name: ../../x/configmaps/path}}\n---\n\
             {apiVersion: v1, kind: ServiceAccount, metadata: {name: left}}\n---\n\
             {apiVersion: v1, kind: ServiceAccount, metadata: {name: other}}\n---\n\
             {apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: left}}\n---\n\
             {apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: left}}\n---\n\
             {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: left}}\n---\n\
             {apiVersion: apps/.., kind: StatefulSet, metadata: {name: version}}\n",
        );
        let references = references.unwrap();
        let chosen: Vec<_> = ours(&policy, &references)
            .map(|reference| reference.name.as_str())
            .collect();
        assert_eq!(chosen, ["ours", "left", "left"]);
    }
}
