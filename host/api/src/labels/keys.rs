//! Keys and values that do not depend on a Dataset.

/// Which Dataset an object belongs to; the value is [`super::dataset_id`].
pub const DATASET_ID: &str = "fluid.io/dataset-id";
/// On worker pods: the Dataset whose cache they are. Anti-affinity between datasets goes by this.
pub const DATASET: &str = "fluid.io/dataset";
/// On worker pods: the placement that the Dataset asks for.
pub const DATASET_PLACEMENT: &str = "fluid.io/dataset-placement";
/// On nodes: how many datasets have a part of their cache there.
pub const DATASET_NUM: &str = "fluid.io/dataset-num";
/// On nodes: the Dataset that has the node for itself; the value is [`super::exclusive_value`].
pub const EXCLUSIVE: &str = "fluid_exclusive";
/// What [`super::common_label`] starts with; the webhook knows claims of datasets by it.
pub const COMMON_PREFIX: &str = "fluid.io/s-";
/// What [`super::storage_label`] starts with.
pub const STORAGE_PREFIX: &str = "fluid.io/s-h-";
/// What [`super::fuse_label`] starts with.
pub const FUSE_PREFIX: &str = "fluid.io/f-";
/// On nodes: brings the session manager, which clients of some systems need on their node.
pub const SESSION_MANAGER: &str = "fluid.io/efc-sessmgr";
/// Volume attribute: the directory of the node in which the session manager listens.
pub const SESSION_MANAGER_DIRECTORY: &str = "efc_sessmgr_workdir";
/// The value of labels that only say yes.
pub const TRUE: &str = "true";
/// Begins [`cache_label`](super::cache_label).
pub const CACHE_PREFIX: &str = "wasser.fluid.io/c-";

/// Says that an object is taken care of by the control plane.
pub const MANAGED_BY: &str = "fluid.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "fluid";
/// Annotation on volumes and claims that the control plane made; others of the same name are left
/// alone.
pub const CREATED_BY: &str = "CreatedBy";
/// Value of [`CREATED_BY`].
pub const CREATED_BY_VALUE: &str = "fluid";

/// Annotation on the volume of a Dataset that refers to another one: the mount point by which it
/// does. The volume leads there whatever the Dataset says later.
pub const REFERS_TO: &str = "wasser.fluid.io/refers-to";
/// Annotation on a Dataset: the namespaces whose Datasets may refer to it, separated by commas, or
/// `*`. It counts where the installation says so.
pub const SHARED_WITH: &str = "data.fluid.io/shared-with";
/// Annotation on a copy of an object of another namespace: UID and version of what it shows.
pub const COPY_OF: &str = "wasser.fluid.io/copy-of";
/// On the claim of a Dataset that refers to another one: the name of that one.
pub const REFERRING_NAME: &str = "fluid.io/dataset.referring-name";
/// On the claim of a Dataset that refers to another one: the namespace of that one.
pub const REFERRING_NAMESPACE: &str = "fluid.io/dataset.referring-namespace";
/// On fuse pods and the claim: counts the changes of the fuse image, which tells old clients from
/// new ones.
pub const FUSE_GENERATION: &str = "fuse.runtime.fluid.io/generation";
/// Annotation on the claim of a Dataset: when clients leave their nodes, if the runtime does not say
/// it itself.
pub const CLEAN_POLICY: &str = "wasser.fluid.io/clean-policy";
/// Annotation on a Dataset: the capacity that volume and claim show.
pub const PVC_STORAGE: &str = "pvc.fluid.io/resources.requests.storage";
/// Annotation on a runtime: labels and annotations for the objects made for it, as a JSON list.
pub const METADATA_LIST: &str = "data.fluid.io/metadataList";
/// Annotation on a runtime: whether its fuse pods share the node's process namespace.
pub const FUSE_HOST_PID: &str = "runtime.fluid.io/fuse.hostpid";
/// Annotation on the values ConfigMap: the digest of the values that it shows.
pub const VALUES_DIGEST: &str = "wasser.fluid.io/values-digest";
/// Annotation on a runtime: whether no ConfigMap shows the values of its chart.
pub const DISABLE_VALUES: &str = "runtime.fluid.io/disable-helm-value-config";
/// Annotation on fuse pods: the names of the volumes with their cache, separated by commas, which
/// sidecars go without.
pub const CACHE_VOLUMES: &str = "wasser.fluid.io/cache-volumes";
/// Label or volume attribute: how the node plugin publishes a volume (`symlink`).
pub const NODE_PUBLISH_METHOD: &str = "fluid.io/node-publish-method";
/// Annotation or volume attribute: whose mount the node plugin does not wait for.
pub const SKIP_CHECK_MOUNT_READY: &str = "fluid.io/skip-check-mount-ready-target";

/// On pods: they have got the sidecars that mount for them.
pub const SIDECARS_DONE: &str = "done.sidecar.fluid.io/inject";
/// The prefix of labels on such pods, before the name of a sidecar: the name of its Dataset.
pub const SIDECAR_DATASET_NAME: &str = "dataset-name.sidecar.fluid.io/";
/// The same for the namespace of its Dataset.
pub const SIDECAR_DATASET_NAMESPACE: &str = "dataset-namespace.sidecar.fluid.io/";
/// The volume attribute by which the node plugin binds a volume read-only, whatever its access
/// modes say.
pub const VOLUME_READ_ONLY: &str = "wasser_read_only";
