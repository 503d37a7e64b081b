//! From runtime and Dataset to the values of the chart.

use serde_json::{Value, json};
use wasser_api::quantity;
use wasser_sdk::spec::{CleanPolicy, Resources, VolumeNames, check_network_mode};
use wasser_sdk::{Context, Error, Result};

use crate::input::{Component, Spec, Texts};
use crate::ports::{self, Allocate};
use crate::store::{self, Store};
use crate::text::check_line;
use crate::{etcd, options};

/// Where the etcd keeps its data.
const ETCD_DATA: &str = "/etcd-data";
/// The addresses of more workers would not fit the ConfigMap that has them.
pub const MOST_WORKERS: u32 = 5000;

/// Returns the memory of the daemons, and what they spill to.
pub fn store(ctx: &Context<Spec>) -> Result<Store> {
    let owner = format!("{}/{}", ctx.namespace, ctx.name);
    Store::of(&ctx.runtime.spec.tiered_store.levels, &owner)
}

/// Returns the values that `ctx` asks for, or what is wrong with it.
pub fn values(ctx: &Context<Spec>, allocate: Allocate<'_>) -> Result<Value> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    check(spec)?;
    let external = etcd::external(spec)?;
    let members = etcd::members(ctx)?;
    let store = store(ctx)?;
    let options = options::of(spec)?;
    let ports = ports::of(ctx, external.is_none(), allocate)?;
    let data = data_volume(&spec.master.component);
    let kept: &[&str] = if data { &["etcd-data"] } else { &[] };
    let shared = &["vineyard-socket-volume", store::VOLUME];
    let mut values = json!({
        "fullnameOverride": ctx.name,
        "owner": {
            "enabled": true, "apiVersion": ctx.runtime.api_version, "kind": ctx.runtime.kind, "name": ctx.name,
            "uid": ctx.runtime.metadata.uid, "controller": true, "blockOwnerDeletion": false,
        },
        "ownerDatasetId": ctx.dataset_id,
        "runtimeIdentity": {"namespace": ctx.namespace, "name": ctx.name},
        "placement": dataset.placement(),
        "tolerations": dataset.tolerations,
        "imagePullSecrets": ctx.pull_secrets(),
        "tieredstore": tiered_store(&store),
        "master": component(ctx, "master", &spec.master.component, &spec.master.component.resources, kept)?,
        "worker": component(ctx, "worker", &spec.worker, &with_cache("worker", &spec.worker, store.size)?, shared)?,
    });
    let master = &mut values["master"];
    master["enabled"] = external.is_none().into();
    master["replicas"] = members.into();
    master["externalEndpoint"] = json!({"uri": external.unwrap_or_default()});
    master["ports"] = json!({"client": ports.client, "peer": ports.peer});
    master["dataVolume"] = data.into();
    let worker = &mut values["worker"];
    worker["ports"] = json!({"rpc": ports.rpc});
    worker["endpoints"] = spec.replicas.unwrap_or_default().into();
    worker["options"] = json!({
        "reserveMemory": options.reserve_memory, "etcdPrefix": options.etcd_prefix,
        "etcdTimeout": options.etcd_timeout,
    });
    values["fuse"] = fuse(ctx, options::of_client(spec, &options)?)?;
    Ok(values)
}

fn check(spec: &Spec) -> Result<()> {
    let invalid = |field: &str, message: &str| Err(Error::invalid(format!("VineyardRuntime.spec.{field}"), message));
    if spec.replicas.unwrap_or_default() > MOST_WORKERS {
        return invalid("replicas", &format!("is above {MOST_WORKERS}"));
    }
    if matches!(
        spec.fuse.clean_policy,
        CleanPolicy::OnFuseChanged | CleanPolicy::Other(_)
    ) {
        return invalid("fuse.cleanPolicy", "is neither OnDemand nor OnRuntimeDeleted");
    }
    Ok(())
}

/// Returns whether the etcd keeps its data in a directory of its pod: unless the user mounts a
/// volume there.
fn data_volume(master: &Component) -> bool {
    let path = |mount: &Value| {
        mount["mountPath"]
            .as_str()
            .map(|path| path.trim_end_matches('/').to_owned())
    };
    !master
        .volume_mounts
        .iter()
        .any(|mount| path(mount).as_deref() == Some(ETCD_DATA))
}

/// Returns the resources of a part that holds so many bytes in its memory.
fn with_cache(name: &str, part: &Component, bytes: u64) -> Result<Resources> {
    part.resources
        .hold_cache(&format!("VineyardRuntime.spec.{name}.resources"), bytes)
}

fn tiered_store(store: &Store) -> Value {
    let spill = store.spill.as_ref().map(|spill| {
        json!({
            "path": spill.path, "volume": spill.volume, "lowerRate": spill.low.map(|rate| rate.to_string()),
            "upperRate": spill.high.map(|rate| rate.to_string()),
        })
    });
    json!({"size": quantity::of_bytes(store.size), "spill": spill})
}

/// What all parts have. `reserved` are the names of volumes that the chart adds.
fn component(
    ctx: &Context<Spec>,
    name: &str,
    part: &Component,
    resources: &Resources,
    reserved: &[&str],
) -> Result<Value> {
    let (spec, field) = (&ctx.runtime.spec, format!("VineyardRuntime.spec.{name}"));
    check_network_mode(&format!("{field}.networkMode"), &part.network_mode)?;
    for (name, value) in &part.env {
        check_line(&format!("{field}.env[{}]", name.escape_debug()), value)?;
    }
    let image = part.version.resolve(ctx, name, &field)?;
    let metadata = spec.pod_metadata.clone().overridden_by(&part.pod_metadata);
    let names = VolumeNames {
        volumes: &spec.volumes,
        reserved,
        ..VolumeNames::default()
    };
    let volumes = names.mounted(&format!("{field}.volumeMounts"), &part.volume_mounts)?;
    Ok(json!({
        "image": image.image, "imageTag": image.image_tag, "imagePullPolicy": image.image_pull_policy,
        "labels": metadata.labels,
        "annotations": metadata.annotations,
        "nodeSelector": part.node_selector,
        "hostNetwork": part.network_mode.is_host_network(),
        "env": part.env,
        "resources": resources.values(&format!("{field}.resources"))?,
        "volumes": volumes.volumes,
        "volumeMounts": volumes.mounts,
    }))
}

/// What the clients have. They are on the nodes that the host labels, and nowhere else.
fn fuse(ctx: &Context<Spec>, options: Texts) -> Result<Value> {
    let part = &ctx.runtime.spec.fuse;
    let resources = with_cache("fuse", part, options::client_size(&options)?)?;
    let mut fuse = component(
        ctx,
        "fuse",
        part,
        &resources,
        &["vineyard-fuse-mount", "vineyard-rpc-conf"],
    )?;
    fuse["nodeSelector"] = json!({ctx.fuse_label.clone(): "true"});
    fuse["targetPath"] = ctx.mount_path.clone().into();
    // There is no mount that pods could wait for.
    fuse["directoryOnly"] = true.into();
    fuse["options"] = json!(options);
    fuse["criticalPod"] = ctx.critical_fuse_pod().into();
    fuse["hostPID"] = ctx.host_pid()?.into();
    Ok(fuse)
}
