//! The pods of the two roles.

use wasser_api::labels::{CACHE_VOLUMES, FUSE_GENERATION};
use wasser_sdk::spec::{CleanPolicy, Volumes, check_clean_policy};
use wasser_sdk::{Context, Error, Result};

use crate::commands;
use crate::describe::{FUSE, WORKER};
use crate::env;
use crate::input::{Component, Spec};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::resources;
use crate::shell;
use crate::source::Source;
use crate::store::{self, DEFAULT_DIRECTORY, Store};
use crate::upload;
use crate::values::{FusePod, Pod};
use crate::volumes;

/// Names of the volumes that the chart adds.
const SCRIPT: &str = "script";
const MOUNT: &str = "juicefs-fuse-mount";

/// What a role's pods are made of.
pub struct Parts<'a> {
    /// The context.
    pub ctx: &'a Context<Spec>,
    /// The file system.
    pub source: &'a Source,
    /// Where the cache is.
    pub store: &'a Store,
    /// All mount options.
    pub options: &'a Options,
    /// The port of the metrics.
    pub metrics: Metrics,
}

/// Returns the pods that hold the cache.
pub fn worker(parts: &Parts<'_>) -> Result<Pod> {
    let spec = &parts.ctx.runtime.spec;
    let claims = volumes::claim_names(spec)?;
    let volumes = volumes::of(WORKER, &spec.worker.volume_mounts, spec, &claims, &[SCRIPT])?;
    let mut pod = pod(parts, WORKER, &spec.worker, volumes)?;
    pod.volume_claim_templates = spec.volume_claim_templates.clone();
    Ok(pod)
}

/// Returns the pods that mount the file system for applications.
pub fn fuse(parts: &Parts<'_>) -> Result<Pod> {
    let (ctx, spec) = (parts.ctx, &parts.ctx.runtime.spec);
    let volumes = volumes::of(FUSE, &spec.fuse.volume_mounts, spec, &[], &[SCRIPT, MOUNT])?;
    check_clean_policy("JuiceFSRuntime.spec.fuse.cleanPolicy", &spec.fuse.clean_policy)?;
    let image = spec
        .fuse
        .version()
        .resolve(ctx, parts.source.edition.image_key(), "JuiceFSRuntime.spec.fuse")?;
    let mut pod = pod(parts, FUSE, &spec.fuse, volumes)?;
    let directories = parts
        .options
        .get("cache-dir")
        .into_iter()
        .flat_map(|list| store::split(list));
    let directories = directories.map(str::to_owned).collect();
    let uploads_later = upload::is_later(parts.options);
    pod.node_selector.insert(ctx.fuse_label.clone(), "true".into());
    // The chart sets this one.
    pod.labels.remove(FUSE_GENERATION);
    pod.fuse = Some(FusePod {
        enabled: true,
        image: image.image,
        image_tag: image.image_tag,
        image_pull_policy: image.image_pull_policy,
        host_mount_path: ctx.mount_parent().into(),
        sub_path: parts.source.directory.trim_start_matches('/').to_string(),
        critical_pod: ctx.critical_fuse_pod(),
        host_pid: ctx.host_pid()?,
        upload_seconds: uploads_later.then_some(upload::PATIENCE),
        upload_from: if uploads_later { directories } else { Vec::new() },
        generation: 1,
        show_generation: spec.fuse.clean_policy == CleanPolicy::OnFuseChanged,
    });
    Ok(pod)
}

/// Refuses blocks that would lie in the container and go with it.
fn check_bucket(source: &Source, role: &str, volumes: &Volumes) -> Result<()> {
    match source.local_bucket() {
        Some(bucket) if !volumes::hold(volumes, bucket) => Err(Error::invalid(
            "Dataset.spec.mounts[0].options.bucket",
            format!(
                "`{}` is a directory that goes with its pod; mount the same lasting volume there in \
                 JuiceFSRuntime.spec.{role}.volumeMounts and for the other pods",
                bucket.escape_debug()
            ),
        )),
        _ => Ok(()),
    }
}

fn pod(parts: &Parts<'_>, role: &str, component: &Component, mut volumes: Volumes) -> Result<Pod> {
    let ctx = parts.ctx;
    let metadata = ctx
        .runtime
        .spec
        .pod_metadata
        .clone()
        .overridden_by(&component.pod_metadata);
    check_bucket(parts.source, role, &volumes)?;
    let cache_dir = parts.options.get("cache-dir").map_or(DEFAULT_DIRECTORY, String::as_str);
    let caches = volumes::add_cache(&mut volumes, cache_dir, parts.store);
    let mut annotations = metadata.annotations;
    if role == FUSE {
        annotations.insert(CACHE_VOLUMES.into(), caches.join(","));
    }
    Ok(Pod {
        privileged: true,
        command: commands::mount(parts.source, &ctx.mount_path, parts.options),
        stat_cmd: format!("stat -c %i {}", shell::word(&ctx.mount_path)),
        mount_path: ctx.mount_path.clone(),
        metrics_port: parts.metrics.port(),
        host_network: component.network_mode.is_host_network(),
        envs: env::of(role, &component.env, &parts.source.secrets),
        labels: metadata.labels,
        annotations,
        node_selector: component.node_selector.clone(),
        resources: resources::of(parts.source.edition, role, component, parts.options, parts.store)?,
        volumes: volumes.volumes,
        volume_mounts: volumes.mounts,
        ..Pod::default()
    })
}
