//! The methods of the runtime.

use wasser_sdk::{
    Context, Description, Error, Host, Implement, Measure, Result, Severity, StorageStats, UfsChange, UfsUpdate,
};

use crate::describe;
use crate::input::Spec;
use crate::live;
use crate::profile;
use crate::reports;
use crate::transform;
use crate::values::Values;

/// Any FUSE client.
pub struct Thin;

impl Implement for Thin {
    type Spec = Spec;
    type Values = Values;

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

    fn setup_master(ctx: &Context<Spec>, host: &impl Host) -> Result<Values> {
        transform::values(ctx, host)
    }

    fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
        reports::storage_stats(ctx, host)
    }

    fn cache_states(_ctx: &Context<Spec>, _host: &impl Host) -> Result<Vec<(String, Measure)>> {
        Ok(reports::cache_states())
    }

    fn should_update_ufs(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
        let lost = profile::is_lost(ctx, host)?;
        let Some(installed) = ctx.installed.as_ref().filter(|_| !lost) else {
            return Ok(UfsChange::default());
        };
        Ok(live::change(installed, &transform::values(ctx, host)?))
    }

    /// Returns the values with the new config.json, which the kubelet brings into the pods; the
    /// clients follow it by themselves.
    fn update_ufs(ctx: &Context<Spec>, host: &impl Host, _change: &UfsChange) -> Result<UfsUpdate> {
        let mut values = transform::values(ctx, host)?;
        if let Some(installed) = &ctx.installed {
            values = live::adapt(values, installed);
        }
        let values =
            serde_json::to_value(values).map_err(|error| Error::failed(format!("writing the values: {error}")))?;
        Ok(UfsUpdate {
            ready: true,
            values: Some(values),
        })
    }

    /// Leaves changes of mounts to [`Thin::update_ufs`], which the Dataset's phase shows.
    fn sync_runtime(ctx: &Context<Spec>, host: &impl Host) -> Result<Option<Values>> {
        let lost = profile::is_lost(ctx, host)?;
        let Some(installed) = ctx.installed.as_ref().filter(|_| !lost) else {
            return Ok(None);
        };
        let values = live::adapt(transform::values(ctx, host)?, installed);
        Ok((live::change(installed, &values) == UfsChange::default()).then_some(values))
    }
}
