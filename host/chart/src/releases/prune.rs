//! Objects out of the cluster.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use kube::api::{DeleteParams, Preconditions};

use super::apply::together;
use super::error::{ReleaseError, is_conflict, is_not_found};
use super::objects::{Kinds, Reference, phase};
use crate::policy::{Policy, kinds as names};

/// Deletes what a release had and has no more: only what the runtime owns, so that an object of the same name that somebody else made is left alone.
pub async fn dropped(kinds: &Kinds, policy: &Policy, dropped: &[&Reference]) -> Result<(), ReleaseError> {
    let mine: Vec<&Reference> = ours(policy, dropped.iter().copied()).collect();
    for reference in mine {
        let Some(api) = api(kinds, policy, reference).await? else {
            continue;
        };
        let display = reference.describe(&policy.namespace);
        let found = api
            .get_metadata_opt(&reference.name)
            .await
            .map_err(ReleaseError::kube(format!("reading {display}")))?;
        let Some(metadata) = found.map(|found| found.metadata) else {
            continue;
        };
        if !metadata
            .owner_references
            .iter()
            .flatten()
            .any(|owner| owner.uid == policy.owner.uid)
        {
            tracing::warn!(
                object = reference.describe(&policy.namespace),
                "the chart no longer has this object; it is left, since the runtime does not own it"
            );
            continue;
        }
        let only = Preconditions {
            uid: metadata.uid,
            resource_version: None,
        };
        match api.delete(&reference.name, &DeleteParams::background().preconditions(only)).await {
            Ok(_) => {}
            // Deleted, or deleted and made anew.
            Err(error) if is_not_found(&error) || is_conflict(&error) => {}
            Err(error) => return Err(ReleaseError::kube(format!("deleting {display}"))(error)),
        }
    }
    Ok(())
}

/// Deletes all objects of a release, workloads before what they refer to. Their pods are collected in the background.
pub async fn all(kinds: &Kinds, policy: &Policy, references: &[Reference]) -> Result<(), ReleaseError> {
    let mut phases: BTreeMap<u8, Vec<&Reference>> = BTreeMap::new();
    for reference in ours(policy, references) {
        phases
            .entry(phase(&reference.gvk.group, &reference.gvk.kind))
            .or_default()
            .push(reference);
    }
    for (_, references) in phases.into_iter().rev() {
        let deletions = references.into_iter().map(|reference| one(kinds, policy, reference).boxed());
        together(deletions.collect()).await?;
    }
    Ok(())
}

async fn one(kinds: &Kinds, policy: &Policy, reference: &Reference) -> Result<(), ReleaseError> {
    let Some(api) = api(kinds, policy, reference).await? else {
        return Ok(());
    };
    match api.delete(&reference.name, &DeleteParams::background()).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(ReleaseError::kube(format!("deleting {}", reference.describe(&policy.namespace)))(
            error,
        )),
    }
}

/// What the policy lets a chart install, and therefore remove: a record is an object that others can write, and must not make Wasser delete
/// whatever it names.
fn ours<'a>(policy: &'a Policy, references: impl IntoIterator<Item = &'a Reference>) -> impl Iterator<Item = &'a Reference> {
    references.into_iter().filter(|reference| {
        let near = reference
            .namespace
            .as_deref()
            .is_none_or(|namespace| namespace.is_empty() || namespace == policy.namespace);
        let plain = names::is_plain(&reference.name) && names::is_plain(&reference.gvk.version);
        let ours = near && plain && policy.grants(&reference.gvk.group, &reference.gvk.kind);
        if !ours {
            tracing::warn!(
                object = reference.describe(&policy.namespace),
                "not deleted: the plugin may not have installed it"
            );
        }
        ours
    })
}

/// Where the object is; nowhere if its kind has been removed from the cluster.
async fn api(kinds: &Kinds, policy: &Policy, reference: &Reference) -> Result<Option<kube::Api<kube::api::DynamicObject>>, ReleaseError> {
    match kinds.api(reference, &policy.namespace).await {
        Ok(api) => Ok(Some(api)),
        Err(ReleaseError::UnknownKind { .. } | ReleaseError::NotGranted(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::parse;
    use super::*;

    #[test]
    fn a_record_cannot_make_wasser_delete_what_a_chart_could_not_install() {
        let policy = Policy {
            namespace: "ns".to_owned(),
            kinds: ["ConfigMap", "StatefulSet"].map(str::to_owned).into(),
            privileged: true,
            owner: Default::default(),
            labels: Default::default(),
        };
        let references = parse(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: ours}}\n---\n\
             {apiVersion: v1, kind: ConfigMap, metadata: {name: elsewhere, namespace: kube-system}}\n---\n\
             {apiVersion: v1, kind: Secret, metadata: {name: not-granted}}\n---\n\
             {apiVersion: v1, kind: Namespace, metadata: {name: ns}}\n---\n\
             {apiVersion: v1, kind: ConfigMap, metadata: {name: ../../x/configmaps/path}}\n---\n\
             {apiVersion: apps/.., kind: StatefulSet, metadata: {name: version}}\n",
        );
        let references = references.unwrap();
        let chosen: Vec<_> = ours(&policy, &references).map(|reference| reference.name.as_str()).collect();
        assert_eq!(chosen, ["ours"]);
    }
}
