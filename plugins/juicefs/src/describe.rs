//! What the host must know about JuiceFS before it sees a runtime.

use wasser_sdk::{API_VERSION, Description, Fuse, Method, Role, Want};

/// The role of the pods that hold the cache.
pub const WORKER: &str = "worker";
/// The role of the pods that mount the file system for applications.
pub const FUSE: &str = "fuse";

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[
    Method::Validate,
    Method::StorageStats,
    Method::CacheStates,
    Method::Shutdown,
];

/// JuiceFS has workers and clients but no master.
pub fn description() -> Description {
    Description {
        name: "juicefs".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api_versions: vec![API_VERSION.into()],
        methods: METHODS.to_vec(),
        kind: "JuiceFSRuntime".into(),
        plural: "juicefsruntimes".into(),
        engine: "juicefs".into(),
        implementation: None,
        roles: vec![Role::workers("juicefs-worker"), Role::fuse("juicefs-fuse")],
        fuse: Fuse {
            mount_type: "JuiceFS".into(),
            directory: "juicefs-fuse".into(),
        },
        wants: vec![
            Want::new("exec", &[WORKER, FUSE]),
            Want::new("ports", &[]),
            Want::new("events", &[]),
            Want::new("kinds", &["StatefulSet", "DaemonSet", "ConfigMap"]),
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
            Want::new("host-paths", &["/var/jfsCache"]),
        ],
    }
}
