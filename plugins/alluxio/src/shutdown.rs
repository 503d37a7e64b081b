//! Emptying the cache before the release is removed.

use std::time::Duration;

use wasser_sdk::{Context, Error, Host, Result};

use crate::describe::MASTER;
use crate::input::Spec;
use crate::reports::{Summary, report};

/// How much longer the command has to report that it was stopped.
const SLACK: Duration = Duration::from_secs(5);
/// How often the cache is looked at after it was freed: workers drop blocks with their next
/// heartbeats, and each look takes a second or two.
const LOOKS: usize = 3;

/// Makes one attempt. Without a master's pod there was never a cache; if the master does not
/// answer, the attempt fails, and the host continues after the last one.
pub fn clean_cache(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let masters = host.pods(MASTER)?;
    if masters.is_empty() {
        return Ok(());
    }
    let pod = masters
        .into_iter()
        .find(|pod| pod.ready)
        .ok_or_else(|| Error::failed("the cache was not emptied: no master pod is ready"))?;
    let used = || -> Result<u64> { Ok(Summary::parse(&report(host, &pod, "summary")?).used.unwrap_or_default()) };
    if used()? == 0 {
        return Ok(());
    }
    let grace = ctx.runtime.spec.management.grace_period();
    let seconds = grace.as_secs().to_string();
    let argv = ["timeout", &seconds, "alluxio", "fs", "free", "-f", "/"];
    host.run(&pod.name, &argv, grace + SLACK)?;
    for _ in 0..LOOKS {
        if used()? == 0 {
            return Ok(());
        }
    }
    Err(Error::failed(format!(
        "the cache still holds data after `alluxio fs free` in pod {}",
        pod.name
    )))
}
