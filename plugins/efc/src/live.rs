//! What reaches a runtime that is installed: values that stay.

use serde_json::Value;
use wasser_sdk::Context;

use crate::input::Spec;

/// Takes from what is installed the images that the runtime does not name, and the nodes of the
/// clients.
pub fn keep(ctx: &Context<Spec>, values: &mut Value, installed: &Value) {
    let spec = &ctx.runtime.spec;
    let parts = [
        (&spec.master.version, ["/master/image", "/master/imageTag"]),
        (&spec.worker.version, ["/worker/image", "/worker/imageTag"]),
        (&spec.fuse.version, ["/fuse/image", "/fuse/imageTag"]),
        (&spec.init_fuse.version, ["/initFuse/image", "/initFuse/imageTag"]),
    ];
    let images = parts.iter().filter(|(version, _)| !version.is_given());
    for pointer in images.flat_map(|(_, images)| *images).chain(["/fuse/nodeSelector"]) {
        if let (Some(value), Some(installed)) = (values.pointer_mut(pointer), installed.pointer(pointer)) {
            *value = installed.clone();
        }
    }
}
