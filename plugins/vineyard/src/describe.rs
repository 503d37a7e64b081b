//! What the host must know about Vineyard before it sees a runtime.

use wasser_sdk::{Description, Fuse, Method, Role, Want};

/// The role of the daemons.
pub const WORKER: &str = "worker";

/// The methods of `implement.rs`.
const METHODS: &[Method] = &[Method::Validate, Method::CacheStates];

/// Returns an etcd, daemons and clients.
pub fn description() -> Description {
    let master = Role {
        name: "master".into(),
        workload: "StatefulSet".into(),
        suffix: "-master".into(),
        container: "vineyard-master".into(),
        needed_for_bound: true,
        starts_at_zero: false,
        replicas: Some("/spec/master/replicas".into()),
        default_replicas: 1,
    };
    Description {
        version: env!("CARGO_PKG_VERSION").into(),
        methods: METHODS.to_vec(),
        roles: vec![master, Role::workers("vineyard-worker"), Role::fuse("vineyard-fuse")],
        // The client mounts nothing; this is what volumes say, there as here.
        fuse: Fuse {
            mount_type: "vineyard-fuse".into(),
            directory: "vineyard-fuse".into(),
        },
        wants: vec![
            Want::new("ports", &[]),
            Want::new("kinds", &["StatefulSet", "DaemonSet", "ConfigMap", "Service"]),
            // Daemons and clients share a directory of their node.
            Want::new("fuse", &[]),
            Want::new("host-network", &[]),
            Want::new("system-priority", &[]),
        ],
        ..Description::of("VineyardRuntime", "vineyardruntimes", "vineyard")
    }
}
