//! A whole runtime: it serves `ExampleRuntime`, whose workers run an image and whose clients mount
//! their cache.
//!
//! As a plugin this is a separate crate with `crate-type = ["cdylib"]` and this file as
//! `src/lib.rs`; docs/writing-a-runtime.md says how it gets a chart and a registration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasser_sdk::{Context, Description, Error, Fuse, Host, Implement, Result, Role, Want};

/// The fields of `ExampleRuntime.spec` that values are made of.
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
pub struct Example;

impl Implement for Example {
    type Spec = Spec;
    type Values = Values;

    fn describe() -> Description {
        Description {
            version: env!("CARGO_PKG_VERSION").into(),
            roles: vec![Role::workers("example-worker"), Role::fuse("example-fuse")],
            fuse: Fuse {
                mount_type: "fuse.example".into(),
                directory: "example-fuse".into(),
            },
            wants: vec![
                Want::new("kinds", &["StatefulSet", "DaemonSet"]),
                Want::new("fuse", &[]),
            ],
            ..Description::of("ExampleRuntime", "exampleruntimes", "example")
        }
    }

    fn desired(ctx: &Context<Spec>, _host: &impl Host) -> Result<Values> {
        let mount = ctx
            .dataset()?
            .mounts
            .first()
            .ok_or_else(|| Error::invalid("Dataset.spec.mounts", "needs a mount"))?;
        Ok(Values {
            source: mount.mount_point.clone(),
            image: ctx
                .images
                .get("worker")
                .cloned()
                .ok_or_else(|| Error::failed("the registration lists no image `worker`"))?,
            cache_size: ctx.runtime.spec.cache_size.clone(),
            mount_path: ctx.mount_path.clone(),
            resources: ctx.runtime.spec.resources.clone(),
            fuse_node_selector: BTreeMap::from([(ctx.fuse_label.clone(), "true".into())]),
        })
    }
}

wasser_sdk::export!(Example);

fn main() -> Result<()> {
    let runtime = json!({"metadata": {"namespace": "default", "name": "demo"}, "spec": {"cacheSize": "2Gi"}});
    let dataset = json!({"metadata": {"namespace": "default", "name": "demo"},
        "spec": {"mounts": [{"mountPoint": "s3://bucket"}]}});
    let mut raw = wasser_sdk::testing::raw_context(&runtime, Some(&dataset), "example-fuse");
    raw.images = vec![("worker".into(), "example/worker:1".into())];
    let values = Example::desired(&Context::parse(raw)?, &wasser_sdk::testing::FakeHost::new())?;
    let text = serde_json::to_string_pretty(&values).map_err(|e| Error::failed(e.to_string()))?;
    println!("{text}");
    Ok(())
}
