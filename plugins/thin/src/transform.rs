//! From profile, runtime and Dataset to the values of the chart.

use serde_json::{Value, json};
use wasser_api::labels::CACHE_VOLUMES;
use wasser_api::names;
use wasser_sdk::spec::{CleanPolicy, Volumes, check_clean_policy, check_network_mode, named};
use wasser_sdk::{Context, Error, Host, Result};

use crate::claim;
use crate::config;
use crate::describe::{self, FUSE, WORKER};
use crate::env;
use crate::host_volume;
use crate::input::{Component, Spec};
use crate::merge;
use crate::profile;
use crate::secrets;
use crate::values::{Fuse, Identity, Pod, Values};
use crate::volumes;

/// The setting of the installation that says where config.json is kept.
const STORAGE: &str = "fuse-config-storage";

/// Returns the values that `ctx` asks for, or what is wrong with it.
pub fn values(ctx: &Context<Spec>, host: &impl Host) -> Result<Values> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    let profile = profile::of(ctx, host)?;
    let mut fuse = merge::component(&profile.fuse, &spec.fuse);
    let worker = merge::component(&profile.worker, &spec.worker);
    let all_volumes = named(&profile.volumes, &spec.volumes, "name");
    let claim = claim::of(ctx, dataset, host)?;
    let host_volumes = host_volume::of(dataset, &fuse.options)?;
    fuse.options.remove(host_volume::OPTION);
    let config = config::of(dataset, &ctx.mount_path, &fuse.options, &claim)?;
    let cache = volumes::cache_directory(spec.tiered_store.levels.first().map(|level| level.path.as_str()))?;

    let mut fuse_volumes = volumes::of(FUSE, &fuse.volume_mounts, &all_volumes)?;
    for (volume, mount) in host_volumes {
        volumes::add_own(&mut fuse_volumes, volume, mount);
    }
    for secret in secrets::names(dataset) {
        let (volume, mount) = secrets::volume(&secret, false);
        volumes::add_secret(&mut fuse_volumes, volume, mount)?;
    }
    if let Some((secret, optional)) = claim::publish_secret(ctx, &profile.node_publish_secret_policy, &claim)? {
        let (volume, mount) = secrets::volume(&secret, optional);
        volumes::add_secret(&mut fuse_volumes, volume, mount)?;
    }
    check_clean_policy("ThinRuntime.spec.fuse.cleanPolicy", &fuse.clean_policy)?;
    let cache_volume = volumes::add_cache(&mut fuse_volumes, &cache).unwrap_or_default();
    let mut annotations = fuse.pod_metadata.annotations.clone();
    annotations.insert(CACHE_VOLUMES.into(), cache_volume);
    let mut fuse_pod = pod(FUSE, &fuse, fuse_volumes, &cache)?;
    fuse_pod.enabled = true;
    fuse_pod.envs = env::of_fuse(&fuse.env, &ctx.mount_path, &fuse.options, dataset.read_only());
    fuse_pod.node_selector.insert(ctx.fuse_label.clone(), "true".into());

    if worker.enabled {
        let longest = describe::description().longest_name();
        names::check_length(&ctx.name, longest)
            .map_err(|error| Error::invalid("ThinRuntime.metadata.name", error.to_string()))?;
    }
    let worker_pod = if worker.enabled {
        let mut volumes = volumes::of(WORKER, &worker.volume_mounts, &all_volumes)?;
        volumes::add_cache(&mut volumes, &cache);
        pod(WORKER, &worker, volumes, &cache)?
    } else {
        Pod::default()
    };
    let pull_secrets = named(&profile.image_pull_secrets, &spec.image_pull_secrets, "name");
    Ok(Values {
        fullname_override: ctx.name.clone(),
        owner_dataset_id: ctx.dataset_id.clone(),
        runtime_identity: Identity {
            namespace: ctx.namespace.clone(),
            name: ctx.name.clone(),
        },
        placement: dataset.placement().into(),
        tolerations: dataset.tolerations.clone(),
        image_pull_secrets: named(&ctx.pull_secrets(), &pull_secrets, "name"),
        worker: worker_pod,
        fuse: Fuse {
            pod: fuse_pod,
            lifecycle: lifecycle(fuse.lifecycle.as_ref(), &ctx.mount_path)?,
            command: fuse.command,
            args: fuse.args,
            labels: fuse.pod_metadata.labels,
            annotations,
            target_path: ctx.mount_path.clone(),
            mount_type: profile.file_system_type,
            clean_policy: if spec.fuse.clean_policy.is_unset() {
                fuse.clean_policy
            } else {
                CleanPolicy::Unset
            },
            config_value: serde_json::to_string(&config)
                .map_err(|error| Error::failed(format!("writing config.json: {error}")))?,
            config_storage: storage(ctx)?,
            critical_pod: ctx.critical_fuse_pod(),
            host_pid: ctx.host_pid()?,
        },
    })
}

fn pod(role: &str, component: &Component, volumes: Volumes, cache: &str) -> Result<Pod> {
    let field = |name: &str| format!("ThinRuntime.spec.{role}.{name}");
    if component.image.is_empty() {
        return Err(Error::invalid(
            field("image"),
            "is in neither the runtime nor its profile; give one in either",
        ));
    }
    component.image().check(&format!("ThinRuntime.spec.{role}"))?;
    let policy = match component.image_pull_policy.as_str() {
        "" => "IfNotPresent",
        given => given,
    };
    check_network_mode(&field("networkMode"), &component.network_mode)?;
    Ok(Pod {
        enabled: component.enabled,
        image: component.image.clone(),
        image_tag: component.image_tag.clone(),
        image_pull_policy: policy.into(),
        image_pull_secrets: component.image_pull_secrets.clone(),
        host_network: component.network_mode.is_host_network(),
        envs: component.env.clone(),
        ports: component.ports.clone(),
        resources: component.resources.values(&field("resources"))?,
        node_selector: component.node_selector.clone(),
        volumes: volumes.volumes,
        volume_mounts: volumes.mounts,
        liveness_probe: component.liveness_probe.clone(),
        readiness_probe: component.readiness_probe.clone(),
        cache_dir: cache.to_owned(),
    })
}

/// Returns the user's preStop, else the one that unmounts. A postStart is refused: the mount is not
/// there yet when it would run.
fn lifecycle(asked: Option<&Value>, target_path: &str) -> Result<Value> {
    let given = |name: &str| {
        asked
            .and_then(|lifecycle| lifecycle.get(name))
            .filter(|hook| !hook.is_null())
    };
    if given("postStart").is_some() {
        return Err(Error::invalid(
            "ThinRuntime.spec.fuse.lifecycle.postStart",
            "is not supported; only preStop is",
        ));
    }
    let unmount = || json!({"exec": {"command": ["umount", target_path]}});
    Ok(json!({"preStop": given("preStop").cloned().unwrap_or_else(unmount)}))
}

fn storage(ctx: &Context<Spec>) -> Result<String> {
    match ctx.settings.get(STORAGE).map(String::as_str).unwrap_or_default() {
        "" | "configmap" => Ok("configmap".into()),
        "secret" => Ok("secret".into()),
        other => Err(Error::failed(format!(
            "the registration's setting {STORAGE} is `{}`; it must be configmap or secret",
            other.escape_debug()
        ))),
    }
}
