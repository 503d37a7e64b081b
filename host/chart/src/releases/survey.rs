//! A look at every name of a release before anything is written.
//!
//! One request for each object, some at a time, for its metadata only unless some of its fields
//! cannot be changed. The watches cannot tell instead: they show what has the host's label, and what
//! is in the way of a release has not.

use std::collections::HashMap;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::apply::CONCURRENCY;
use super::error::{ReleaseError, Taken};
use super::immutable::{self, Immutables, Live};
use super::kinds::Kinds;
use super::ownership::Ownership;
use super::reference::Reference;

/// The objects of a release that are there already, all of them the runtime's.
#[derive(Debug, Default)]
pub struct Seen(HashMap<(String, String, String), Live>);

impl Seen {
    /// An object as it was seen. None if it was not there.
    pub fn live(&self, reference: &Reference) -> Option<&Live> {
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
        .map(|reference| look(kinds, namespace, reference).boxed())
        .collect();
    let found: Vec<Option<Live>> = futures::stream::iter(looks).buffered(CONCURRENCY).try_collect().await?;
    let (mut seen, mut objects) = (HashMap::new(), Vec::new());
    for (reference, live) in references.iter().zip(found) {
        let Some(live) = live else { continue };
        match ownership.check(&live.metadata) {
            Ok(()) => {
                let (group, kind, name) = reference.key();
                seen.insert((group.to_owned(), kind.to_owned(), name.to_owned()), live);
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

/// An object, with the fields that cannot be changed.
async fn look(kinds: &Kinds, namespace: &str, reference: &Reference) -> Result<Option<Live>, ReleaseError> {
    if immutable::names(reference).is_none() {
        let found = find(kinds, namespace, reference).await?;
        return Ok(found.map(Live::without_immutables));
    }
    let attempt = format!("looking at {}", reference.describe(namespace));
    let api = kinds.api(reference, namespace).await?;
    let found = api
        .get_opt(&reference.name)
        .await
        .map_err(ReleaseError::kube(attempt))?;
    Ok(found.map(|object| Live {
        immutables: Immutables::of(reference, &object),
        metadata: object.metadata,
    }))
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
