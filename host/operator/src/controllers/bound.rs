//! Which runtime a Dataset is bound to, and whether that is still there.
//!
//! A Dataset keeps what it shows if its runtime goes without a clean-up: its finalizer was removed
//! by hand, or a backup has brought the Dataset back with its status.

use std::time::Duration;

use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::{Api, Client};
use wasser_api::dataset::{CATEGORY_ACCELERATE, Dataset, DatasetRuntime};
use wasser_api::names::is_of_type;
use wasser_engine::{EngineError, Request, namesake};

use super::dataset_writes::STALE;
use super::next::Next;
use super::runtime_index::RuntimeIndex;
use crate::served;

/// When to look again for a runtime that no watch shows.
const UNWATCHED: Duration = Duration::from_secs(120);

/// A Dataset takes one runtime. A second one, of whatever kind, has to wait until the first is
/// gone. Returns when to look again if something of the first is removed before.
pub(super) async fn can_be_bound(
    request: &mut Request,
    dataset: &Dataset,
    runtimes: &RuntimeIndex,
) -> Result<Option<Next>, EngineError> {
    if let Some(holder) = request.shared.caches.older_namesake(dataset) {
        return Err(EngineError::InvalidSpec {
            field: namesake::FIELD.to_owned(),
            message: namesake::message(dataset, &holder),
        });
    }
    let bound = dataset
        .status
        .as_ref()
        .map(|status| status.runtimes.as_slice())
        .unwrap_or_default();
    let other = bound
        .iter()
        .find(|other| other.category == CATEGORY_ACCELERATE && other.runtime_type != request.identity.runtime_type);
    let (field, dataset) = (
        format!("{}.metadata.name", request.identity.kind),
        request.identity.display(),
    );
    let message = |holder: String| format!("the Dataset {dataset} belongs to {holder}; delete one of the two");
    if let Some(other) = other {
        let holder = format!("the {} runtime {}/{}", other.runtime_type, other.namespace, other.name);
        let is_watched = runtimes
            .of_type(&other.runtime_type, &other.namespace, &other.name)
            .is_some();
        if is_watched || exists(&request.shared.client, other).await? {
            if !is_watched {
                request.look_again_in(UNWATCHED);
            }
            let message = message(holder);
            return Err(EngineError::InvalidSpec { field, message });
        }
        return replace(request, &field, &holder).await.map(Some);
    }
    match runtimes.older_than(&request.runtime, &request.resource.kind) {
        None => Ok(None),
        Some(older) => Err(EngineError::Taken {
            field,
            message: message(format!("the older {older} of the same name")),
        }),
    }
}

/// Takes the place of a runtime that is gone without a clean-up. The volume leads to its clients, and
/// is made again for those of the new one.
async fn replace(request: &mut Request, field: &str, former: &str) -> Result<Next, EngineError> {
    let dataset = request.dataset.as_ref();
    if dataset.is_none_or(|dataset| dataset.metadata.deletion_timestamp.is_some()) {
        return Ok(Next::Change);
    }
    match request.delete_volume().await {
        Err(EngineError::NotYet { after, message }) => {
            return Err(EngineError::Missing {
                field: field.to_owned(),
                message: format!("the Dataset was bound to {former}, which is gone; {message}"),
                after,
            });
        }
        outcome => outcome?,
    }
    request.reset_dataset().await?;
    // What was seen to be gone comes again.
    request.shared.forget(&request.uid);
    tracing::info!(
        runtime = request.identity.display(),
        former,
        "the Dataset was bound to a runtime that is gone"
    );
    Ok(Next::After(STALE))
}

/// Returns whether the API server has the runtime, whether its kind is served by a plugin or not. One
/// that the operator may not read counts as there.
///
/// # Errors
/// The API server does not say it.
async fn exists(client: &Client, bound: &DatasetRuntime) -> Result<bool, EngineError> {
    let resource = resource(client, bound).await?;
    exists_as(client, bound, resource.as_ref()).await
}

/// Returns how the API server serves the kind of the runtime; `None` if it does not.
///
/// # Errors
/// The API server does not say it.
pub(super) async fn resource(client: &Client, bound: &DatasetRuntime) -> Result<Option<ApiResource>, EngineError> {
    let found = served::resource(client, |kind| is_of_type(kind, &bound.runtime_type)).await;
    found.map_err(EngineError::kube(attempt(bound)))
}

/// The same as [`exists`] for a runtime whose kind is served like this.
pub(super) async fn exists_as(
    client: &Client,
    bound: &DatasetRuntime,
    resource: Option<&ApiResource>,
) -> Result<bool, EngineError> {
    let Some(resource) = resource else {
        return Ok(false);
    };
    let api = Api::<DynamicObject>::namespaced_with(client.clone(), &bound.namespace, resource);
    match api.get_metadata_opt(&bound.name).await {
        Ok(found) => Ok(found.is_some()),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(true),
        Err(error) => Err(EngineError::kube(attempt(bound))(error)),
    }
}

fn attempt(bound: &DatasetRuntime) -> String {
    format!(
        "reading the {}runtime {}/{}",
        bound.runtime_type, bound.namespace, bound.name
    )
}
