//! Options of the processes, as the images take them: `name=value`, separated by commas.

use wasser_sdk::{Context, Error, Result};

use crate::input::{Component, Spec};
use crate::source::Source;
use crate::store::Store;
use crate::text::check_plain;

/// How a parallel file system is spoken to.
const PARALLEL: (&str, &str) = ("protocol", "nfs3");

/// Returns the options of the masters.
pub fn of_master(ctx: &Context<Spec>, source: &Source) -> Result<String> {
    let name = format!("{}-{}-master", ctx.namespace, ctx.name);
    let mut own = protocol(source);
    own.extend([("client_owner", name.clone()), ("assign_uuid", name)]);
    joined(own, "master", &ctx.runtime.spec.master)
}

/// Returns the options of the workers, which serve `port`.
pub fn of_worker(ctx: &Context<Spec>, store: &Store, port: u16) -> Result<String> {
    let mut own = vec![("cache_media", store.path.clone()), ("server_port", port.to_string())];
    if let Some(gigabytes) = store.gigabytes() {
        own.push(("cache_capacity_gb", gigabytes.to_string()));
    }
    if store.is_memory() {
        own.push(("tmpfs", "true".into()));
    }
    joined(own, "worker", &ctx.runtime.spec.worker)
}

/// Returns the options of the clients. They look for data in the workers if there are any.
pub fn of_fuse(ctx: &Context<Spec>, source: &Source) -> Result<String> {
    let mut own = protocol(source);
    if !ctx.runtime.spec.worker.disabled {
        let on = ["g_tier_EnableClusterCache", "g_tier_EnableClusterCachePrefetch"];
        own.extend(on.map(|name| (name, "true".to_owned())));
    }
    own.push(("assign_uuid", format!("{}-{}-fuse", ctx.namespace, ctx.name)));
    joined(own, "fuse", &ctx.runtime.spec.fuse)
}

fn protocol(source: &Source) -> Vec<(&'static str, String)> {
    let (name, value) = PARALLEL;
    match source.is_parallel {
        true => vec![(name, value.to_owned())],
        false => Vec::new(),
    }
}

/// Returns these options and the properties of the user, each name once: the user's word counts.
fn joined(own: Vec<(&str, String)>, part: &str, component: &Component) -> Result<String> {
    for (name, value) in &component.properties {
        check(part, name, value)?;
    }
    let value = |name: &str, own: String| component.properties.get(name).cloned().unwrap_or(own);
    let more: Vec<(&str, String)> = component
        .properties
        .iter()
        .filter(|(name, _)| !own.iter().any(|(known, _)| known == name))
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let all = own
        .into_iter()
        .map(|(name, of_own)| (name, value(name, of_own)))
        .chain(more);
    let words: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
    Ok(words.join(","))
}

fn check(part: &str, name: &str, value: &str) -> Result<()> {
    let field = format!("EFCRuntime.spec.{part}.properties[{}]", name.escape_debug());
    let of_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') || !name.chars().all(of_name) {
        let message = "is not the name of an option: a letter, then letters, digits and `_.-`";
        return Err(Error::invalid(field, message));
    }
    check_plain(&field, value)
}
