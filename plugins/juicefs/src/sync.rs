//! Live changes: what of a changed spec reaches a release that is already installed.

use serde_json::Value;
use wasser_sdk::{Context, Error, Result};

use crate::input::{Image, Spec};
use crate::values::Values;

/// Adapts `values`, which are those of a new release, to the one that is `installed`.
///
/// * Images stay as they are unless the runtime names them: a new default of the registration does not restart anybody's cache.
/// * Another fuse image is a new generation, by which the node plugin recognises old pods.
/// * The fuse node selector stays: changing it would take the pods away from nodes where applications use them.
/// * Claim templates of a StatefulSet cannot change.
pub fn adapt(ctx: &Context<Spec>, mut values: Values, installed: &Value) -> Result<Values> {
    let spec = &ctx.runtime.spec;
    let text = |pointer: &str| installed.pointer(pointer).and_then(Value::as_str);
    let claims = installed
        .pointer("/worker/volumeClaimTemplates")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if claims != values.worker.volume_claim_templates {
        let message = "cannot be changed once the workers exist; undo the change, or delete and create the runtime";
        return Err(Error::invalid("JuiceFSRuntime.spec.volumeClaimTemplates", message));
    }
    if !asks(&spec.version) {
        keep(&mut values.image, text("/image"));
        keep(&mut values.image_tag, text("/imageTag"));
    }
    let selector = installed.pointer("/fuse/nodeSelector").and_then(Value::as_object);
    if let Some(selector) = selector {
        let strings = selector.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string())));
        values.fuse.node_selector = strings.collect();
    }
    if let Some(fuse) = &mut values.fuse.fuse {
        if !asks(&spec.fuse.version()) {
            keep(&mut fuse.image, text("/fuse/image"));
            keep(&mut fuse.image_tag, text("/fuse/imageTag"));
        }
        let generation = installed.pointer("/fuse/generation").and_then(Value::as_u64).unwrap_or(1);
        let changed = text("/fuse/image").is_some_and(|i| i != fuse.image) || text("/fuse/imageTag").is_some_and(|t| t != fuse.image_tag);
        fuse.generation = generation + u64::from(changed);
    }
    Ok(values)
}

/// Whether the runtime names an image.
fn asks(image: &Image) -> bool {
    !image.image.is_empty() || !image.image_tag.is_empty()
}

fn keep(value: &mut String, installed: Option<&str>) {
    if let Some(installed) = installed {
        *value = installed.to_string();
    }
}
