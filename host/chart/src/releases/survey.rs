//! A look at every name of a release before anything is written.
//!
//! One request for each object, for its metadata only, some at a time. The watches cannot tell
//! instead: they show what has the host's label, and what is in the way of a release has not.

use std::collections::HashMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::apply::CONCURRENCY;
use super::error::{ReleaseError, Taken};
use super::kinds::Kinds;
use super::ownership::Ownership;
use super::reference::Reference;

/// The objects of a release that are there already, all of them the runtime's: their metadata.
#[derive(Debug, Default)]
pub struct Seen(HashMap<(String, String, String), ObjectMeta>);

impl Seen {
    /// The metadata of an object. None if it was not there.
    pub fn metadata(&self, reference: &Reference) -> Option<&ObjectMeta> {
        let (group, kind, name) = reference.key();
        self.0.get(&(group.to_owned(), kind.to_owned(), name.to_owned()))
    }
}

/// Looks at all of these.
///
/// # Errors
/// Every object that is somebody else's.
pub async fn all(kinds: &Kinds, ownership: &Ownership<'_>, references: &[Reference]) -> Result<Seen, ReleaseError> {
    let namespace = &ownership.policy.namespace;
    let looks: Vec<BoxFuture<'_, _>> = references
        .iter()
        .map(|reference| find(kinds, namespace, reference).boxed())
        .collect();
    let found: Vec<Option<ObjectMeta>> = futures::stream::iter(looks).buffered(CONCURRENCY).try_collect().await?;
    let (mut seen, mut objects) = (HashMap::new(), Vec::new());
    for (reference, metadata) in references.iter().zip(found) {
        let Some(metadata) = metadata else { continue };
        match ownership.check(&metadata) {
            Ok(()) => {
                let (group, kind, name) = reference.key();
                seen.insert((group.to_owned(), kind.to_owned(), name.to_owned()), metadata);
            }
            Err(holder) => objects.push(Taken::new(reference, namespace, holder)),
        }
    }
    if objects.is_empty() {
        Ok(Seen(seen))
    } else {
        Err(ReleaseError::Taken { objects })
    }
}

/// Looks at one, and returns its metadata. None if there is no such object.
///
/// # Errors
/// If it is somebody else's, or the request fails.
pub async fn one(
    kinds: &Kinds,
    ownership: &Ownership<'_>,
    reference: &Reference,
) -> Result<Option<ObjectMeta>, ReleaseError> {
    let Some(metadata) = find(kinds, &ownership.policy.namespace, reference).await? else {
        return Ok(None);
    };
    ownership.check_at(reference, &metadata)?;
    Ok(Some(metadata))
}

/// The metadata of an object.
pub async fn find(kinds: &Kinds, namespace: &str, reference: &Reference) -> Result<Option<ObjectMeta>, ReleaseError> {
    let api = kinds.api(reference, namespace).await?;
    let found = api.get_metadata_opt(&reference.name).await;
    let found = found.map_err(ReleaseError::kube(format!(
        "looking at {}",
        reference.describe(namespace)
    )))?;
    Ok(found.map(|found| found.metadata))
}
