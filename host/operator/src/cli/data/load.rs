//! `wasser data load`.

use wasser_api::operations::{DataLoadSpec, OperationKind, TargetDataset, TargetPath};

use super::create::MakeArgs;
use super::draft::{Draft, ScheduleArgs};
use super::inputs;
use super::problem::Problem;

/// What to load.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The Dataset.
    dataset: String,
    /// A file or directory of the Dataset, from its root; may be given several times [default: all].
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// How many copies the cache is to have of each path.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    replicas: Option<i32>,
    /// Read the metadata again before.
    #[arg(long)]
    metadata: bool,
    /// An option of the runtime for loading, such as threads=32; may be given several times.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    pub make: MakeArgs,
}

impl Args {
    /// Returns the DataLoad.
    ///
    /// # Errors
    /// The options make none.
    pub fn draft(&self, _namespace: &str) -> Result<Draft, Problem> {
        let mut paths = self.paths.clone();
        if paths.is_empty() && self.replicas.is_some() {
            // Copies are a matter of paths.
            paths.push("/".to_owned());
        }
        let target = |path| TargetPath {
            path,
            replicas: self.replicas,
        };
        let spec = DataLoadSpec {
            dataset: TargetDataset {
                name: self.dataset.clone(),
                namespace: None,
            },
            load_metadata: self.metadata,
            target: paths.into_iter().map(target).collect(),
            options: inputs::options("--option", &self.options)?,
            policy: self.schedule.policy(),
            schedule: self.schedule.schedule.clone(),
            run_after: self.make.common.run_after(),
            ttl_seconds_after_finished: self.make.common.ttl,
            ..DataLoadSpec::default()
        };
        Draft::new(OperationKind::DataLoad, &self.dataset, &spec)
    }
}
