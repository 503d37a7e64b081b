//! The Dataset of an operation and the runtime that serves it, found in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::api::DynamicObject;
use kube::core::ApiResource;
use kube::runtime::events::EventType;
use wasser_api::ObjectKey;
use wasser_api::dataset::{CATEGORY_ACCELERATE, Dataset, DatasetPhase, DatasetRuntime, Reference};
use wasser_api::operations::OperationKind;
use wasser_api::reasons::events as reasons;
use wasser_engine::RuntimeObject;
use wasser_engine::operations::{Operation, Refused};
use wasser_plugin::Plugin;

use super::all::Operations;

/// The Dataset of an operation, and who serves it.
pub struct Target {
    /// The Dataset.
    pub dataset: Arc<Dataset>,
    /// How the API server serves the kind of the runtime.
    pub resource: ApiResource,
    /// The runtime that has the cache.
    pub runtime: Arc<RuntimeObject>,
    /// The plugin that serves it.
    pub plugin: Arc<Plugin>,
    /// Whether the Dataset only refers to another one, whose runtime this is.
    pub is_reference: bool,
}

/// What was found.
pub enum Found {
    /// All is there. These may do the work, the likeliest first; there is one at least.
    Ready(Vec<Target>),
    /// Something is not there yet. The Dataset, if it is, lets the operation be adopted.
    Wait(EventType, &'static str, String, Option<Arc<Dataset>>),
    /// It never will be.
    Never(Refused),
}

/// Looks for the Dataset and its runtime.
pub fn find(operations: &Operations, operation: &Operation) -> Found {
    let shared = &operations.shared;
    let keys = operation.datasets();
    let datasets: Vec<(ObjectKey, Option<Arc<Dataset>>)> = keys
        .into_iter()
        .map(|key| {
            let dataset = shared.caches.dataset(&key.namespace, &key.name);
            (key, dataset)
        })
        .collect();
    if let Some((key, _)) = datasets.iter().find(|(_, dataset)| dataset.is_none()) {
        let message = format!("the Dataset {key} does not exist; create it");
        return Found::Wait(EventType::Warning, reasons::TARGET_DATASET_NOT_FOUND, message, None);
    }
    let (mut seen, mut ready) = (Vec::new(), Vec::new());
    let (mut waiting, mut unserved) = (None, None);
    for dataset in datasets.into_iter().filter_map(|(_, dataset)| dataset) {
        let key = ObjectKey::of(&*dataset);
        if dataset.metadata.deletion_timestamp.is_some() {
            let message = format!("the Dataset {key} is being deleted");
            return Found::Never(Refused::new(reasons::TARGET_DATASET_DELETED, message));
        }
        let phase = dataset.status.as_ref().map(|status| &status.phase);
        let serves = matches!(phase, Some(DatasetPhase::Bound | DatasetPhase::DataMigrating));
        let Some(bound) = bound(&dataset).filter(|_| serves).cloned() else {
            waiting = waiting.or(Some((format!("the Dataset {key} is not Bound"), dataset.clone())));
            continue;
        };
        if operation
            .runtime_type()
            .is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&bound.runtime_type))
        {
            seen.push(format!("{key} has {}", bound.runtime_type));
            continue;
        }
        let behind = behind(&dataset);
        let is_reference = behind.is_some();
        let cache = behind.unwrap_or_else(|| key.clone());
        let named = operations.runtimes.named(&cache.namespace, &cache.name);
        let served = named.into_iter().find_map(|(resource, runtime)| {
            let plugin = operations.context.registry.get(&resource.kind)?;
            (is_reference || plugin.description.engine == bound.runtime_type).then_some((resource, runtime, plugin))
        });
        match served {
            Some((resource, runtime, plugin)) => ready.push(Target {
                dataset,
                resource,
                runtime,
                plugin,
                is_reference,
            }),
            None => {
                let message = format!("the {} runtime {cache} is not served yet", bound.runtime_type);
                let referred = shared.caches.dataset(&cache.namespace, &cache.name);
                let bound = referred.as_deref().and_then(self::bound).unwrap_or(&bound);
                let list = if is_served(operations, &bound.runtime_type) {
                    &mut waiting
                } else {
                    &mut unserved
                };
                list.get_or_insert((message, dataset));
            }
        }
    }
    // Which of two Datasets does the work must not depend on which was there first. One that no plugin serves
    // is not waited for if the other one can.
    if let Some((message, dataset)) = waiting.or(unserved.filter(|_| ready.is_empty())) {
        return Found::Wait(EventType::Normal, reasons::RUNTIME_NOT_READY, message, Some(dataset));
    }
    if ready.is_empty() {
        return Found::Never(Refused::new(
            reasons::DATA_OPERATION_NOT_VALID,
            format!(
                "{}.spec.runtimeType: is {}, but {}; write the type of the runtime of one of the Datasets",
                operation.kind,
                operation.runtime_type().unwrap_or_default(),
                seen.join(" and ")
            ),
        ));
    }
    Found::Ready(ready)
}

/// Returns the Datasets that have the caches on which an operation works: behind one that only refers
/// to another, that other one.
pub fn caches(operations: &Operations, operation: &Operation) -> BTreeSet<ObjectKey> {
    let cache = |key: ObjectKey| {
        let dataset = operations.shared.caches.dataset(&key.namespace, &key.name);
        dataset.map_or(key, |dataset| {
            behind(&dataset).unwrap_or_else(|| ObjectKey::of(&*dataset))
        })
    };
    operation.datasets().into_iter().map(cache).collect()
}

/// Returns the runtime to which a Dataset is bound.
fn bound(dataset: &Dataset) -> Option<&DatasetRuntime> {
    let mut runtimes = dataset.status.as_ref()?.runtimes.iter();
    runtimes.find(|runtime| runtime.category == CATEGORY_ACCELERATE)
}

/// Whether runtimes of a type are served, or may be once the registrations of a process that has just
/// begun are read.
fn is_served(operations: &Operations, runtime_type: &str) -> bool {
    let (context, unlisted) = (&operations.context, operations.context.unlisted.reasons());
    let serves = |plugin: &Arc<Plugin>| {
        let description = &plugin.description;
        description.engine == runtime_type && !unlisted.borrow().contains_key(&description.kind)
    };
    !context.health.has_registrations() || context.registry.all().iter().any(serves)
}

/// Returns the Dataset that another one only refers to.
fn behind(dataset: &Dataset) -> Option<ObjectKey> {
    let reference = Reference::of(&dataset.spec.mounts).ok().flatten()?;
    Some(ObjectKey::new(reference.namespace, reference.name))
}

/// Whether the plugin that an operation asks takes so much that others come first.
pub fn takes_much(operations: &Operations, kind: OperationKind, object: &Arc<DynamicObject>) -> bool {
    let takes_much = |operation: Operation| match find(operations, &operation) {
        Found::Ready(targets) => targets.iter().any(|target| target.plugin.takes_much()),
        Found::Wait(..) | Found::Never(_) => false,
    };
    Operation::read(kind, object.clone()).is_ok_and(takes_much)
}
