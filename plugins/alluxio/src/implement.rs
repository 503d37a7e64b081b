//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::UfsChange;
use wasser_sdk::{Context, DataOperation, Description, Host, Implement, Measure, Operate, Plan, Result, StorageStats};

use crate::describe;
use crate::input::Spec;
use crate::operations;
use crate::ports;
use crate::reports;
use crate::shutdown;
use crate::sync;
use crate::transform;
use crate::ufs;

/// Alluxio 2.
pub struct Alluxio;

impl Implement for Alluxio {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        transform::values(ctx, host, &ports::placeholder).map(drop)
    }

    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        let values = transform::values(ctx, host, &ports::from_host(host))?;
        Ok(match &ctx.installed {
            Some(installed) => sync::adapt(ctx, values, installed),
            None => values,
        })
    }

    fn should_check_ufs(ctx: &Context<Spec>, _host: &impl Host) -> Result<bool> {
        ufs::should_prepare(ctx)
    }

    fn prepare_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        ufs::prepare(ctx, host)
    }

    fn sync_metadata(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        reports::sync_metadata(ctx, host)
    }

    fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
        reports::storage_stats(ctx, host)
    }

    fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
        reports::cache_states(ctx, host)
    }

    fn should_update_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
        ufs::change(ctx, host)
    }

    fn update_ufs(ctx: &Context<Spec>, host: &impl Host, change: &UfsChange) -> Result<bool> {
        ufs::update(ctx, host, change)
    }

    fn shutdown(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        shutdown::clean_cache(ctx, host)
    }
}

impl Operate for Alluxio {
    fn data_operation(ctx: &Context<Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan> {
        operations::plan(ctx, host, operation)
    }
}
