//! Reasons: the one word that an event or a condition gives for itself.

/// Reasons of events.
pub mod events {
    /// A runtime could not be processed. Warning.
    pub const ERROR_PROCESS_RUNTIME: &str = "ErrorProcessRuntime";
    /// A runtime's spec cannot be accepted. Warning.
    pub const ERROR_VALIDATE_SPEC_FIELDS: &str = "ErrorValidateSpecFields";
    /// The workers were scaled as asked. Normal.
    pub const SUCCEED: &str = "Succeed";
    /// The cache system of a Dataset was installed. Normal.
    pub const INSTALLED: &str = "RuntimeInstalled";
    /// The cache system of a Dataset was installed by Fluid, and is kept as it is. Normal.
    pub const ADOPTED: &str = "RuntimeAdopted";
    /// The cache system of a Dataset was changed to what its spec or its plugin now want. Normal.
    pub const UPGRADED: &str = "RuntimeUpgraded";
    /// The workers of a Dataset were scaled. Normal.
    pub const SCALED: &str = "WorkersScaled";
    /// A Dataset is bound to its runtime. Normal.
    pub const DATASET_BOUND: &str = "DatasetBound";
    /// The mounts of a Dataset were changed. Normal.
    pub const MOUNTS_UPDATED: &str = "MountsUpdated";
    /// What was wrong with a Dataset that is set up is over. Normal.
    pub const RECOVERED: &str = "RuntimeRecovered";
    /// The runtime of a Dataset is gone, and what it had installed. Normal.
    pub const RUNTIME_DELETED: &str = "RuntimeDeleted";
    /// The workers could not be scaled in. Warning.
    pub const RUNTIME_SCALE_IN_FAILED: &str = "RuntimeScaleInFailed";
    /// A Dataset that refers to another one asks for more than that allows. Warning.
    pub const ACCESS_MODES_LOWERED: &str = "AccessModesLowered";
    /// Cache of a runtime that was deleted is left on nodes. Warning.
    pub const CACHE_LEFT: &str = "CacheLeftOnNodes";
    /// A runtime uses a field or an option that will go away. Warning.
    pub const RUNTIME_DEPRECATED: &str = "RuntimeDeprecated";
    /// A runtime uses a Secret in a way that is not supported. Warning.
    pub const RUNTIME_WITH_SECRET_NOT_SUPPORTED: &str = "RuntimeWithSecretNotSupported";
    /// A source could not be mounted into the cache. Warning.
    pub const RUNTIME_MOUNT_UFS_FAILED: &str = "RuntimeMountUfsFailed";
    /// A Dataset cannot be set up. Warning.
    pub const ERROR_CREATE_DATASET: &str = "ErrorCreateDataset";
    /// A Dataset cannot be deleted yet. Warning.
    pub const ERROR_DELETE_DATASET: &str = "ErrorDeleteDataset";
    /// The deletion of a Dataset waits for its runtime. Normal.
    pub const DELETING_DATASET: &str = "DeletingDataset";
    /// The deletion of a runtime waits for something. Normal.
    pub const DELETING_RUNTIME: &str = "DeletingRuntime";
    /// A Dataset or a data operation could not be processed. Warning.
    pub const ERROR_PROCESS_DATASET: &str = "ErrorProcessDataset";
    /// The Dataset of an operation does not exist. Warning.
    pub const TARGET_DATASET_NOT_FOUND: &str = "TargetDatasetNotFound";
    /// The runtime of an operation does not serve yet. Normal.
    pub const RUNTIME_NOT_READY: &str = "RuntimeNotReady";
    /// The runtime has no such operation. Warning.
    pub const DATA_OPERATION_NOT_SUPPORT: &str = "DataOperationNotSupport";
    /// An operation could not be started. Warning.
    pub const DATA_OPERATION_EXECUTION_FAILED: &str = "DataOperationExecutionFailed";
    /// An operation ran and failed. Warning.
    pub const DATA_OPERATION_FAILED: &str = "DataOperationFailed";
    /// An operation is done. Normal.
    pub const DATA_OPERATION_SUCCEED: &str = "DataOperationSucceed";
    /// A deleted operation of Fluid was let go. Normal.
    pub const OPERATION_RELEASED: &str = "OperationReleased";
    /// The operation that another one waits for is missing. Warning.
    pub const DATA_OPERATION_NOT_FOUND: &str = "DataOperationNotFound";
    /// An operation waits for another one. Normal.
    pub const DATA_OPERATION_WAITING: &str = "DataOperationWaiting";
    /// An operation waits for one that must not run at the same time. Normal.
    pub const DATA_OPERATION_COLLISION: &str = "DataOperationCollision";
    /// The operation that another one waits for has failed. Warning.
    pub const PREDECESSOR_FAILED: &str = "PredecessorFailed";
    /// Operations wait for each other. Warning.
    pub const DATA_OPERATION_CYCLE: &str = "DataOperationCycle";
    /// The Dataset of an operation is deleted. Warning.
    pub const TARGET_DATASET_DELETED: &str = "TargetDatasetDeleted";
    /// An operation is in another namespace than its Dataset. Warning.
    pub const TARGET_DATASET_NAMESPACE_NOT_SAME: &str = "TargetDatasetNamespaceNotSame";
    /// A backup cannot go to this path. Warning.
    pub const PATH_NOT_SUPPORTED: &str = "PathNotSupported";
    /// A DataProcess says nothing to run. Warning.
    pub const PROCESSOR_NOT_SPECIFIED: &str = "ProcessorNotSpecified";
    /// A DataProcess says two things to run. Warning.
    pub const MULTIPLE_PROCESSOR_SPECIFIED: &str = "MultipleProcessorSpecified";
    /// A DataProcess mounts two volumes at one path. Warning.
    pub const CONFLICT_MOUNT_PATH: &str = "ConflictMountPath";
    /// An operation with the policy Cron has no schedule. Warning.
    pub const SCHEDULE_NOT_SPECIFIED: &str = "ScheduleNotSpecified";
    /// How far an operation is that runs. Normal.
    pub const DATA_OPERATION_PROGRESS: &str = "DataOperationProgress";
    /// The Job of an operation was created. Normal.
    pub const DATA_OPERATION_STARTED: &str = "DataOperationStarted";
    /// An operation's spec cannot be accepted. Warning.
    pub const DATA_OPERATION_NOT_VALID: &str = "DataOperationNotValid";
}

