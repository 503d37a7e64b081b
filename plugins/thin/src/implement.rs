//! The methods of the runtime.

use serde_json::Value;
use wasser_sdk::{Context, Description, Error, Host, Implement, Measure, Result, Severity, StorageStats, UfsChange};

use crate::describe;
use crate::input::Spec;
use crate::live;
use crate::profile;
use crate::reports;
use crate::transform;

/// Any FUSE client.
pub struct Thin;

impl Implement for Thin {
    type Spec = Spec;
    type Values = Value;

    fn describe() -> Description {
        describe::description()
    }

    fn validate(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
        if profile::is_lost(ctx, host)? {
            let message = format!(
                "the ThinRuntimeProfile {} does not exist any more; what is installed stays as it is. Create it \
                 again, or name another",
                ctx.runtime.spec.profile_name
            );
            return Ok(host.event(Severity::Warning, "ProfileMissing", &message)?);
        }
        transform::values(ctx, host).map(drop)
    }

    /// A profile that does not exist any more leaves everything as it is.
    fn desired(ctx: &Context<Spec>, host: &impl Host) -> Result<Value> {
        let values = match &ctx.installed {
            Some(installed) if profile::is_lost(ctx, host)? => return Ok(installed.clone()),
            Some(installed) => live::adapt(transform::values(ctx, host)?, installed),
            None => transform::values(ctx, host)?,
        };
        serde_json::to_value(values).map_err(|error| Error::failed(format!("writing the values: {error}")))
    }

    fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
        reports::storage_stats(ctx, host)
    }

    fn cache_states(_ctx: &Context<Spec>, _host: &impl Host) -> Result<Vec<(String, Measure)>> {
        Ok(reports::cache_states())
    }

    /// The values have the mounts: the kubelet brings the new config.json into the pods, and the
    /// clients follow it by themselves. So there is no `update_ufs`.
    fn should_update_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
        if profile::is_lost(ctx, host)? {
            return Ok(UfsChange::default());
        }
        live::change(ctx)
    }
}
