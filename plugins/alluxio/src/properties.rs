//! Properties of Alluxio: what the user and the mounts ask for, and defaults that suit a cluster of
//! containers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::{Context, Error, Result, SecretKeySelector};

use crate::input::Spec;
use crate::members::{self, JOB_MEMBERS, MEMBERS};
use crate::mounts::{LOCAL_ROOT, Mounts};
use crate::ports::Ports;
use crate::text;
use crate::tiers::Tiers;

type Properties = BTreeMap<String, String>;

/// Where clients find the masters, if they are not those that the members of the journal are.
const ADDRESSES: &str = "alluxio.master.rpc.addresses";

/// What every Alluxio gets whose user does not say otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("alluxio.fuse.cached.paths.max", "1000000"),
    ("alluxio.fuse.debug.enabled", "false"),
    ("alluxio.fuse.jnifuse.enabled", "true"),
    ("alluxio.fuse.jnifuse.libfuse.version", "3"),
    ("alluxio.fuse.logging.threshold", "1000ms"),
    ("alluxio.job.master.finished.job.retention.time", "30sec"),
    ("alluxio.job.worker.threadpool.size", "32"),
    ("alluxio.master.journal.folder", "/journal"),
    ("alluxio.master.journal.log.size.bytes.max", "500MB"),
    ("alluxio.master.metadata.sync.concurrency.level", "128"),
    ("alluxio.master.metadata.sync.executor.pool.size", "128"),
    ("alluxio.master.metadata.sync.ufs.prefetch.pool.size", "128"),
    ("alluxio.master.metastore", "ROCKS"),
    ("alluxio.master.metastore.inode.cache.max.size", "10000000"),
    ("alluxio.master.rpc.executor.core.pool.size", "128"),
    ("alluxio.master.rpc.executor.max.pool.size", "1024"),
    ("alluxio.master.security.impersonation.root.groups", "*"),
    ("alluxio.master.security.impersonation.root.users", "*"),
    ("alluxio.security.authorization.permission.enabled", "false"),
    ("alluxio.security.stale.channel.purge.interval", "365d"),
    ("alluxio.underfs.object.store.breadcrumbs.enabled", "false"),
    ("alluxio.user.block.avoid.eviction.policy.reserved.size.bytes", "2GB"),
    ("alluxio.user.block.master.client.pool.gc.threshold", "10min"),
    ("alluxio.user.block.master.client.pool.size.max", "1024"),
    ("alluxio.user.block.size.bytes.default", "16MB"),
    ("alluxio.user.block.worker.client.pool.max", "1024"),
    ("alluxio.user.block.worker.client.pool.min", "512"),
    (
        "alluxio.user.block.write.location.policy.class",
        "alluxio.client.block.policy.LocalFirstAvoidEvictionPolicy",
    ),
    ("alluxio.user.client.cache.enabled", "false"),
    ("alluxio.user.file.create.ttl.action", "FREE"),
    ("alluxio.user.file.master.client.pool.size.max", "1024"),
    ("alluxio.user.file.passive.cache.enabled", "false"),
    ("alluxio.user.file.readtype.default", "CACHE"),
    ("alluxio.user.local.reader.chunk.size.bytes", "32MB"),
    ("alluxio.user.logging.threshold", "1000ms"),
    ("alluxio.user.metadata.cache.enabled", "true"),
    ("alluxio.user.metadata.cache.expiration.time", "10min"),
    ("alluxio.user.metadata.cache.max.size", "6000000"),
    ("alluxio.user.metrics.collection.enabled", "true"),
    ("alluxio.user.streaming.reader.chunk.size.bytes", "32MB"),
    (
        "alluxio.user.ufs.block.read.location.policy",
        "alluxio.client.block.policy.LocalFirstPolicy",
    ),
    // Times of access would be written to the journal of the master.
    ("alluxio.user.update.file.accesstime.disabled", "true"),
    ("alluxio.user.worker.list.refresh.interval", "2min"),
    (
        "alluxio.worker.allocator.class",
        "alluxio.worker.block.allocator.MaxFreeAllocator",
    ),
    ("alluxio.worker.block.master.client.pool.size", "1024"),
    ("alluxio.worker.network.reader.buffer.size", "32MB"),
];

/// The same where all data comes from web servers: few and large requests.
const WEB: &[(&str, &str)] = &[
    ("alluxio.user.block.size.bytes.default", "256MB"),
    ("alluxio.user.streaming.reader.chunk.size.bytes", "256MB"),
    ("alluxio.user.local.reader.chunk.size.bytes", "256MB"),
    ("alluxio.worker.network.reader.buffer.size", "256MB"),
    ("alluxio.user.streaming.data.timeout", "300sec"),
];

