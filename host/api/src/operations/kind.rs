//! The kinds of operations, and what is named after them.

use serde::{Deserialize, Serialize};

/// A kind of operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum OperationKind {
    /// Brings data into the cache.
    #[default]
    DataLoad,
    /// Saves the metadata of a cache system.
    DataBackup,
    /// Copies data into a Dataset or out of it.
    DataMigrate,
    /// Runs a program of the user on the data.
    DataProcess,
}

impl OperationKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::DataLoad, Self::DataBackup, Self::DataMigrate, Self::DataProcess];

    /// Returns the kind as a manifest has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataLoad => "DataLoad",
            Self::DataBackup => "DataBackup",
            Self::DataMigrate => "DataMigrate",
            Self::DataProcess => "DataProcess",
        }
    }

    /// Returns the name of the resource.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::DataLoad => "dataloads",
            Self::DataBackup => "databackups",
            Self::DataMigrate => "datamigrates",
            Self::DataProcess => "dataprocesses",
        }
    }

    /// Returns the finalizer that keeps an operation until what it has made is gone.
    pub const fn finalizer(self) -> &'static str {
        match self {
            Self::DataLoad => "fluid-dataload-controller-finalizer",
            Self::DataBackup => "fluid-databackup-controller-finalizer",
            Self::DataMigrate => "fluid-datamigrate-controller-finalizer",
            Self::DataProcess => "fluid-dataprocess-controller-finalizer",
        }
    }

    /// Returns the name of the Helm release of an operation.
    pub fn release(self, name: &str) -> String {
        let suffix = match self {
            Self::DataLoad => "loader",
            Self::DataBackup => "charts",
            Self::DataMigrate => "migrate",
            Self::DataProcess => "processor",
        };
        format!("{name}-{suffix}")
    }

    /// Returns the name of the Job or CronJob of an operation.
    pub fn job(self, name: &str) -> String {
        let release = self.release(name);
        match self {
            Self::DataMigrate => format!("{release}-migrate"),
            Self::DataBackup => format!("{name}-pod"),
            Self::DataLoad | Self::DataProcess => format!("{release}-job"),
        }
    }
}

impl std::fmt::Display for OperationKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
