//! The profile that a runtime names.

use serde_json::Value;
use wasser_sdk::{Context, Error, Host, Result};

use crate::describe::PROFILE;
use crate::input::{Profile, Spec};

/// Reports whether the profile of an installed runtime no longer exists. The values can then not be
/// computed again, and nothing has to change.
pub fn is_lost(ctx: &Context<Spec>, host: &impl Host) -> Result<bool> {
    let name = &ctx.runtime.spec.profile_name;
    Ok(ctx.installed.is_some() && !name.is_empty() && host.object(PROFILE, name)?.is_none())
}

/// Returns the profile of the runtime, as it is now.
pub fn of(ctx: &Context<Spec>, host: &impl Host) -> Result<Profile> {
    const FIELD: &str = "ThinRuntime.spec.profileName";
    let name = &ctx.runtime.spec.profile_name;
    if name.is_empty() {
        return Err(Error::invalid(FIELD, "is empty; name a ThinRuntimeProfile"));
    }
    let object = host.object(PROFILE, name)?.ok_or_else(|| {
        Error::invalid(
            FIELD,
            format!("the ThinRuntimeProfile {name} does not exist; create it, or name another"),
        )
    })?;
    let spec = object
        .get("spec")
        .cloned()
        .unwrap_or(Value::Object(serde_json::Map::new()));
    let profile: Profile = serde_json::from_value(spec).map_err(|error| {
        let message = format!("has a field of another type than its CRD says: {error}");
        Error::invalid(format!("ThinRuntimeProfile {name}"), message)
    })?;
    let kind = &profile.file_system_type;
    if kind.is_empty() || kind.len() > 63 || !kind.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "must be one word that the mount's line in /proc/self/mountinfo contains, such as `fuse.s3fs`";
        return Err(Error::invalid(
            format!("ThinRuntimeProfile {name}: spec.fileSystemType"),
            message,
        ));
    }
    Ok(profile)
}
