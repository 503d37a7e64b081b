//! Emptying the cache before the release is removed.

use serde_json::Value;
use wasser_sdk::{Command, Context, Error, Host, Result};

use crate::describe::WORKER;
use crate::input::Spec;
use crate::store::{EMPTY_DIR, Store};
use crate::transform;

/// What a worker makes in its directory.
const CACHE: &str = "tier_dadi";

/// Makes one attempt to remove what every ready worker has cached. What is in a directory of the pod
/// goes with it. The directories of nodes without a ready worker are the host's to find.
pub fn clean_cache(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let Some(directory) = directory(ctx) else {
        return Ok(());
    };
    let cache = format!("{directory}/{CACHE}");
    let argv = ["rm", "-rf", "--", cache.as_str()];
    let patience = ctx.runtime.spec.clean_cache_policy.grace_period();
    let pods = host.ready_pods(WORKER)?;
    let commands: Vec<Command<'_>> = pods
        .iter()
        .map(|pod| Command::new(&pod.name, &argv, patience))
        .collect();
    let outcomes = pods.iter().zip(host.exec_all(&commands));
    let mut failures = Vec::new();
    for (pod, outcome) in outcomes {
        let failure = match outcome.and_then(|output| output.said()) {
            Ok(said) if said.code == 0 => continue,
            Ok(said) => {
                let last = said.stderr.lines().last().unwrap_or("nothing on standard error");
                format!("exit code {}: {last}", said.code)
            }
            Err(error) => error.to_string(),
        };
        failures.push(format!("`{}` in pod {}: {failure}", argv.join(" "), pod.name));
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Error::failed(failures.join("; "))),
    }
}

/// Returns the directory of the workers, as it is installed, or as the runtime says; `None` if it
/// goes with their pods. Only one that is this runtime's alone counts, whatever the values say.
fn directory(ctx: &Context<Spec>) -> Option<String> {
    let installed = || {
        let level = ctx.installed.as_ref()?.pointer("/worker/tieredstore/levels/0")?;
        let text = |field: &str| level.get(field).and_then(Value::as_str).map(str::to_owned);
        Some((text("path")?, text("type")?))
    };
    let wanted = || {
        let store: Store = transform::store(ctx).ok()?;
        Some((store.path, store.kind.name().to_owned()))
    };
    let (path, kind) = installed().or_else(wanted)?;
    let end = format!("/{}/{}", ctx.namespace, ctx.name);
    let is_own = path.starts_with('/') && path.ends_with(&end) && !path.contains("..") && path.len() > end.len();
    (kind != EMPTY_DIR && is_own).then_some(path)
}
