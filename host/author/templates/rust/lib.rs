//! ExampleRuntime: which parts it consists of, and the values of its chart. The host does the rest.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasser_sdk::{
    Context, Description, Error, Fuse, Host, Implement, Measure, Method, Result, Role, Want,
};

/// How long a command in a pod may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The fields of `ExampleRuntime.spec` that are read here.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Spec {
    cache_size: String,
    resources: Value,
}

impl Default for Spec {
    fn default() -> Self {
        Spec {
            cache_size: "1Gi".into(),
            resources: json!({}),
        }
    }
}

/// The values of the chart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    source: String,
    image: String,
    cache_size: String,
    mount_path: String,
    resources: Value,
    fuse_node_selector: BTreeMap<String, String>,
}

/// The runtime.
pub struct ExampleRuntime;

impl Implement for ExampleRuntime {
    type Spec = Spec;
    type Values = Values;

    fn describe() -> Description {
        Description {
            version: env!("CARGO_PKG_VERSION").into(),
            methods: vec![Method::Validate, Method::CacheStates],
            roles: vec![Role::workers("example-worker"), Role::fuse("example-fuse")],
            fuse: Fuse {
                mount_type: "fuse.example".into(),
                directory: "example-fuse".into(),
            },
            wants: vec![
                Want::new("kinds", &["StatefulSet", "DaemonSet"]),
                Want::new("exec", &["worker"]),
                Want::new("fuse", &[]),
            ],
            ..Description::of("ExampleRuntime", "exampleruntimes", "example")
        }
    }

    /// Refuses what cannot work, and names field and remedy.
    fn validate(ctx: &Context<Spec>, _host: &impl Host) -> Result<()> {
        if ctx.runtime.spec.cache_size.trim().is_empty() {
            return Err(Error::invalid(
                "ExampleRuntime.spec.cacheSize",
                "is empty; give a size such as 1Gi, or leave the field out",
            ));
        }
        Ok(())
    }

    /// Returns the values that the spec asks for now, whether something is installed or not.
    fn desired(ctx: &Context<Spec>, _host: &impl Host) -> Result<Values> {
        let mount = ctx
            .dataset()?
            .mounts
            .first()
            .ok_or_else(|| Error::invalid("Dataset.spec.mounts", "needs a mount"))?;
        let image = ctx.images.get("worker").cloned();
        Ok(Values {
            source: mount.mount_point.clone(),
            image: image
                .ok_or_else(|| Error::failed("the registration lists no image `worker`"))?,
            cache_size: ctx.runtime.spec.cache_size.clone(),
            mount_path: ctx.mount_path.clone(),
            resources: ctx.runtime.spec.resources.clone(),
            fuse_node_selector: BTreeMap::from([(ctx.fuse_label.clone(), "true".into())]),
        })
    }

    /// Asks each worker how much it has cached. A worker that does not answer now may do so later.
    fn cache_states(_ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
        let mut cached = 0;
        for pod in host.ready_pods("worker")? {
            let said = host.run(&pod.name, &["du", "-s", "-B1", "/cache"], PATIENCE)?;
            cached += used(&said)?;
        }
        Ok(vec![("cached".into(), Measure::Bytes(cached))])
    }
}

/// Returns the bytes in a line of `du`.
fn used(said: &str) -> Result<u64> {
    let first = said.split_whitespace().next().unwrap_or_default();
    first
        .parse()
        .map_err(|_| Error::failed(format!("`du` says `{said}`, which begins with no number")))
}

wasser_sdk::export!(ExampleRuntime);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_du_begins_with_bytes() {
        assert_eq!(used("4096\t/cache"), Ok(4096));
        assert!(used("du: no such directory").is_err());
    }
}
