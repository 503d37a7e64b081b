//! Data operations: what their pods run.
//!
//! [`load`] warms the cache through the mount, [`migrate`] copies between the file system and
//! another storage. Pods have no account, and get only the Secrets that they need. Texts of users are
//! arguments and variables of the scripts, and never in their text.

mod client;
mod ends;
mod keys;
mod load;
mod migrate;
mod options;

use wasser_sdk::{Context, DataOperation, Error, Host, Plan, Result};

use crate::input::Spec;

/// What all scripts share.
const COMMON: (&str, &str) = ("juicefs.sh", include_str!("juicefs.sh"));
/// The exit code of the scripts if another attempt is of no use.
const FINAL: i32 = 64;

/// Returns what an operation runs.
pub fn plan(ctx: &Context<Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan> {
    match operation {
        DataOperation::Load(load) => load::plan(ctx, host, &load.spec),
        DataOperation::Migrate(migrate) => migrate::plan(ctx, &migrate.spec),
        DataOperation::Backup(_) => Err(Error::NotSupported),
    }
}
