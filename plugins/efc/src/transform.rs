//! From runtime and Dataset to the values of the chart.

use serde_json::{Value, json};
use wasser_api::quantity;
use wasser_sdk::spec::{CleanPolicy, check_network_mode};
use wasser_sdk::{Context, Error, Result};

use crate::input::{Component, Spec};
use crate::options;
use crate::source::Source;
use crate::store::Store;
use crate::text::check_plain;

/// The directory of the mount root in which the session manager of the node listens.
const SESSION_MANAGER: &str = "efc-sock";
/// What the image takes for no operating system.
const NO_SYSTEM: &str = "none";

/// Returns where the workers keep their cache.
pub fn store(ctx: &Context<Spec>) -> Result<Store> {
    let owner = format!("{}/{}", ctx.namespace, ctx.name);
    Store::of(&ctx.runtime.spec.tiered_store.levels, &owner)
}

/// Returns the values that `ctx` asks for, or what is wrong with it. The workers serve `port`.
pub fn values(ctx: &Context<Spec>, port: u16) -> Result<Value> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    check(spec)?;
    let source = Source::of(dataset)?;
    let store = store(ctx)?;
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
        "master": component(ctx, "master", &spec.master, 0)?,
        "worker": component(ctx, "worker", &spec.worker, store.memory())?,
        "initFuse": init_fuse(ctx)?,
        "osAdvise": os_advise(spec)?,
    });
    let master = &mut values["master"];
    master["enabled"] = (!spec.master.disabled).into();
    master["count"] = spec.master.replicas.unwrap_or(1).into();
    master["mountPoint"] = source.mount_point.clone().into();
    master["option"] = options::of_master(ctx, &source)?.into();
    let worker = &mut values["worker"];
    worker["enabled"] = (!spec.worker.disabled).into();
    worker["port"] = json!({"rpc": port});
    worker["option"] = options::of_worker(ctx, &store, port)?.into();
    worker["tieredstore"] = tiered_store(&store);
    worker["endpoints"] = json!([]);
    values["fuse"] = fuse(ctx, &source)?;
    Ok(values)
}

fn check(spec: &Spec) -> Result<()> {
    let invalid = |field: &str, message: &str| Err(Error::invalid(format!("EFCRuntime.spec.{field}"), message));
    if spec.master.replicas == Some(0) {
        return invalid(
            "master.replicas",
            "is 0; set master.disabled for a runtime without masters",
        );
    }
    if matches!(
        spec.fuse.clean_policy,
        CleanPolicy::OnFuseChanged | CleanPolicy::Other(_)
    ) {
        return invalid("fuse.cleanPolicy", "is neither OnDemand nor OnRuntimeDeleted");
    }
    Ok(())
}

fn tiered_store(store: &Store) -> Value {
    json!({"levels": [{
        "level": 0, "mediumtype": store.medium, "type": store.kind.name(), "path": store.path,
        "quota": store.quota.map(quantity::of_bytes), "volume": store.volume,
    }]})
}

/// What all parts have. A part holds `cache` bytes in its memory.
fn component(ctx: &Context<Spec>, name: &str, part: &Component, cache: u64) -> Result<Value> {
    let (spec, field) = (&ctx.runtime.spec, format!("EFCRuntime.spec.{name}"));
    check_network_mode(&format!("{field}.networkMode"), &part.network_mode)?;
    let image = part.version.resolve(ctx, name, &format!("{field}.version"))?;
    let metadata = spec.pod_metadata.clone().overridden_by(&part.pod_metadata);
    let of_resources = format!("{field}.resources");
    let resources = part.resources.hold_cache(&of_resources, cache)?.values(&of_resources)?;
    Ok(json!({
        "image": image.image, "imageTag": image.image_tag, "imagePullPolicy": image.image_pull_policy,
        "labels": metadata.labels,
        "annotations": metadata.annotations,
        "nodeSelector": part.node_selector,
        "hostNetwork": part.network_mode.is_host_network(),
        "resources": resources,
    }))
}

/// What the clients have. They are on the nodes that the host labels, and nowhere else.
fn fuse(ctx: &Context<Spec>, source: &Source) -> Result<Value> {
    let mut fuse = component(ctx, "fuse", &ctx.runtime.spec.fuse, 0)?;
    fuse["nodeSelector"][ctx.fuse_label.as_str()] = "true".into();
    fuse["mountPoint"] = source.mount_point.clone().into();
    fuse["option"] = options::of_fuse(ctx, source)?.into();
    fuse["hostMountPath"] = ctx.mount_parent().into();
    fuse["sessionManager"] = session_manager(ctx)?.into();
    fuse["criticalPod"] = ctx.critical_fuse_pod().into();
    fuse["hostPID"] = ctx.host_pid()?.into();
    Ok(fuse)
}

/// Returns where the session manager of the node listens: all runtimes of a node have one.
fn session_manager(ctx: &Context<Spec>) -> Result<String> {
    let own = format!("/efc/{}/{}", ctx.namespace, ctx.name);
    let root = ctx.mount_parent().strip_suffix(&own);
    let root = root.ok_or_else(|| Error::failed(format!("the mount path {} does not end as usual", ctx.mount_path)))?;
    Ok(format!("{root}/{SESSION_MANAGER}"))
}

/// What prepares a node before its client starts. The session manager does so as well, so that a
/// runtime has it only if it names the image, or has nodes tuned.
fn init_fuse(ctx: &Context<Spec>) -> Result<Value> {
    let spec = &ctx.runtime.spec;
    let version = &spec.init_fuse.version;
    let image = version.resolve(ctx, "init-fuse", "EFCRuntime.spec.initFuse.version")?;
    Ok(json!({
        "enabled": spec.os_advise.enabled || version.is_given(),
        "image": image.image, "imageTag": image.image_tag, "imagePullPolicy": image.image_pull_policy,
    }))
}

fn os_advise(spec: &Spec) -> Result<Value> {
    let system = &spec.os_advise.os_version;
    check_plain("EFCRuntime.spec.osAdvise.osVersion", system)?;
    let system = if system.is_empty() { NO_SYSTEM } else { system };
    Ok(json!({"enabled": spec.os_advise.enabled, "osVersion": system}))
}