/// Returns the properties of all processes. What the user sets counts, then what the mounts and the
/// ports make necessary, then defaults.
pub fn of(ctx: &Context<Spec>, mounts: &Mounts, tiers: &Tiers, ports: &Ports, masters: u32) -> Result<Properties> {
    let spec = &ctx.runtime.spec;
    let mut all = Properties::new();
    for (name, value) in &spec.properties {
        text::check_property("AlluxioRuntime.spec.properties", name, value)?;
        all.insert(name.clone(), value.trim().to_string());
    }
    let mut default = |name: &str, value: &str| {
        all.entry(name.to_string()).or_insert_with(|| value.to_string());
    };
    match &mounts.root {
        Some(root) => {
            check_root(&root.source)?;
            default("alluxio.master.mount.table.root.ufs", &root.source);
            if root.read_only {
                default("alluxio.master.mount.table.root.readonly", "true");
            }
            if root.shared {
                default("alluxio.master.mount.table.root.shared", "true");
            }
            for (name, value) in &root.options {
                text::check_property("Dataset.spec.mounts.options", name, value)?;
                default(name, value.trim());
            }
        }
        None => default("alluxio.master.mount.table.root.ufs", LOCAL_ROOT),
    }
    for (name, port) in &ports.properties {
        default(name, port);
    }
    default(
        "alluxio.master.journal.type",
        if masters > 1 { "EMBEDDED" } else { "UFS" },
    );
    if masters > 1 {
        for (name, component) in [(MEMBERS, "master"), (JOB_MEMBERS, "jobMaster")] {
            let port = ports.get(component, "embedded").unwrap_or_default();
            let each = (0..masters).map(|at| format!("{}-master-{at}:{port}", ctx.name));
            default(name, &each.collect::<Vec<String>>().join(","));
        }
    }
    if !tiers.reach_clients() {
        default("alluxio.user.short.circuit.enabled", "false");
    }
    // Files belong to whom Alluxio says, unless the Dataset says it for all: else they belong to the
    // client's user, and nobody can change that.
    if ctx.dataset()?.owner.is_none() {
        default("alluxio.fuse.user.group.translation.enabled", "true");
    }
    let read_only = ctx.dataset()?.read_only();
    default(
        "alluxio.user.direct.memory.io.enabled",
        if read_only && tiers.given && tiers.directories().count() == 1 {
            "true"
        } else {
            "false"
        },
    );
    default(
        "alluxio.user.file.replication.max",
        &spec.data.replicas.max(1).to_string(),
    );
    let sources = &ctx.dataset()?.mounts;
    let web = |point: &str| point.starts_with("http://") || point.starts_with("https://");
    if !sources.is_empty() && sources.iter().all(|mount| web(mount.mount_point.trim())) {
        WEB.iter().for_each(|(name, value)| default(name, value));
    }
    DEFAULTS.iter().for_each(|(name, value)| default(name, value));
    members::keep(ctx, &mut all)?;
    Ok(all)
}

/// Returns where clients find several masters, from any namespace: masters are called by the names
/// of their pods, which only the runtime's own namespace knows. `None` if the user says it.
pub fn addresses(ctx: &Context<Spec>, ports: &Ports, masters: u32) -> Option<(String, String)> {
    let properties = &ctx.runtime.spec.properties;
    if masters <= 1 || [ADDRESSES, MEMBERS].iter().any(|name| properties.contains_key(*name)) {
        return None;
    }
    let port = ports.get("master", "rpc")?;
    let each = (0..masters).map(|at| format!("{}-master-{at}.{}:{port}", ctx.name, ctx.namespace));
    Some((ADDRESSES.to_owned(), each.collect::<Vec<String>>().join(",")))
}

/// Refuses an address that cannot be a property; elsewhere than at the root, it can be an argument.
fn check_root(source: &str) -> Result<()> {
    let field = "Dataset.spec.mounts[mountPoint]";
    match text::check_value(field, source) {
        Err(Error::InvalidSpec { message, .. }) => {
            let message = format!("of the mount at `/`: {message}, or give the mount a name or a path");
            Err(Error::invalid(field, message))
        }
        other => other,
    }
}

/// Returns the properties of the data source at `/` whose values are in Secrets: the master reads
/// them when it starts. What the user sets counts.
pub fn secret(spec: &Spec, mounts: &Mounts) -> Result<Vec<Value>> {
    let secrets = mounts.root.iter().flat_map(|root| &root.secrets);
    let is_set = |name: &String| spec.properties.contains_key(name) || spec.master.properties.contains_key(name);
    let unset = secrets.filter(|(name, _)| !is_set(name));
    let property = |(name, secret): (&String, &SecretKeySelector)| {
        text::check_property("Dataset.spec.mounts.encryptOptions", name, "")?;
        Ok(json!({"name": name, "secret": secret.name, "key": secret.key}))
    };
    unset.map(property).collect()
}

/// Returns the properties of one component.
pub fn of_component(field: &str, properties: &Properties) -> Result<Properties> {
    let mut checked = Properties::new();
    for (name, value) in properties {
        text::check_property(&format!("AlluxioRuntime.spec.{field}.properties"), name, value)?;
        checked.insert(name.clone(), value.trim().to_string());
    }
    Ok(checked)
}

/// Returns the options of a Java machine; `default` if the user sets none.
pub fn jvm_options(field: &str, options: &[String], default: &[&str]) -> Result<Vec<String>> {
    for option in options {
        text::check_jvm_option(&format!("AlluxioRuntime.spec.{field}jvmOptions"), option)?;
    }
    if options.is_empty() {
        return Ok(default.iter().map(|option| (*option).to_string()).collect());
    }
    Ok(options
        .iter()
        .map(|option| option.trim().to_string())
        .filter(|option| !option.is_empty())
        .collect())
}
