//! Data operations: work on the data of a Dataset that has an end.
//!
//! What an operation has of Kubernetes' own types is kept as JSON: the host puts it into the pod as
//! it is, and the API server has checked it by the schema.

mod backup;
mod kind;
mod load;
mod migrate;
mod process;
mod run_after;
mod status;

#[cfg(feature = "schema")]
pub use backup::DataBackup;
pub use backup::DataBackupSpec;
pub use kind::OperationKind;
#[cfg(feature = "schema")]
pub use load::DataLoad;
pub use load::{DataLoadSpec, TargetDataset, TargetPath};
#[cfg(feature = "schema")]
pub use migrate::DataMigrate;
pub use migrate::{DataMigrateSpec, DatasetPath, ExternalStorage, MigrateEnd};
#[cfg(feature = "schema")]
pub use process::DataProcess;
pub use process::{DataProcessSpec, JobProcessor, ProcessedDataset, Processor, ScriptProcessor};
pub use run_after::{AffinityStrategy, OperationRef, Prefer, Require, RunAfter};
pub use status::{OperationCondition, OperationPhase, OperationStatus, WaitingStatus};

open_enum! {
    /// When an operation runs.
    Policy, listed {
        /// One time.
        #[default]
        Once = "Once",
        /// By a schedule.
        Cron = "Cron",
        /// When something happens; Fluid declares it, and no runtime has it.
        OnEvent = "OnEvent",
    }
}

#[cfg(test)]
mod tests;
