//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::{
    Context, DataOperation, Description, Host, Implement, Measure, Migrate, Operate, Origin, Plan, Result, StorageStats,
};

use crate::deprecated;
use crate::describe;
use crate::input::Spec;
use crate::metrics;
use crate::migrate;
use crate::operations;
use crate::reports;
use crate::shutdown;
use crate::sync;
use crate::transform;
use crate::upload;
use crate::values::Values;

/// JuiceFS, community and enterprise edition.
pub struct JuiceFs;

impl Implement for JuiceFs {
    type Spec = Spec;
    type Values = Values;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {
        transform::values(ctx, &metrics::placeholder).map(drop)
    }

    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Values> {
        let values = transform::values(ctx, &metrics::from_host(host))?;
        match &ctx.installed {
            Some(installed) => sync::adapt(ctx, values, installed, ctx.now_ms),
            None => {
                deprecated::inform(ctx, host);
                upload::inform(ctx, host);
                Ok(values)
            }
        }
    }

    fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
        reports::storage_stats(ctx, host)
    }

    fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
        reports::cache_states(ctx, host)
    }

    fn shutdown(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        shutdown::clean_cache(ctx, host)
    }
}

impl Operate for JuiceFs {
    fn data_operation(ctx: &Context<Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan> {
        operations::plan(ctx, host, operation)
    }
}

impl Migrate for JuiceFs {
    fn migrate(installed: Value, from: &Origin) -> Result<Value> {
        Ok(migrate::migrate(installed, from))
    }
}
