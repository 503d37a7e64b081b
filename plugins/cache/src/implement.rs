//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::{
    Context, DataOperation, Description, Error, Host, Implement, Measure, Operate, Plan, Result, Severity,
    StorageStats, UfsChange,
};

use crate::class;
use crate::describe::{self, CLASS};
use crate::entries;
use crate::input::Spec;
use crate::live;
use crate::operations;
use crate::transform;

/// Any cache system that a class describes.
pub struct Cache;

impl Implement for Cache {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        if class::is_lost(ctx, host)? {
            let message = format!(
                "the {CLASS} {} does not exist any more; what is installed stays as it is. Create it again, or name \
                 another",
                ctx.runtime.spec.runtime_class_name
            );
            return Ok(host.event(Severity::Warning, "ClassMissing", &message)?);
        }
        transform::values(ctx, host).map(drop)
    }

    /// A class that does not exist any more leaves everything as it is.
    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        let values = match &ctx.installed {
            Some(installed) if class::is_lost(ctx, host)? => return Ok(installed.clone()),
            Some(installed) => live::adapt(transform::values(ctx, host)?, installed),
            None => transform::values(ctx, host)?,
        };
        serde_json::to_value(values).map_err(|error| Error::failed(format!("writing the values: {error}")))
    }

    fn should_check_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<bool> {
        entries::should_prepare(ctx, host)
    }

    fn prepare_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        entries::prepare(ctx, host)
    }

    fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
        entries::storage_stats(ctx, host)
    }

    fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
        entries::cache_states(ctx, host)
    }

    fn should_update_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
        if class::is_lost(ctx, host)? {
            return Ok(UfsChange::default());
        }
        live::change(ctx, host)
    }

    fn update_ufs(ctx: &Context<Spec>, host: &impl Host, _change: &UfsChange) -> Result<bool> {
        entries::update(ctx, host)
    }
}

impl Operate for Cache {
    fn data_operation(ctx: &Context<Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan> {
        operations::plan(ctx, host, operation)
    }
}
