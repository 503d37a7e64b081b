//! `wasser data backup`.

use wasser_api::operations::{DataBackupSpec, OperationKind};

use super::create::MakeArgs;
use super::draft::Draft;
use super::problem::Problem;

/// What to save.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Dataset.
    dataset: String,
    /// Where the backup goes: a claim (pvc://claim/path), or a directory of the master's node
    /// (local:///path).
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    pub make: MakeArgs,
}

impl Args {
    /// Returns the DataBackup.
    ///
    /// # Errors
    /// The options make none.
    pub fn draft(&self, _namespace: &str) -> Result<Draft, Problem> {
        let spec = DataBackupSpec {
            dataset: self.dataset.clone(),
            backup_path: self.to.clone(),
            run_after: self.make.common.run_after(),
            ttl_seconds_after_finished: self.make.common.ttl,
            ..DataBackupSpec::default()
        };
        Draft::new(OperationKind::DataBackup, &self.dataset, &spec)
    }
}
