//! Where the workers are. Masters and clients read their addresses in a file.

use serde_json::Value;
use wasser_sdk::{Context, Host, Result};

use crate::describe::WORKER;
use crate::input::Spec;

/// Returns the addresses of the workers once all of them are ready, and what is installed until
/// then: workers that come one after the other change the release once, and one that starts again
/// changes nothing.
pub fn of(ctx: &Context<Spec>, host: &impl Host, port: u16) -> Result<Vec<String>> {
    let spec = &ctx.runtime.spec;
    let wanted = if spec.worker.disabled {
        0
    } else {
        spec.replicas.unwrap_or_default()
    };
    if wanted == 0 {
        return Ok(Vec::new());
    }
    let mut addresses: Vec<String> = host
        .ready_pods(WORKER)?
        .into_iter()
        .filter(|pod| !pod.ip.is_empty())
        .map(|pod| address(&pod.ip, port))
        .collect();
    if addresses.len() != wanted as usize {
        return Ok(installed(ctx));
    }
    addresses.sort();
    Ok(addresses)
}

fn address(ip: &str, port: u16) -> String {
    match ip.contains(':') {
        true => format!("[{ip}]:{port}"),
        false => format!("{ip}:{port}"),
    }
}

fn installed(ctx: &Context<Spec>) -> Vec<String> {
    let pointer = "/worker/endpoints";
    let installed = ctx
        .installed
        .as_ref()
        .and_then(|values| values.pointer(pointer)?.as_array());
    let texts = installed.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
