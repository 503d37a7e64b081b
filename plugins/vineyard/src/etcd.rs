//! The etcd that the daemons agree by: one of the runtime's own, or one that is there already.

use serde_json::Value;
use wasser_sdk::{Context, Error, Result};

use crate::input::Spec;
use crate::text::check_word;

const REPLICAS: &str = "VineyardRuntime.spec.master.replicas";
/// The largest etcd that its own documentation advises is 7; writes wait for more than half.
const MOST: u32 = 9;

/// Returns the addresses of an etcd that is there already; `None` if the runtime has its own.
pub fn external(spec: &Spec) -> Result<Option<String>> {
    let (endpoint, field) = (&spec.master.endpoint, "VineyardRuntime.spec.master.endpoint");
    if endpoint.uri.is_empty() {
        return Ok(None);
    }
    if !endpoint.encrypt_options.is_empty() {
        let message = "would have no effect: Vineyard has no credentials for its etcd; remove them";
        return Err(Error::invalid(format!("{field}.encryptOptions"), message));
    }
    let mut urls = Vec::new();
    for address in endpoint.uri.split(',').map(str::trim) {
        check_word(&format!("{field}.uri"), address)?;
        let has_scheme = address.starts_with("http://") || address.starts_with("https://");
        urls.push(match has_scheme {
            true => address.to_owned(),
            false => format!("http://{address}"),
        });
    }
    Ok(Some(urls.join(",")))
}

/// Returns the number of members. It stays as it is installed, since a member that is not known to
/// the others cannot join.
pub fn members(ctx: &Context<Spec>) -> Result<u32> {
    let members = ctx.runtime.spec.master.component.replicas.unwrap_or(1);
    if !(1..=MOST).contains(&members) {
        return Err(Error::invalid(REPLICAS, format!("is not between 1 and {MOST}")));
    }
    let master = ctx.installed.as_ref().and_then(|installed| installed.get("master"));
    let of_own = master.filter(|master| master.get("enabled").and_then(Value::as_bool) != Some(false));
    let installed = of_own.and_then(|master| master.get("replicas")?.as_u64());
    match installed {
        Some(installed) if installed != u64::from(members) => Err(Error::invalid(
            REPLICAS,
            format!(
                "is {members}, but the etcd that is installed has {installed} members, which cannot be changed; set it \
                 back, or create the runtime again"
            ),
        )),
        _ => Ok(members),
    }
}
