//! Data operations that Fluid has left: nothing runs them here, but they can be deleted.
//!
//! Fluid's controllers guard each operation by a finalizer. Without them, the deletion of an
//! operation, of its Dataset or of its namespace would hang for ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::WatchStreamExt;
use kube::runtime::events::EventType;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::reasons::events as reasons;
use wasser_engine::{Shared, is_not_found, patch_params};

use crate::supervisor::Supervisor;

/// The kinds of operations, each with what its finalizer begins with.
const KINDS: [(&str, &str); 4] = [
    ("DataLoad", "fluid-dataload-"),
    ("DataMigrate", "fluid-datamigrate-"),
    ("DataBackup", "fluid-databackup-"),
    ("DataProcess", "fluid-dataprocess-"),
];
/// How long a Fluid that still runs may take to remove its finalizer itself.
const GRACE: i64 = 20;

/// Follows the operations of all kinds whose CRD is there, until stopped.
pub async fn run(shared: Arc<Shared>, supervisor: Arc<Supervisor>, stop: CancellationToken) {
    let api = Api::<PartialObjectMeta<CustomResourceDefinition>>::all(shared.client.clone());
    let crds = watcher(api, watcher::Config::default()).default_backoff();
    let mut crds = std::pin::pin!(crds.take_until(stop.clone().cancelled_owned()));
    let mut object_watches = BTreeMap::<String, CancellationToken>::new();
    while let Some(event) = crds.next().await {
        match event {
            Ok(Event::Apply(crd) | Event::InitApply(crd)) => {
                let name = crd.name_any();
                if let Some((resource, prefix)) = kind_of(&name).filter(|_| !object_watches.contains_key(&name)) {
                    let stop = stop.child_token();
                    object_watches.insert(name, stop.clone());
                    let what = format!("the watch of {}s", resource.kind);
                    let follow = follow(shared.clone(), resource, prefix, stop.clone());
                    supervisor.spawn(&what, &stop, follow);
                }
            }
            Ok(Event::Delete(crd)) => {
                if let Some(stop) = object_watches.remove(&crd.name_any()) {
                    stop.cancel();
                }
            }
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => tracing::debug!(%error, "the watch of CRDs was interrupted; it starts again"),
        }
    }
}

/// How the API server serves the kind of operation of a CRD, and what the finalizer begins with.
/// None for other CRDs.
fn kind_of(crd: &str) -> Option<(ApiResource, &'static str)> {
    KINDS.iter().find_map(|(kind, prefix)| {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, kind));
        (crd == format!("{}.{}", resource.plural, resource.group)).then_some((resource, *prefix))
    })
}

/// Follows the operations of one kind.
async fn follow(shared: Arc<Shared>, resource: ApiResource, prefix: &'static str, stop: CancellationToken) {
    let api = Api::<PartialObjectMeta<DynamicObject>>::all_with(shared.client.clone(), &resource);
    let events = watcher(api, watcher::Config::default()).default_backoff();
    let mut events = std::pin::pin!(events.take_until(stop.clone().cancelled_owned()));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(operation) | Event::InitApply(operation)) => {
                if let Some(pause) = due(&operation, prefix) {
                    let (shared, resource, stop) = (shared.clone(), resource.clone(), stop.clone());
                    tokio::spawn(async move {
                        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
                            release(&shared, &resource, &operation, prefix).await;
                        }
                    });
                }
            }
            Ok(Event::Delete(_) | Event::Init | Event::InitDone) => {}
            Err(error) => tracing::debug!(kind = resource.kind, %error, "the watch was interrupted; it starts again"),
        }
    }
}

/// How long to wait before the finalizer of an operation is removed. None if it is not deleted, or
/// not guarded.
fn due(operation: &PartialObjectMeta<DynamicObject>, prefix: &str) -> Option<Duration> {
    let since = operation.metadata.deletion_timestamp.as_ref()?;
    operation
        .finalizers()
        .iter()
        .find(|finalizer| finalizer.starts_with(prefix))?;
    let age = Timestamp::now().as_second() - since.0.as_second();
    Some(Duration::from_secs(u64::try_from(GRACE - age).unwrap_or_default()))
}

/// Removes the finalizer, provided that the operation is still as it was seen. A change leads to
/// another event, and to another attempt.
async fn release(shared: &Shared, resource: &ApiResource, operation: &PartialObjectMeta<DynamicObject>, prefix: &str) {
    let ObjectKey { namespace, name } = ObjectKey::of(operation);
    let rest: Vec<&String> = operation
        .finalizers()
        .iter()
        .filter(|finalizer| !finalizer.starts_with(prefix))
        .collect();
    let patch = json!({"metadata": {
        "uid": operation.uid(), "resourceVersion": operation.resource_version(), "finalizers": rest,
    }});
    let api = Api::<DynamicObject>::namespaced_with(shared.client.clone(), &namespace, resource);
    match api.patch_metadata(&name, &patch_params(), &Patch::Merge(&patch)).await {
        Ok(_) => {
            let about = DynamicObject::new(&name, resource).within(&namespace);
            let mut about = about.object_ref(resource);
            about.uid = operation.uid();
            let message = "Fluid's finalizer was removed, since Fluid does not run here. If the operation has a Helm \
                release, `helm ls` lists it";
            shared
                .events
                .publish(&about, EventType::Normal, reasons::OPERATION_RELEASED, message)
                .await;
        }
        Err(error) if is_not_found(&error) => {}
        Err(error) => {
            tracing::warn!(kind = resource.kind, namespace, name, %error, "the finalizer of a deleted operation \
                could not be removed")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(deleted: Option<i64>, finalizer: &str) -> PartialObjectMeta<DynamicObject> {
        let since = deleted.map(|seconds| {
            Timestamp::from_second(Timestamp::now().as_second() - seconds)
                .unwrap()
                .to_string()
        });
        serde_json::from_value(
            json!({"metadata": {"name": "load", "deletionTimestamp": since, "finalizers": [finalizer]}}),
        )
        .unwrap()
    }

    #[test]
    fn only_deleted_operations_are_released_and_fluid_comes_first() {
        let (own, prefix) = ("fluid-dataload-controller-finalizer", KINDS[0].1);
        assert_eq!(due(&operation(None, own), prefix), None);
        assert_eq!(due(&operation(Some(60), "example.com/hold"), prefix), None);
        assert_eq!(due(&operation(Some(60), own), prefix), Some(Duration::ZERO));
        assert!(due(&operation(Some(1), own), prefix).unwrap() > Duration::from_secs(10));
    }

    #[test]
    fn the_kinds_are_known_by_their_crds() {
        assert_eq!(kind_of("dataloads.data.fluid.io").unwrap().0.kind, "DataLoad");
        assert_eq!(kind_of("dataprocesses.data.fluid.io").unwrap().0.kind, "DataProcess");
        assert!(kind_of("datasets.data.fluid.io").is_none());
    }
}
