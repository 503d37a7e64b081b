//! Live changes: what of a changed spec reaches a release that is already installed.

use serde_json::Value;
use wasser_sdk::Context;

use crate::input::Spec;

/// Adapts `values`, which are those of a new release, to the one that is `installed`.
///
/// * Images stay as they are unless the runtime names them: a new default of the registration does
///   not restart anybody's cache.
/// * Another fuse image is a new generation, by which the node plugin recognises old pods.
/// * The fuse node selector stays: changing it would take the pods away from nodes where
///   applications use them.
///
/// What masters know each other by has stayed already; see [`members`](crate::members).
pub fn adapt(ctx: &Context<Spec>, mut values: Value, installed: &Value) -> Value {
    let spec = &ctx.runtime.spec;
    if !spec.version.is_given() {
        keep(&mut values, installed, &["/image", "/imageTag"]);
    }
    if !spec.fuse.version.is_given() {
        keep(&mut values, installed, &["/fuse/image", "/fuse/imageTag", "/fuse/args"]);
    }
    keep(&mut values, installed, &["/fuse/nodeSelector"]);
    let generation = installed
        .pointer("/fuse/generation")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let differs = |pointer: &str| {
        installed
            .pointer(pointer)
            .is_some_and(|there| values.pointer(pointer) != Some(there))
    };
    let changed = differs("/fuse/image") || differs("/fuse/imageTag");
    if let Some(place) = values.pointer_mut("/fuse/generation") {
        *place = (generation + u64::from(changed)).into();
    }
    values
}

/// Takes what is installed, where something is.
fn keep(values: &mut Value, installed: &Value, pointers: &[&str]) {
    for pointer in pointers {
        if let (Some(place), Some(there)) = (values.pointer_mut(pointer), installed.pointer(pointer)) {
            *place = there.clone();
        }
    }
}
