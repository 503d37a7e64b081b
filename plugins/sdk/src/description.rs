//! What the host must know about a kind of runtime before it sees one.

/// The version of the kinds of `data.fluid.io` that there is.
pub const API_VERSION: &str = "data.fluid.io/v1alpha1";

/// An optional method of [`Implement`](crate::Implement).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Method {
    Validate,
    CheckReady,
    ShouldCheckUfs,
    PrepareUfs,
    SetupWorkers,
    SyncMetadata,
    StorageStats,
    CacheStates,
    CheckRuntimeHealthy,
    ShouldUpdateUfs,
    UpdateUfs,
    SyncReplicas,
    Shutdown,
}

impl Method {
    /// Returns the name of the method in the WIT.
    pub fn name(self) -> &'static str {
        match self {
            Method::Validate => "validate",
            Method::CheckReady => "check-ready",
            Method::ShouldCheckUfs => "should-check-ufs",
            Method::PrepareUfs => "prepare-ufs",
            Method::SetupWorkers => "setup-workers",
            Method::SyncMetadata => "sync-metadata",
            Method::StorageStats => "storage-stats",
            Method::CacheStates => "cache-states",
            Method::CheckRuntimeHealthy => "check-runtime-healthy",
            Method::ShouldUpdateUfs => "should-update-ufs",
            Method::UpdateUfs => "update-ufs",
            Method::SyncReplicas => "sync-replicas",
            Method::Shutdown => "shutdown",
        }
    }
}

/// The answer of [`Implement::describe`](crate::Implement::describe).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The name of the plugin: `juicefs`.
    pub name: String,
    /// The version of the plugin: `env!("CARGO_PKG_VERSION")`.
    pub version: String,
    /// The kind that the plugin serves, in the group `data.fluid.io`: `JuiceFSRuntime`.
    pub kind: String,
    /// The resource name of the kind: `juicefsruntimes`.
    pub plural: String,
    /// The versions of the kind whose specs the plugin reads: [`API_VERSION`].
    pub api_versions: Vec<String>,
    /// The runtime type in events and statuses, in the finalizer and in mount paths: `juicefs`.
    pub engine: String,
    /// What stands for the engine in labels of nodes and in the name of the values ConfigMap,
    /// `<name>-<engine>-values`, where a system has several implementations. None: the engine
    /// itself.
    pub implementation: Option<String>,
    /// The optional methods that the plugin has. The host calls no other.
    pub methods: Vec<Method>,
    /// The parts that the system can have. A runtime has those whose workloads the chart renders
    /// for it.
    pub roles: Vec<Role>,
    /// The client.
    pub fuse: Fuse,
    /// The capabilities that the plugin uses. One that is not named here is refused even if the
    /// registration grants it.
    pub wants: Vec<Want>,
}

impl Description {
    /// Returns the description of a plugin without optional methods that is called after its
    /// engine. Version, roles, client and wants are left to be filled in.
    pub fn of(kind: &str, plural: &str, engine: &str) -> Self {
        Description {
            name: engine.into(),
            version: String::new(),
            kind: kind.into(),
            plural: plural.into(),
            api_versions: vec![API_VERSION.into()],
            engine: engine.into(),
            implementation: None,
            methods: Vec::new(),
            roles: Vec::new(),
            fuse: Fuse {
                mount_type: String::new(),
                directory: String::new(),
            },
            wants: Vec::new(),
        }
    }

    /// Returns how long the name of a runtime with all of the roles can be.
    pub fn longest_name(&self) -> usize {
        let workloads = self
            .roles
            .iter()
            .map(|role| (role.workload.as_str(), role.suffix.as_str()));
        wasser_api::names::longest_for(workloads)
    }
}

/// One part of the cache system: a workload that the chart renders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// `master`, `worker` or `fuse`; the status fields of the runtime are named after them.
    pub name: String,
    /// The kind of its workload: `StatefulSet` or `DaemonSet`.
    pub workload: String,
    /// The suffix of the runtime's name that makes the workload's name: `-worker`.
    pub suffix: String,
    /// The container of its pods that a command reaches when the plugin names none.
    pub container: String,
    /// Whether at least one pod of the role must be ready before the Dataset becomes Bound.
    pub needed_for_bound: bool,
    /// Whether the chart installs the workload with no replicas, so that the host scales it up
    /// after placing it.
    pub starts_at_zero: bool,
    /// JSON pointer to the wanted number of replicas in the runtime object: `/spec/replicas`. None:
    /// the workload decides.
    pub replicas: Option<String>,
    /// The number of replicas if the pointer finds nothing.
    pub default_replicas: u32,
}

impl Role {
    /// Workers in a StatefulSet `<name>-worker`, as many as `/spec/replicas` says, placed and
    /// scaled by the host. A runtime that does not say how many has none, as in Fluid, whose own
    /// updates drop `replicas: 0` from the object.
    pub fn workers(container: &str) -> Self {
        Role {
            name: "worker".into(),
            workload: "StatefulSet".into(),
            suffix: "-worker".into(),
            container: container.into(),
            needed_for_bound: true,
            starts_at_zero: true,
            replicas: Some("/spec/replicas".into()),
            default_replicas: 0,
        }
    }

    /// Clients in a DaemonSet `<name>-fuse`, which come to a node with the first pod that mounts
    /// the volume there.
    pub fn fuse(container: &str) -> Self {
        Role {
            name: "fuse".into(),
            workload: "DaemonSet".into(),
            suffix: "-fuse".into(),
            container: container.into(),
            needed_for_bound: false,
            starts_at_zero: false,
            replicas: None,
            default_replicas: 0,
        }
    }
}

/// The client that mounts the file system on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fuse {
    /// The word that the mount's line in /proc/self/mountinfo contains: `JuiceFS`. Becomes the
    /// volume attribute `mount_type`. Where it differs from runtime to runtime, a JSON pointer to
    /// it in the chart values: `/fuse/mountType`.
    pub mount_type: String,
    /// The last element of the mount path: `juicefs-fuse`.
    pub directory: String,
}

/// A capability that the plugin wants to use. It is effective only if the registration grants it as
/// well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// `exec`, `http`, `secrets`, `objects`, `ports`, `state`, `events`, `kinds`, `rbac`, `fuse`,
    /// `privileged`, `host-network`, `host-paths` or `system-priority`.
    pub capability: String,
    /// Roles for `exec`, `role:port` for `http`, kinds for `objects` and `kinds`, `resource:verb`
    /// for `rbac`, directories for `host-paths`; empty for the others. In `objects`,
    /// `Kind@/spec/field` is the one object of the whole cluster that the runtime names in that
    /// field.
    pub scope: Vec<String>,
}

impl Want {
    /// Wants `capability` for `scope`.
    pub fn new(capability: &str, scope: &[&str]) -> Self {
        Want {
            capability: capability.into(),
            scope: scope.iter().map(|s| s.to_string()).collect(),
        }
    }
}