/// Reasons of a Dataset's conditions.
pub mod dataset {
    /// The condition Ready, whatever its status.
    pub const READY: &str = "DatasetReady";
    /// The condition Updating.
    pub const UPDATING: &str = "DatasetUpdating";
    /// The cache is broken.
    pub const FAILED: &str = "DatasetFailed";
    /// A Dataset that is set up has pods that do not run, or something could not be done for it.
    pub const UNHEALTHY: &str = "DatasetUnhealthy";
    /// The spec of a Dataset that is set up is refused; what is installed stays.
    pub const REFUSED: &str = "DatasetSpecRefused";
    /// The cache could not be set up.
    pub const FAILED_TO_SETUP: &str = "DatasetFailedToSetup";
}

/// Reasons of a runtime's conditions: sentences, as Fluid's users know them.
pub mod runtime {
    /// Of the condition MasterInitialized.
    pub const MASTER_INITIALIZED: &str = "Master is initialized";
    /// Of the condition MasterReady.
    pub const MASTER_READY: &str = "Master is ready";
    /// Of the condition WorkersInitialized.
    pub const WORKERS_INITIALIZED: &str = "Workers are initialized";
    /// Of the condition WorkersReady.
    pub const WORKERS_READY: &str = "Workers are ready";
    /// Of the condition WorkersScaledIn.
    pub const WORKERS_SCALED_IN: &str = "Workers scaled in";
    /// Of the condition WorkersScaledOut.
    pub const WORKERS_SCALED_OUT: &str = "Workers scaled out";
    /// Of the condition FusesInitialized.
    pub const FUSES_INITIALIZED: &str = "Fuses are initialized";
    /// Of the condition FusesReady.
    pub const FUSES_READY: &str = "Fuses are ready";
    /// Of the condition FusesScaledIn.
    pub const FUSES_SCALED_IN: &str = "Fuses scaled in";
    /// Of the condition FusesScaledOut.
    pub const FUSES_SCALED_OUT: &str = "Fuses scaled out";
}
