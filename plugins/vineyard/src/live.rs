//! What reaches a runtime that is installed: values that stay.

use serde_json::Value;
use wasser_sdk::Context;

use crate::input::Spec;
use crate::transform::MOST_WORKERS;

/// Takes from what is installed the images that the runtime does not name, and the nodes of the
/// clients. Releases of Fluid have the number of workers as well, which the host changes since:
/// another one would remove them for a moment.
pub fn keep(ctx: &Context<Spec>, values: &mut Value, installed: &Value) {
    let spec = &ctx.runtime.spec;
    let parts = [
        (&spec.master.component, ["/master/image", "/master/imageTag"]),
        (&spec.worker, ["/worker/image", "/worker/imageTag"]),
        (&spec.fuse, ["/fuse/image", "/fuse/imageTag"]),
    ];
    let images = parts.iter().filter(|(part, _)| !part.version.is_given());
    for pointer in images.flat_map(|(_, images)| *images).chain(["/fuse/nodeSelector"]) {
        if let (Some(value), Some(installed)) = (values.pointer_mut(pointer), installed.pointer(pointer)) {
            *value = installed.clone();
        }
    }
    if let Some(rendered) = installed.pointer("/worker/replicas").and_then(Value::as_u64) {
        values["worker"]["replicas"] = rendered.min(MOST_WORKERS.into()).into();
    }
}
