//! What the host must know about Jindo before it sees a runtime.

use wasser_sdk::{API_VERSION, Description, Fuse, Method, Role, Want};

/// The role of the pods that hold the metadata.
pub const MASTER: &str = "master";

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[
    Method::Validate,
    Method::ShouldCheckUfs,
    Method::PrepareUfs,
    Method::StorageStats,
    Method::CacheStates,
    Method::ShouldUpdateUfs,
    Method::UpdateUfs,
    Method::Shutdown,
];

/// Returns a master, workers and clients, all with `jindofs` in their names.
pub fn description() -> Description {
    let master = Role {
        name: MASTER.into(),
        workload: "StatefulSet".into(),
        suffix: "-jindofs-master".into(),
        container: "jindofs-master".into(),
        needed_for_bound: true,
        starts_at_zero: false,
        replicas: Some("/spec/master/replicas".into()),
        default_replicas: 1,
    };
    let worker = Role {
        suffix: "-jindofs-worker".into(),
        ..Role::workers("jindofs-worker")
    };
    let fuse = Role {
        suffix: "-jindofs-fuse".into(),
        ..Role::fuse("jindofs-fuse")
    };
    Description {
        name: "jindo".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api_versions: vec![API_VERSION.into()],
        methods: METHODS.to_vec(),
        kind: "JindoRuntime".into(),
        plural: "jindoruntimes".into(),
        engine: "jindo".into(),
        implementation: Some("jindocache".into()),
        roles: vec![master, worker, fuse],
        fuse: Fuse {
            mount_type: "jindo".into(),
            directory: "jindofs-fuse".into(),
        },
        wants: vec![
            Want::new("exec", &[MASTER]),
            // For the ConfigMap that hadoopConfig names.
            Want::new("objects", &["ConfigMap"]),
            Want::new("ports", &[]),
            // What attempts to mount have come to.
            Want::new("state", &[]),
            // An event reports a mount that cannot be unmounted.
            Want::new("events", &[]),
            Want::new("kinds", &["StatefulSet", "DaemonSet", "ConfigMap", "Service"]),
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
            Want::new("host-paths", &["/dev/shm"]),
        ],
    }
}
