//! What the host must know about Thin before it sees a runtime.

use wasser_sdk::{API_VERSION, Description, Fuse, Method, Role, Want};

/// The role of the clients.
pub const FUSE: &str = "fuse";
/// The role of the optional workers.
pub const WORKER: &str = "worker";
/// The kind of profiles.
pub const PROFILE: &str = "ThinRuntimeProfile";

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[
    Method::Validate,
    Method::StorageStats,
    Method::CacheStates,
    Method::ShouldUpdateUfs,
];

/// Thin has clients and, where a profile asks for them, workers.
pub fn description() -> Description {
    Description {
        name: "thin".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api_versions: vec![API_VERSION.into()],
        methods: METHODS.to_vec(),
        kind: "ThinRuntime".into(),
        plural: "thinruntimes".into(),
        engine: "thin".into(),
        implementation: None,
        roles: vec![
            Role::workers("thin-worker"),
            Role {
                needed_for_bound: true,
                ..Role::fuse("thin-fuse")
            },
        ],
        fuse: Fuse {
            // Each profile names its own.
            mount_type: "/fuse/mountType".into(),
            directory: "thin-fuse".into(),
        },
        wants: vec![
            Want::new("exec", &[FUSE]),
            Want::new(
                "objects",
                &[
                    "ThinRuntimeProfile@/spec/profileName",
                    "PersistentVolumeClaim",
                    "PersistentVolume",
                ],
            ),
            Want::new("events", &[]),
            Want::new("kinds", &["StatefulSet", "DaemonSet", "ConfigMap", "Secret"]),
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
        ],
    }
}
