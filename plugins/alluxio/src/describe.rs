//! What the host must know of Alluxio before it sees a runtime.

use wasser_sdk::{API_VERSION, Description, Fuse, Method, Role, Want};

/// The role of the pods that hold the metadata.
pub const MASTER: &str = "master";

/// Kinds of the chart's objects.
const KINDS: &[&str] = &["StatefulSet", "DaemonSet", "ConfigMap", "Service"];

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[
    Method::Validate,
    Method::ShouldCheckUfs,
    Method::PrepareUfs,
    Method::SyncMetadata,
    Method::StorageStats,
    Method::CacheStates,
    Method::ShouldUpdateUfs,
    Method::UpdateUfs,
    Method::Shutdown,
];

/// Returns a master, workers that start once it serves, and clients.
pub fn description() -> Description {
    let master = Role {
        name: MASTER.into(),
        workload: "StatefulSet".into(),
        suffix: "-master".into(),
        container: "alluxio-master".into(),
        needed_for_bound: true,
        starts_at_zero: false,
        replicas: Some("/spec/master/replicas".into()),
        default_replicas: 1,
    };
    Description {
        name: "alluxio".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api_versions: vec![API_VERSION.into()],
        methods: METHODS.to_vec(),
        kind: "AlluxioRuntime".into(),
        plural: "alluxioruntimes".into(),
        engine: "alluxio".into(),
        implementation: None,
        roles: vec![master, Role::workers("alluxio-worker"), Role::fuse("alluxio-fuse")],
        fuse: Fuse {
            mount_type: "fuse.alluxio-fuse".into(),
            directory: "alluxio-fuse".into(),
        },
        wants: vec![
            Want::new("exec", &[MASTER]),
            // For the ConfigMap that hadoopConfig names.
            Want::new("objects", &["ConfigMap"]),
            // For secret options of mounts, if they do not reach the master as files.
            Want::new("secrets", &[]),
            Want::new("ports", &[]),
            Want::new("state", &[]),
            Want::new("kinds", KINDS),
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
            Want::new("host-paths", &["/dev/shm", "/tmp/alluxio-backup"]),
        ],
    }
}
