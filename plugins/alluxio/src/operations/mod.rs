//! Data operations: what their pods run.
//!
//! Their pods have Alluxio's own commands, which talk to the masters over the network as any client
//! does, so that they need no account. [`load`] has the workers load files, [`backup`] saves the
//! metadata. Texts of users are arguments and variables of the scripts, and never in their text.

mod backup;
mod client;
mod load;

use wasser_sdk::{Context, DataOperation, Error, Host, Plan, Result};

use crate::input::Spec;

/// Returns what an operation runs.
pub fn plan(ctx: &Context<Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan> {
    match operation {
        DataOperation::Load(load) => load::plan(ctx, &load.spec),
        DataOperation::Backup(backup) => backup::plan(ctx, host, &backup.spec),
        DataOperation::Migrate(_) => Err(Error::NotSupported),
    }
}
