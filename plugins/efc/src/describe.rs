//! What the host must know about EFC before it sees a runtime.

use wasser_sdk::{Description, Fuse, Method, Role, Want};

/// The role of the pods that hold the cache.
pub const WORKER: &str = "worker";
/// Where the session manager of a node listens, below the mount root that grants are written for.
const SESSION_MANAGER: &str = "/runtime-mnt/efc-sock";

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[Method::Validate, Method::CacheStates, Method::Shutdown];

/// Returns a master, workers and clients. A runtime can do without the first two.
pub fn description() -> Description {
    let master = Role {
        name: "master".into(),
        workload: "StatefulSet".into(),
        suffix: "-master".into(),
        container: "efc-master".into(),
        needed_for_bound: true,
        starts_at_zero: false,
        replicas: Some("/spec/master/replicas".into()),
        default_replicas: 1,
    };
    Description {
        version: env!("CARGO_PKG_VERSION").into(),
        methods: METHODS.to_vec(),
        roles: vec![master, Role::workers("efc-worker"), Role::fuse("efc-fuse")],
        fuse: Fuse {
            mount_type: "alifuse.aliyun-alinas-efc".into(),
            directory: "efc-fuse".into(),
        },
        wants: vec![
            Want::new("exec", &[WORKER]),
            Want::new("ports", &[]),
            Want::new("kinds", &["StatefulSet", "DaemonSet", "ConfigMap"]),
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
            Want::new("host-paths", &[SESSION_MANAGER]),
        ],
        ..Description::of("EFCRuntime", "efcruntimes", "efc")
    }
}
