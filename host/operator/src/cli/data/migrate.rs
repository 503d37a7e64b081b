//! `wasser data migrate`.

use wasser_api::operations::{DataMigrateSpec, DatasetPath, ExternalStorage, MigrateEnd, OperationKind};

use super::create::MakeArgs;
use super::draft::{Draft, ScheduleArgs};
use super::inputs;
use super::problem::Problem;

/// What a claim is named by; it needs no keys.
const CLAIM: &str = "pvc://";
/// How other manifests refer to Datasets.
const REFERENCE: &str = "dataset://";

/// What to copy.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the data is: a Dataset (NAME or NAME:/PATH), an object storage (s3://bucket.endpoint/path/)
    /// or a claim (pvc://claim/path).
    #[arg(long, value_name = "END")]
    from: String,
    /// Where the data goes, in the same form. One end is a Dataset.
    #[arg(long, value_name = "END")]
    to: String,
    /// A key of the object storage, by reference: access-key=SECRET/KEY, secret-key=…, token=… Values
    /// of secrets are refused.
    #[arg(long = "secret-option", value_name = "NAME=SECRET/KEY")]
    secret_options: Vec<String>,
    /// How many pods share the work.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    parallelism: i32,
    /// An option of the runtime for copying, such as threads=20; may be given several times.
    #[arg(long = "option", value_name = "KEY=VALUE")]
    options: Vec<String>,
    /// The type of the runtime that does the work, where both ends are Datasets: juicefs.
    #[arg(long, value_name = "TYPE")]
    runtime_type: Option<String>,
    #[command(flatten)]
    schedule: ScheduleArgs,
    #[command(flatten)]
    pub make: MakeArgs,
}

impl Args {
    /// Returns the DataMigrate.
    ///
    /// # Errors
    /// The options make none.
    pub fn draft(&self, namespace: &str) -> Result<Draft, Problem> {
        let mut from = end("--from", &self.from, namespace)?;
        let mut to = end("--to", &self.to, namespace)?;
        let keys = inputs::secret_options(&self.secret_options)?;
        if !keys.is_empty() {
            let storages = [&mut from, &mut to].into_iter();
            let takes_keys = |storage: &&mut ExternalStorage| !storage.uri.starts_with(CLAIM);
            let found = storages
                .filter_map(|end| end.external_storage.as_mut())
                .find(takes_keys);
            let Some(storage) = found else {
                return Err(Problem::usage(
                    "--secret-option: neither end is an object storage, which is all that takes keys; leave it out",
                ));
            };
            storage.encrypt_options = keys;
        }
        let dataset = [&to, &from].into_iter().find_map(|end| end.dataset.as_ref());
        let about = dataset.map_or_else(String::new, |dataset| dataset.name.clone());
        let spec = DataMigrateSpec {
            from,
            to,
            parallelism: self.parallelism,
            options: inputs::options("--option", &self.options)?,
            runtime_type: self.runtime_type.clone(),
            policy: self.schedule.policy(),
            schedule: self.schedule.schedule.clone(),
            run_after: self.make.common.run_after(),
            ttl_seconds_after_finished: self.make.common.ttl,
            ..DataMigrateSpec::default()
        };
        Draft::new(OperationKind::DataMigrate, &about, &spec)
    }
}

/// Reads one end: an address, or a Dataset with a path.
fn end(flag: &str, text: &str, namespace: &str) -> Result<MigrateEnd, Problem> {
    if text.starts_with(REFERENCE) {
        return Err(Problem::usage(format!(
            "{flag} {text}: a Dataset is written NAME or NAME:/PATH here, without {REFERENCE}"
        )));
    }
    if text.contains("://") {
        inputs::address(flag, text)?;
        return Ok(MigrateEnd {
            external_storage: Some(ExternalStorage {
                uri: text.to_owned(),
                encrypt_options: Vec::new(),
            }),
            dataset: None,
        });
    }
    let (name, path) = match text.split_once(':') {
        Some((name, path)) => (name, Some(path.to_owned()).filter(|path| !path.is_empty())),
        None => (text, None),
    };
    if name.is_empty() || name.contains('/') {
        return Err(Problem::usage(format!(
            "{flag} {text}: is neither a Dataset (NAME or NAME:/PATH) nor an address (s3://…, pvc://CLAIM/PATH)"
        )));
    }
    Ok(MigrateEnd {
        dataset: Some(DatasetPath {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            path,
        }),
        external_storage: None,
    })
}
