//! DataLoad: the job service of Alluxio has the workers load the files.

use wasser_api::operations::DataLoadSpec;
use wasser_sdk::{Context, Error, Plan, Result, literal};

use super::client::{self, Work, variable};
use crate::input::Spec;
use crate::text;

/// Its name is the one of Fluid's script.
const SCRIPT: (&str, &str) = ("dataloader.distributedLoad", include_str!("load.sh"));

/// Returns what loads the targets of a DataLoad, each with its number of copies.
pub fn plan(ctx: &Context<Spec>, spec: &DataLoadSpec) -> Result<Plan> {
    let mut args = Vec::new();
    for (at, target) in spec.target.iter().enumerate() {
        let field = format!("DataLoad.spec.target[{at}]");
        let path = format!("/{}", target.path.trim_matches('/'));
        text::check_path(&format!("{field}.path"), &path)?;
        let replicas = target.replicas.unwrap_or(1);
        if replicas < 1 {
            return Err(Error::invalid(format!("{field}.replicas"), "is less than 1"));
        }
        args.extend([replicas.to_string(), literal(&path)]);
    }
    if args.is_empty() {
        args.extend(["1".to_owned(), "/".to_owned()]);
    }
    client::plan(
        ctx,
        Work {
            container: "dataloader",
            script: SCRIPT,
            args,
            env: vec![variable("NEED_LOAD_METADATA", &spec.load_metadata.to_string())],
        },
    )
}
