//! What the host must know about cache runtimes before it sees one.

use wasser_sdk::{API_VERSION, Description, Fuse, Method, Role, Want};

/// The role of the pods that hold the metadata.
pub const MASTER: &str = "master";
/// The role of the pods that hold the cache.
pub const WORKER: &str = "worker";
/// The kind of classes.
pub const CLASS: &str = "CacheRuntimeClass";

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[
    Method::Validate,
    Method::ShouldCheckUfs,
    Method::PrepareUfs,
    Method::StorageStats,
    Method::CacheStates,
    Method::ShouldUpdateUfs,
    Method::UpdateUfs,
];

/// A class has masters, workers and clients, or some of them. Their containers have the names that
/// it gives them.
pub fn description() -> Description {
    let master = Role {
        name: MASTER.into(),
        workload: "StatefulSet".into(),
        suffix: "-master".into(),
        container: MASTER.into(),
        needed_for_bound: true,
        starts_at_zero: false,
        replicas: Some("/spec/master/replicas".into()),
        default_replicas: 1,
    };
    let worker = Role {
        replicas: Some("/spec/worker/replicas".into()),
        default_replicas: 1,
        ..Role::workers(WORKER)
    };
    let client = Role {
        suffix: "-client".into(),
        needed_for_bound: true,
        ..Role::fuse("client")
    };
    Description {
        name: "cache".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api_versions: vec![API_VERSION.into()],
        methods: METHODS.to_vec(),
        kind: "CacheRuntime".into(),
        plural: "cacheruntimes".into(),
        engine: "cache".into(),
        implementation: None,
        roles: vec![master, worker, client],
        fuse: Fuse {
            // Each class names its own.
            mount_type: "/fileSystemType".into(),
            directory: "cache-fuse".into(),
        },
        wants: vec![
            Want::new("exec", &[MASTER, WORKER]),
            Want::new("objects", &["CacheRuntimeClass@/spec/runtimeClassName"]),
            Want::new("events", &[]),
            Want::new("kinds", &["StatefulSet", "DaemonSet", "ConfigMap", "Service"]),
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
        ],
    }
}
