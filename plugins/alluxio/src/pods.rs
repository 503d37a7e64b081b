//! The pods of the three roles, and the processes that share them.

use serde_json::{Value, json};
use wasser_api::labels::{CACHE_VOLUMES, FUSE_GENERATION};
use wasser_sdk::spec::{CleanPolicy, Volumes, check_clean_policy};
use wasser_sdk::{Context, Error, Result};

use crate::fuse;
use crate::input::{Component, Spec};
use crate::parts::Parts;
use crate::properties::{addresses, jvm_options, of_component, secret};
use crate::ufs;
use crate::volumes;

const EXPERIMENTAL: &str = "-XX:+UnlockExperimentalVMOptions";
const MASTER_JVM: &[&str] = &["-Xmx16G", EXPERIMENTAL];
const WORKER_JVM: &[&str] = &["-Xmx12G", EXPERIMENTAL, "-XX:MaxDirectMemorySize=32g"];
const FUSE_JVM: &[&str] = &[
    "-Xmx16G",
    "-Xms16G",
    "-XX:+UseG1GC",
    "-XX:MaxDirectMemorySize=32g",
    EXPERIMENTAL,
];

/// Returns the masters.
pub fn master(parts: &Parts<'_>) -> Result<Value> {
    let (ctx, spec) = (parts.ctx, &parts.ctx.runtime.spec);
    let component = &spec.master;
    let mut volumes = volumes::of("master", &component.volume_mounts, spec)?;
    let natives = volumes::add_native(&mut volumes, parts.mounts, only_read(ctx)?);
    let by_files = ufs::by_files(ctx);
    if by_files {
        volumes::add_secrets(&mut volumes, parts.mounts);
    }
    if let Some(backup) = parts.backup {
        volumes::add_backup(&mut volumes, backup);
    }
    let mut pod = pod(parts, "master", component, volumes)?;
    let mut properties = of_component("master", &component.properties)?;
    if let Some(backup) = parts.backup {
        let journal = backup.journal(ctx)?;
        properties
            .entry("alluxio.master.journal.init.from.backup".into())
            .or_insert(journal);
        pod["restore"] = json!({"enabled": true, "path": backup.directory, "pvcName": backup.claim});
    }
    pod["properties"] = json!(properties);
    pod["jvmOptions"] = json!(jvm_options("master.", &component.jvm_options, MASTER_JVM)?);
    pod["resources"] = json!(component.resources.values("AlluxioRuntime.spec.master.resources")?);
    pod["replicaCount"] = parts.masters.into();
    pod["ports"] = json!(parts.ports.of.get("master"));
    pod["mountConfigStorage"] = if by_files { "configmap" } else { "secret" }.into();
    pod["nonNativeMounts"] = json!(if by_files { parts.mounts.lines() } else { Vec::new() });
    pod["rootSecrets"] = json!(secret(spec, parts.mounts)?);
    pod["claimDirectories"] = json!(volumes::claim_directories(parts.mounts, &natives));
    pod["backupPath"] = backup_path(ctx).into();
    // Directories of nodes exist only on the nodes that the Dataset names: the master reads them as
    // the workers do.
    let on_nodes = parts
        .mounts
        .native
        .iter()
        .any(|native| matches!(native.volume, crate::mounts::Volume::Directory(_)));
    let required = ctx
        .dataset()?
        .node_affinity
        .as_ref()
        .and_then(|affinity| affinity.get("required"));
    let required = required.filter(|_| on_nodes).cloned();
    let required = match parts.backup.and_then(|backup| backup.node.as_deref()) {
        Some(node) => Some(on_node(required, node)),
        None => required,
    };
    if let Some(required) = required {
        pod["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}});
    }
    Ok(pod)
}

/// Returns what of a node affinity is left on the node of this name. Its label with the name of the
/// host may be another one.
fn on_node(required: Option<Value>, node: &str) -> Value {
    let terms = required.as_ref().and_then(|required| required.get("nodeSelectorTerms"));
    let terms = terms.and_then(Value::as_array).filter(|terms| !terms.is_empty());
    let mut terms = terms.cloned().unwrap_or_else(|| vec![json!({})]);
    for term in terms.iter_mut().filter_map(Value::as_object_mut) {
        let fields = term.get("matchFields").and_then(Value::as_array);
        let mut fields = fields.cloned().unwrap_or_default();
        fields.push(json!({"key": "metadata.name", "operator": "In", "values": [node]}));
        term.insert("matchFields".into(), fields.into());
    }
    json!({"nodeSelectorTerms": terms})
}

/// Returns the directory of the node that a master shares with the pod of a backup.
pub fn backup_path(ctx: &Context<Spec>) -> String {
    format!("/tmp/alluxio-backup/{}/{}", ctx.namespace, ctx.name)
}

/// Reports whether nothing writes to volumes that are data sources: clients of a read-only Dataset
/// do not, and what comes through the REST proxy is not theirs.
fn only_read(ctx: &Context<Spec>) -> Result<bool> {
    Ok(ctx.dataset()?.read_only() && !ctx.runtime.spec.api_gateway.enabled)
}

/// Returns the workers.
pub fn worker(parts: &Parts<'_>) -> Result<Value> {
    let spec = &parts.ctx.runtime.spec;
    let component = &spec.worker;
    let mut volumes = volumes::of("worker", &component.volume_mounts, spec)?;
    volumes::add_native(&mut volumes, parts.mounts, only_read(parts.ctx)?);
    volumes::add_tiers(&mut volumes, parts.tiers);
    let mut pod = pod(parts, "worker", component, volumes)?;
    let field = "AlluxioRuntime.spec.worker.resources";
    pod["resources"] = json!(
        component
            .resources
            .hold_cache(field, parts.tiers.memory())?
            .values(field)?
    );
    pod["properties"] = json!(of_component("worker", &component.properties)?);
    pod["jvmOptions"] = json!(jvm_options("worker.", &component.jvm_options, WORKER_JVM)?);
    pod["ports"] = json!(parts.ports.of.get("worker"));
    Ok(pod)
}

/// Returns the clients.
pub fn fuse(parts: &Parts<'_>) -> Result<Value> {
    let (ctx, spec) = (parts.ctx, &parts.ctx.runtime.spec);
    let component = &spec.fuse;
    let mut volumes = volumes::of("fuse", &component.volume_mounts, spec)?;
    let caches = if parts.tiers.reach_clients() {
        volumes::add_tiers(&mut volumes, parts.tiers)
    } else {
        Vec::new()
    };
    check_clean_policy("AlluxioRuntime.spec.fuse.cleanPolicy", &component.clean_policy)?;
    let image = component.version.resolve(ctx, "fuse", "AlluxioRuntime.spec.fuse")?;
    let mut pod = pod(parts, "fuse", component, volumes)?;
    pod["annotations"][CACHE_VOLUMES] = caches.join(",").into();
    let mut selector = component.node_selector.clone();
    selector.insert(ctx.fuse_label.clone(), "true".into());
    pod["nodeSelector"] = json!(selector);
    if let Some(labels) = pod["labels"].as_object_mut() {
        // The chart sets this one.
        labels.remove(FUSE_GENERATION);
    }
    let mut env = component.env.clone();
    env.entry("MOUNT_POINT".into())
        .or_insert_with(|| ctx.mount_path.clone());
    pod["env"] = json!(env);
    pod["enabled"] = true.into();
    pod["args"] = json!(fuse::args(ctx, &image.image_tag)?);
    pod["image"] = image.image.into();
    pod["imageTag"] = image.image_tag.into();
    pod["imagePullPolicy"] = image.image_pull_policy.into();
    pod["mountPath"] = ctx.mount_path.as_str().into();
    pod["hostMountPath"] = ctx.mount_parent().into();
    pod["criticalPod"] = ctx.critical_fuse_pod().into();
    pod["hostPID"] = ctx.host_pid()?.into();
    pod["generation"] = 1.into();
    if component.clean_policy == CleanPolicy::OnFuseChanged {
        pod["showGeneration"] = true.into();
    }
    let mut properties = of_component("fuse", &component.properties)?;
    if let Some((name, addresses)) = addresses(ctx, parts.ports, parts.masters) {
        properties.entry(name).or_insert(addresses);
    }
    pod["properties"] = json!(properties);
    pod["jvmOptions"] = json!(jvm_options("fuse.", &component.jvm_options, FUSE_JVM)?);
    let field = "AlluxioRuntime.spec.fuse.resources";
    pod["resources"] = json!(component.resources.see_cache(parts.tiers.memory()).values(field)?);
    Ok(pod)
}

/// Returns a process that runs in the pods of another one: jobMaster or jobWorker.
pub fn process(parts: &Parts<'_>, name: &str, component: &Component) -> Result<Value> {
    Ok(json!({
        "ports": parts.ports.of.get(name),
        "env": component.env,
        "properties": of_component(name, &component.properties)?,
        "jvmOptions": jvm_options(&format!("{name}."), &component.jvm_options, &[])?,
        "resources": component.resources.values(&format!("AlluxioRuntime.spec.{name}.resources"))?,
    }))
}

/// Returns the REST proxy in the masters' pods.
pub fn api_gateway(parts: &Parts<'_>) -> Result<Value> {
    let component = &parts.ctx.runtime.spec.api_gateway;
    let mut values = process(parts, "apiGateway", component)?;
    values["enabled"] = component.enabled.into();
    Ok(values)
}

fn pod(parts: &Parts<'_>, name: &str, component: &Component, volumes: Volumes) -> Result<Value> {
    let ctx = parts.ctx;
    let metadata = ctx
        .runtime
        .spec
        .pod_metadata
        .clone()
        .overridden_by(&component.pod_metadata);
    Ok(json!({
        "hostNetwork": component.network_mode.is_host_network(),
        "env": component.env,
        "labels": metadata.labels,
        "annotations": metadata.annotations,
        "nodeSelector": component.node_selector,
        "imagePullSecrets": pull_secrets(ctx, name, component)?,
        "volumes": volumes.volumes,
        "volumeMounts": volumes.mounts,
    }))
}

/// Returns the component's Secrets, else the runtime's, else the installation's.
fn pull_secrets(ctx: &Context<Spec>, name: &str, component: &Component) -> Result<Vec<Value>> {
    let secrets = ctx.pull_secrets_or(&component.image_pull_secrets, &ctx.runtime.spec.image_pull_secrets);
    let has_name = |secret: &Value| {
        secret
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| !name.is_empty())
    };
    if secrets.iter().all(has_name) {
        return Ok(secrets);
    }
    let field = format!("AlluxioRuntime.spec.{name}.imagePullSecrets");
    Err(Error::invalid(field, "has an entry without the name of a Secret"))
}
