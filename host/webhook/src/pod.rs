//! Parts of a pod that need not be there.

use serde_json::{Map, Value, json};
use wasser_api::labels;

/// On pods: `false` leaves them alone.
pub const ENABLE: &str = "fluid.io/enable-injection";
/// On pods: they have got their sidecars, which mount for them.
pub const DONE: &str = labels::SIDECARS_DONE;
/// Annotation on pods: the names of their datasets.
pub const IN_USE: &str = "fluid.io/datasets-in-use";

/// The object at a path of keys, made where it is missing; none where something else stands in the
/// way.
pub fn object<'a>(pod: &'a mut Value, path: &[&str]) -> Option<&'a mut Map<String, Value>> {
    let mut place = pod;
    for key in path {
        place = place.as_object_mut()?.entry(*key).or_insert_with(|| json!({}));
        if place.is_null() {
            *place = json!({});
        }
    }
    place.as_object_mut()
}

/// The list under a key of the object at a path, made where it is missing.
pub fn list<'a>(pod: &'a mut Value, path: &[&str], key: &str) -> Option<&'a mut Vec<Value>> {
    let place = object(pod, path)?.entry(key).or_insert_with(|| json!([]));
    if place.is_null() {
        *place = json!([]);
    }
    place.as_array_mut()
}

/// The items of a list that may be missing.
pub fn items<'a>(pod: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Whether a pod is to be added to: it has this label, was not refused, and has not got its
/// sidecars yet.
pub fn asks(pod: &Value, inject: &str) -> bool {
    let refused = label(pod, ENABLE) == Some("false") || label(pod, DONE) == Some(labels::TRUE);
    label(pod, inject) == Some(labels::TRUE) && !refused
}

/// The claims that a pod's volumes name, with the names of the volumes.
pub fn claims(pod: &Value) -> impl Iterator<Item = (&str, &str)> {
    items(pod, "/spec/volumes").filter_map(|volume| {
        Some((
            volume.get("name")?.as_str()?,
            volume.pointer("/persistentVolumeClaim/claimName")?.as_str()?,
        ))
    })
}

/// The volume mounts of all containers.
pub fn mounts(pod: &Value) -> impl Iterator<Item = &Value> {
    let containers = ["/spec/initContainers", "/spec/containers"]
        .into_iter()
        .flat_map(|kind| items(pod, kind));
    containers.flat_map(|container| items(container, "/volumeMounts"))
}

/// Whether a field of an object is true.
pub fn is_true(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer) == Some(&Value::Bool(true))
}

/// Changes the volume mounts of all containers.
pub fn each_mount(pod: &mut Value, mut change: impl FnMut(&mut Map<String, Value>)) {
    for kind in ["/spec/initContainers", "/spec/containers"] {
        let containers = pod
            .pointer_mut(kind)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        let mounts = containers.filter_map(|container| container.get_mut("volumeMounts")?.as_array_mut());
        mounts.flatten().filter_map(Value::as_object_mut).for_each(&mut change);
    }
}

/// The value of a label.
pub fn label<'a>(pod: &'a Value, key: &str) -> Option<&'a str> {
    pod.pointer("/metadata/labels")?.get(key)?.as_str()
}
