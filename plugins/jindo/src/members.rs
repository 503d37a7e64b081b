//! The masters that elect a leader, and what they know each other by.
//!
//! None of it changes under masters that run: one that comes later, or that calls the others by
//! other addresses, is no member to them, and several of those would elect a leader that knows
//! nothing.

use serde_json::Value;
use wasser_sdk::{Context, Error, Result};

use crate::input::{Spec, Texts};

const REPLICAS: &str = "master.replicas";
/// Masters that elect a leader.
pub const SEVERAL: i64 = 3;
/// The properties that say who the members are.
const PROPERTIES: [&str; 3] = [
    "namespace.backend.type",
    "namespace.backend.raft.port",
    "namespace.backend.raft.initial-conf",
];

/// Returns the number of masters. It is the number that is installed.
pub fn count(ctx: &Context<Spec>) -> Result<i64> {
    let master = &ctx.runtime.spec.master;
    let wanted = master.replicas.unwrap_or(1);
    if wanted != 1 && wanted != SEVERAL {
        let message = "is neither 1 nor 3; masters elect a leader among three";
        return Err(invalid(REPLICAS, message.to_owned()));
    }
    let installed = installed(ctx).and_then(|installed| installed.get("replicaCount")?.as_i64());
    match installed.filter(|_| !master.disabled) {
        Some(installed) if installed != wanted => Err(invalid(
            REPLICAS,
            format!(
                "is {wanted}, but {installed} are installed, and masters do not follow a change of their number; set it \
                 back, or create the runtime again"
            ),
        )),
        _ => Ok(wanted),
    }
}

/// Returns the values of the masters that are installed.
fn installed(ctx: &Context<Spec>) -> Option<&Value> {
    let master = ctx.installed.as_ref()?.get("master")?;
    (master.get("enabled").and_then(Value::as_bool) != Some(false)).then_some(master)
}

fn several_installed(ctx: &Context<Spec>) -> Option<&Value> {
    let are_several = |master: &&Value| master.get("replicaCount").and_then(Value::as_i64) == Some(SEVERAL);
    installed(ctx)
        .filter(are_several)
        .filter(|_| !ctx.runtime.spec.master.disabled)
}

/// Returns the port by which masters that are installed elect their leader; `None` if there are
/// none. A user who names another one is refused.
pub fn port(ctx: &Context<Spec>) -> Result<Option<u16>> {
    let port = |master: &Value| master.get("ports")?.get("raft")?.as_u64().filter(|port| *port > 0);
    let there = several_installed(ctx)
        .and_then(port)
        .and_then(|port| u16::try_from(port).ok());
    let named = ctx.runtime.spec.master.ports.get("raft").copied();
    match (named.filter(|port| *port > 0), there) {
        (Some(named), Some(there)) if named != there => Err(unchangeable(
            "master.ports.raft",
            &named.to_string(),
            &there.to_string(),
        )),
        _ => Ok(there),
    }
}

/// Keeps what masters that are installed know each other by. A user who says otherwise is refused.
pub fn keep(ctx: &Context<Spec>, properties: &mut Texts) -> Result<()> {
    let installed = several_installed(ctx).and_then(|master| master.get("properties"));
    let spec = &ctx.runtime.spec;
    for name in PROPERTIES {
        let Some(there) = installed.and_then(|properties| properties.get(name)?.as_str()) else {
            continue;
        };
        let said = [
            ("master.properties", &spec.master.properties),
            ("properties", &spec.properties),
        ];
        let said = said
            .iter()
            .find_map(|(of, properties)| Some((of, properties.get(name)?)));
        match said {
            Some((_, wanted)) if wanted == there => {}
            Some((of, wanted)) => return Err(unchangeable(&format!("{of}[{name}]"), wanted, there)),
            None => drop(properties.insert(name.to_owned(), there.to_owned())),
        }
    }
    Ok(())
}

/// Refuses a value for which the members would have to be others.
fn unchangeable(field: &str, wanted: &str, there: &str) -> Error {
    let message = format!(
        "is `{}`, but the masters that are installed elect their leader by `{there}`, which cannot be changed; set it \
         back, or create the runtime again",
        wanted.escape_debug()
    );
    invalid(field, message)
}

fn invalid(field: &str, message: String) -> Error {
    Error::invalid(format!("JindoRuntime.spec.{field}"), message)
}
