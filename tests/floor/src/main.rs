//! The bare client of `cargo xtask bench floor`: makes the writes of a file, those of several
//! Datasets at a time, and ends.
//!
//! `wasser-floor KUBECONFIG WRITES`

use std::path::Path;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Api, Client, Config, ResourceExt};
use serde::Deserialize;
use serde_json::Value;

/// How many Datasets are written at a time.
const AT_ONCE: usize = 16;

/// What is written for one Dataset, one request after the other.
#[derive(Deserialize)]
struct Writes {
    created: Vec<DynamicObject>,
    patched: Vec<Patched>,
}

/// Merge patches of an object and of its status.
#[derive(Deserialize)]
struct Patched {
    #[serde(flatten)]
    types: TypeMeta,
    namespace: String,
    name: String,
    object: Value,
    status: Value,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(kubeconfig), Some(file)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: wasser-floor KUBECONFIG WRITES");
    };
    let client = connect(Path::new(&kubeconfig)).await?;
    let text = std::fs::read(&file).with_context(|| format!("reading {file}"))?;
    let all: Vec<Writes> = serde_json::from_slice(&text).with_context(|| format!("parsing {file}"))?;
    stream::iter(all)
        .map(|writes| write(&client, writes))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn connect(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

async fn write(client: &Client, writes: Writes) -> Result<()> {
    for object in writes.created {
        let types = object.types.as_ref().context("an object has no kind")?;
        let api = api(client, types, object.metadata.namespace.as_deref())?;
        let created = api.create(&PostParams::default(), &object).await;
        created.with_context(|| format!("creating the {} {}", types.kind, object.name_any()))?;
    }
    for Patched {
        types,
        namespace,
        name,
        object,
        status,
    } in writes.patched
    {
        let (api, params) = (api(client, &types, Some(&namespace))?, PatchParams::default());
        let patched = async {
            api.patch_metadata(&name, &params, &Patch::Merge(object)).await?;
            api.patch_status(&name, &params, &Patch::Merge(status)).await
        };
        patched
            .await
            .with_context(|| format!("patching the {} {name}", types.kind))?;
    }
    Ok(())
}

fn api(client: &Client, types: &TypeMeta, namespace: Option<&str>) -> Result<Api<DynamicObject>> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
    Ok(match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    })
}
