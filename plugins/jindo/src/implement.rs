//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::{Context, Description, Host, Implement, Measure, Result, StorageStats, UfsChange};

use crate::cli;
use crate::describe;
use crate::input::Spec;
use crate::live;
use crate::mounting;
use crate::transform;

/// JindoCache.
pub struct Jindo;

impl Implement for Jindo {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        transform::values(ctx, host, &|names| Ok(vec![1; names.len()])).map(drop)
    }

    /// Images that the runtime does not name stay as they are installed, and clients stay on their
    /// nodes.
    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        let mut values = transform::values(ctx, host, &|names| Ok(host.allocate_ports(names)?))?;
        if let Some(installed) = &ctx.installed {
            live::keep(ctx, &mut values, installed);
        }
        Ok(values)
    }

    /// Reports true until the mounts were made, which the runtime's status shows. Without a master
    /// there is nothing to mount in: the client mounts the one data source.
    fn should_check_ufs(ctx: &Context<Spec>, _host: &impl Host) -> Result<bool> {
        let is_mounted = ctx.runtime.status.get("mountTime").is_some();
        Ok(!ctx.runtime.spec.master.disabled && !is_mounted)
    }

    fn prepare_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        mounting::bring_about(ctx, host, None)
    }

    fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
        cli::totals(ctx, host)
    }

    fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
        cli::states(ctx, host)
    }

    fn should_update_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
        live::change(ctx, host)
    }

    fn update_ufs(ctx: &Context<Spec>, host: &impl Host, change: &UfsChange) -> Result<bool> {
        mounting::bring_about(ctx, host, Some(change))?;
        Ok(true)
    }

    fn shutdown(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        cli::format(ctx, host)
    }
}
