//! The masters that agree on a journal, and what they know each other by.
//!
//! None of it changes under masters that run: one that comes later, or that calls the others by
//! other addresses, is no member to them, and several of those would agree on an empty journal.

use std::collections::BTreeMap;

use serde_json::Value;
use wasser_sdk::{Context, Error, Result};

use crate::input::Spec;

const REPLICAS: &str = "AlluxioRuntime.spec.master.replicas";
/// Masters that can agree on a journal.
const MAJORITY: u32 = 3;
/// Masters of which each change of the journal can still wait for most. Each one has a Service and an
/// address in all properties, so the work for a runtime grows with their number.
const MOST: u32 = 9;
/// The property with the addresses of the masters.
pub const MEMBERS: &str = "alluxio.master.embedded.journal.addresses";
/// The same of the processes that plan jobs.
pub const JOB_MEMBERS: &str = "alluxio.job.master.embedded.journal.addresses";
/// The properties that say where the journal is kept, and by whom.
const PROPERTIES: [&str; 5] = [
    "alluxio.master.journal.type",
    MEMBERS,
    "alluxio.master.embedded.journal.port",
    JOB_MEMBERS,
    "alluxio.job.master.embedded.journal.port",
];

/// Returns one master, or an odd number of them that agrees by majority. It is the number that is
/// installed.
pub fn count(ctx: &Context<Spec>) -> Result<u32> {
    let wanted = match ctx.runtime.spec.master.replicas.unwrap_or(1) {
        0 | 1 => 1,
        2 => {
            let message = format!("is 2, and two masters cannot agree when one is lost; write 1 or {MAJORITY}");
            return Err(Error::invalid(REPLICAS, message));
        }
        several if several > MOST => {
            let message = format!("is {several}, and at most {MOST} masters agree on a journal; write 1 or {MAJORITY}");
            return Err(Error::invalid(REPLICAS, message));
        }
        several => several,
    };
    match installed_count(ctx) {
        Some(installed) if installed != u64::from(wanted) => Err(Error::invalid(
            REPLICAS,
            format!(
                "is {wanted}, but {installed} are installed, and the journal does not follow a change of their number; \
                 set it back, or create the runtime again"
            ),
        )),
        _ => Ok(wanted),
    }
}

/// Reports whether several masters are installed.
fn are_installed(ctx: &Context<Spec>) -> bool {
    installed_count(ctx).is_some_and(|count| count > 1)
}

fn installed_count(ctx: &Context<Spec>) -> Option<u64> {
    let count = ctx.installed.as_ref()?.pointer("/master/replicaCount")?.as_u64()?;
    Some(count.max(1))
}

/// Keeps what several masters that are installed know each other by, in the properties of all
/// processes. A user who says otherwise is refused.
pub fn keep(ctx: &Context<Spec>, properties: &mut BTreeMap<String, String>) -> Result<()> {
    let Some(installed) = ctx.installed.as_ref().filter(|_| are_installed(ctx)) else {
        return Ok(());
    };
    let spec = &ctx.runtime.spec;
    for name in PROPERTIES {
        let (component, own) = match name.starts_with("alluxio.job.") {
            true => ("jobMaster", &spec.job_master.properties),
            false => ("master", &spec.master.properties),
        };
        let of = |values: &Value| Some(values.get("properties")?.get(name)?.as_str()?.to_owned());
        let Some(there) = installed.get(component).and_then(of).or_else(|| of(installed)) else {
            continue;
        };
        let own = own.get(name).map(|value| (value, format!("{component}.properties")));
        let said = own.or_else(|| Some((spec.properties.get(name)?, "properties".to_owned())));
        match said {
            Some((wanted, _)) if wanted.trim() == there => {}
            Some((wanted, of)) => return Err(unchangeable(&format!("{of}[{name}]"), wanted.trim(), &there)),
            None => drop(properties.insert(name.to_owned(), there)),
        }
    }
    Ok(())
}

/// Returns the port of the journal on which a process of several masters that are installed
/// listens; `None` if there are none. A user who names another one is refused.
pub fn port(ctx: &Context<Spec>, component: &str, named: Option<u16>) -> Result<Option<u16>> {
    let port = |installed: &Value| installed.get(component)?.get("ports")?.get("embedded")?.as_u64();
    let installed = ctx.installed.as_ref().filter(|_| are_installed(ctx));
    let there = installed.and_then(port).and_then(|port| u16::try_from(port).ok());
    match (named, there) {
        (Some(named), Some(there)) if named != there => {
            let field = format!("{component}.ports.embedded");
            Err(unchangeable(&field, &named.to_string(), &there.to_string()))
        }
        _ => Ok(there),
    }
}

/// Refuses a value for which the members would have to be others.
fn unchangeable(field: &str, wanted: &str, there: &str) -> Error {
    let message = format!(
        "is `{}`, but the masters that are installed agree by `{there}`, which cannot be changed; set it back, or \
         create the runtime again",
        wanted.escape_debug()
    );
    Error::invalid(format!("AlluxioRuntime.spec.{field}"), message)
}
