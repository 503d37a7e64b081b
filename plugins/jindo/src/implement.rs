//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::{Context, Description, Host, Implement, Measure, Result, StorageStats, UfsChange, UfsUpdate};

use crate::cli;
use crate::describe;
use crate::input::Spec;
use crate::live;
use crate::transform;

/// JindoCache.
pub struct Jindo;

impl Implement for Jindo {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {
        transform::values(ctx, &|names| Ok(vec![1; names.len()])).map(drop)
    }

    fn setup_master(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        transform::values(ctx, &|names| Ok(host.allocate_ports(names)?))
    }

    /// Reports true until the mounts were made, which the runtime's status shows. Without a master
    /// there is nothing to mount in: the client mounts the one data source.
    fn should_check_ufs(ctx: &Context<Spec>, _host: &impl Host) -> Result<bool> {
        let is_mounted = ctx.runtime.status.get("mountTime").is_some();
        Ok(!ctx.runtime.spec.master.disabled && !is_mounted)
    }

    fn prepare_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        cli::mount(ctx, host)
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

    fn update_ufs(ctx: &Context<Spec>, host: &impl Host, change: &UfsChange) -> Result<UfsUpdate> {
        cli::unmount(host, &change.removed)?;
        cli::mount(ctx, host)?;
        Ok(UfsUpdate {
            ready: true,
            values: None,
        })
    }

    /// Images that the runtime does not name stay as they are installed, and clients stay on their
    /// nodes.
    fn sync_runtime(ctx: &Context<Spec>, host: &impl Host) -> Result<Option<Value>> {
        let Some(installed) = &ctx.installed else {
            return Ok(None);
        };
        let mut values = transform::values(ctx, &|names| Ok(host.allocate_ports(names)?))?;
        let spec = &ctx.runtime.spec;
        let mut kept = vec!["/fuse/nodeSelector"];
        if !spec.jindo_version.is_given() {
            kept.extend(["/image", "/imageTag"]);
        }
        if !spec.fuse.version.is_given() {
            kept.extend(["/fuseImage", "/fuseImageTag"]);
        }
        for pointer in kept {
            if let (Some(value), Some(installed)) = (values.pointer_mut(pointer), installed.pointer(pointer)) {
                *value = installed.clone();
            }
        }
        Ok(Some(values))
    }

    fn shutdown(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        cli::format(ctx, host)
    }
}
