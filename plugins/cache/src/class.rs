//! The class that a runtime names.

use wasser_sdk::{Context, Error, Host, Result, fields};

use crate::describe::CLASS;
use crate::input::{Class, Spec};

/// Reports whether the class of an installed runtime no longer exists. The values can then not be
/// computed again, and nothing has to change.
pub fn is_lost(ctx: &Context<Spec>, host: &impl Host) -> Result<bool> {
    let name = &ctx.runtime.spec.runtime_class_name;
    Ok(ctx.installed.is_some() && !name.is_empty() && host.object(CLASS, name)?.is_none())
}

/// Returns the class of the runtime, as it is now.
pub fn of(ctx: &Context<Spec>, host: &impl Host) -> Result<Class> {
    const FIELD: &str = "CacheRuntime.spec.runtimeClassName";
    let name = &ctx.runtime.spec.runtime_class_name;
    if name.is_empty() {
        return Err(Error::invalid(FIELD, "is empty; name a CacheRuntimeClass"));
    }
    let object = host.object(CLASS, name)?.ok_or_else(|| {
        let message = format!("the CacheRuntimeClass {name} does not exist; create it, or name another");
        Error::invalid(FIELD, message)
    })?;
    let class: Class = fields::parse(|| format!("{CLASS} {name}"), &object.to_string())?;
    let kind = &class.file_system_type;
    if kind.is_empty() || kind.len() > 63 || !kind.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "must be one word that the mount's line in /proc/self/mountinfo contains, such as `fuse.curvine`";
        return Err(Error::invalid(format!("{CLASS} {name}.fileSystemType"), message));
    }
    Ok(class)
}
