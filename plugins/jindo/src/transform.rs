//! From runtime and Dataset to the values of the chart.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::spec::{CleanPolicy, Image, VolumeNames, check_network_mode, merged};
use wasser_sdk::{Context, Error, Result};

use crate::input::{Component, Spec, Texts};
use crate::ports::{self, Allocate, Ports};
use crate::sources::{Sources, TOKEN, check_value, check_word};
use crate::store::Store;

/// The mode of clients without a master.
const CLIENT_ONLY: &str = "fuseOnly";

/// Returns the values that `ctx` asks for, or what is wrong with it.
pub fn values(ctx: &Context<Spec>, allocate: Allocate<'_>) -> Result<Value> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    let sources = Sources::of(ctx)?;
    if spec.is_client_only() && sources.mounts.len() > 1 {
        let message = "is a second mount; without a master, a client mounts one";
        return Err(Error::invalid("Dataset.spec.mounts[1]", message));
    }
    let store = Store::of(
        spec.tiered_store.levels.first(),
        &format!("{}/{}", ctx.namespace, ctx.name),
    )?;
    check(spec)?;
    let masters = spec.master.replicas.unwrap_or(1);
    let ports = ports::of(ctx, masters == 3, allocate)?;
    let image = image(ctx, "smartdata", &spec.jindo_version, "JindoRuntime.spec.jindoVersion")?;
    let fuse_image = self::image(ctx, "fuse", &spec.fuse.version, "JindoRuntime.spec.fuse")?;
    let run_as = spec.run_as.clone().unwrap_or_default();
    let mut secret_properties = Texts::new();
    if !spec.secret.is_empty() {
        for (name, value) in [("endpoint", TOKEN), ("format", "JSON")] {
            secret_properties.insert(format!("jindocache.oss.provider.{name}"), value.into());
        }
    }
    let directories = store.directories.iter().enumerate();
    let directories: BTreeMap<String, Value> = directories
        .map(|(at, (path, quota))| {
            (
                (at + 1).to_string(),
                json!({"path": path, "type": store.kind, "memory": store.in_memory, "quota": quota.to_string()}),
            )
        })
        .collect();
    let mut values = json!({
        "fullnameOverride": format!("{}-jindofs", ctx.name),
        "image": image.image, "imageTag": image.image_tag, "imagePullPolicy": image.image_pull_policy,
        "fuseImage": fuse_image.image, "fuseImageTag": fuse_image.image_tag,
        "fuseImagePullPolicy": fuse_image.image_pull_policy,
        "user": run_as.uid, "group": run_as.gid,
        "owner": {
            "enabled": true, "apiVersion": ctx.runtime.api_version, "kind": ctx.runtime.kind, "name": ctx.name,
            "uid": ctx.runtime.metadata.uid, "controller": true, "blockOwnerDeletion": false,
        },
        "ownerDatasetId": ctx.dataset_id,
        "runtimeIdentity": {"namespace": ctx.namespace, "name": ctx.name},
        "placement": dataset.placement(),
        "useHostNetwork": spec.network_mode.is_host_network(),
        "hadoopConfig": spec.hadoop_config,
        "secret": spec.secret,
        "secretProjections": sources.projections,
        "ufsVolumes": sources.volumes,
        "logConfig": spec.log_config,
        "fuseLogConfig": spec.fuse.log_config,
        "mounts": {"workersAndClients": directories},
        "master": component(ctx, "master", &spec.master)?,
        "worker": component(ctx, "worker", &spec.worker)?,
        "fuse": component(ctx, "fuse", &spec.fuse)?,
    });
    let first = store.directories.first().map_or("/dev/shm", |(path, _)| path);
    let master = &mut values["master"];
    master["replicaCount"] = masters.into();
    master["ports"] = json!({"rpc": ports.master, "raft": ports.raft});
    master["properties"] = json!(master_properties(spec, first, &ports));
    master["fileStoreProperties"] = json!(sources.properties);
    master["secretProperties"] = json!(secret_properties);
    master["cachesets"] = json!(sources.cache_sets);
    let worker = &mut values["worker"];
    worker["ports"] = json!({"rpc": ports.worker});
    worker["properties"] = json!(worker_properties(spec, &store, ports.worker));
    let endpoint = match spec.master.disabled {
        true => "N/A".to_string(),
        false => format!("{}-jindofs-master-0.{}:{}", ctx.name, ctx.namespace, ports.master),
    };
    values["status"] = json!({"hcfs": {"endpoint": endpoint}});
    let selector = values["fuse"]["nodeSelector"].as_object_mut();
    if let Some(selector) = selector {
        selector.insert(ctx.fuse_label.clone(), "true".into());
    }
    let fuse = &mut values["fuse"];
    fuse["hostPath"] = ctx.mount_parent().into();
    fuse["args"] = json!(fuse_args(spec, dataset.read_only(), &sources));
    let mut properties = Texts::new();
    if spec.is_client_only() {
        fuse["mode"] = CLIENT_ONLY.into();
        properties.extend(sources.client_properties(!spec.secret.is_empty()));
    }
    properties.extend(merged(&spec.properties, &spec.fuse.properties));
    fuse["properties"] = json!(properties);
    fuse["metricsPort"] = ports.metrics.into();
    fuse["criticalPod"] = ctx.critical_fuse_pod().into();
    fuse["hostPID"] = ctx.host_pid()?.into();
    Ok(values)
}

fn check(spec: &Spec) -> Result<()> {
    let invalid = |field: &str, message: &str| Err(Error::invalid(format!("JindoRuntime.spec.{field}"), message));
    check_network_mode("JindoRuntime.spec.networkmode", &spec.network_mode)?;
    if !matches!(spec.master.replicas, None | Some(1 | 3)) {
        return invalid(
            "master.replicas",
            "is neither 1 nor 3; masters elect a leader among three",
        );
    }
    if matches!(
        spec.fuse.clean_policy,
        CleanPolicy::OnFuseChanged | CleanPolicy::Other(_)
    ) {
        return invalid("fuse.cleanPolicy", "is neither OnDemand nor OnRuntimeDeleted");
    }
    match (spec.master.disabled, spec.worker.disabled, spec.fuse.disabled) {
        (true, false, _) => {
            return invalid(
                "master.disabled",
                "leaves the workers without a master; set worker.disabled as well",
            );
        }
        (true, true, true) => {
            return invalid(
                "fuse.disabled",
                "leaves nothing to run; remove it, or master.disabled and worker.disabled",
            );
        }
        _ => {}
    }
    let parts = [
        ("properties", &spec.properties),
        ("master.properties", &spec.master.properties),
        ("worker.properties", &spec.worker.properties),
        ("fuse.properties", &spec.fuse.properties),
        ("logConfig", &spec.log_config),
        ("fuse.logConfig", &spec.fuse.log_config),
    ];
    for (part, texts) in parts {
        for (key, value) in texts {
            let field = format!("JindoRuntime.spec.{part}[{}]", key.escape_debug());
            check_word(&field, key)?;
            check_value(&field, value)?;
        }
    }
    for (at, arg) in spec.fuse.args.iter().enumerate() {
        check_value(&format!("JindoRuntime.spec.fuse.args[{at}]"), arg)?;
    }
    Ok(())
}

/// Returns the image asked for at `field`. Jindo's pods pull theirs at every start unless the user
/// asks otherwise.
fn image(ctx: &Context<Spec>, key: &str, asked: &Image, field: &str) -> Result<Image> {
    let mut image = asked.resolve(ctx, key, field)?;
    if asked.image_pull_policy.is_empty() {
        image.image_pull_policy = "Always".into();
    }
    Ok(image)
}

/// What all parts have.
fn component(ctx: &Context<Spec>, name: &str, part: &Component) -> Result<Value> {
    let spec = &ctx.runtime.spec;
    let metadata = spec.pod_metadata.clone().overridden_by(&part.pod_metadata);
    let deprecated = merged(&spec.labels, &part.labels);
    if !deprecated.is_empty() && !metadata.labels.is_empty() {
        let message = "and podMetadata.labels are both set; move these labels to podMetadata";
        return Err(Error::invalid(format!("JindoRuntime.spec.{name}.labels"), message));
    }
    let names = VolumeNames {
        volumes: &spec.volumes,
        ..VolumeNames::default()
    };
    let volumes = names.mounted(&format!("JindoRuntime.spec.{name}.volumeMounts"), &part.volume_mounts)?;
    let tolerations = [ctx.dataset()?.tolerations.as_slice(), part.tolerations.as_slice()].concat();
    Ok(json!({
        "enabled": !part.disabled,
        "env": part.env,
        "labels": merged(&deprecated, &metadata.labels),
        "annotations": metadata.annotations,
        "nodeSelector": part.node_selector,
        "tolerations": tolerations,
        "resources": part.resources.values(&format!("JindoRuntime.spec.{name}.resources"))?,
        "volumes": volumes.volumes,
        "volumeMounts": volumes.mounts,
        "imagePullSecrets": ctx.pull_secrets_or(&part.image_pull_secrets, &spec.image_pull_secrets),
    }))
}

fn master_properties(spec: &Spec, directory: &str, ports: &Ports) -> Texts {
    let mut own = Texts::from([
        ("namespace.rpc.port".into(), ports.master.to_string()),
        ("namespace.meta-dir".into(), format!("{directory}/server")),
        ("namespace.filelet.cache.size".into(), "100000".into()),
        ("namespace.blocklet.cache.size".into(), "1000000".into()),
        ("namespace.filelet.atime.enable".into(), "false".into()),
        (
            "namespace.backend.type".into(),
            if ports.raft > 0 { "raft" } else { "rocksdb" }.into(),
        ),
    ]);
    if ports.raft > 0 {
        own.insert("namespace.backend.raft.port".into(), ports.raft.to_string());
    }
    merged(&own, &merged(&spec.properties, &spec.master.properties))
}

fn worker_properties(spec: &Spec, store: &Store, port: u16) -> Texts {
    let joined = |each: &dyn Fn(&(String, u64)) -> String| {
        let texts: Vec<String> = store.directories.iter().map(each).collect();
        texts.join(",")
    };
    let mut own = Texts::from([
        ("storage.rpc.port".into(), port.to_string()),
        ("storage.data-dirs".into(), joined(&|(path, _)| path.clone())),
        (
            "storage.data-dirs.capacities".into(),
            joined(&|(_, quota)| quota.to_string()),
        ),
        ("storage.watermark.high.ratio".into(), store.high.clone()),
        ("storage.watermark.low.ratio".into(), store.low.clone()),
        ("storage.compaction.enable".into(), "false".into()),
    ]);
    if store.in_memory {
        own.insert("storage.ram.cache.size".into(), store.total().to_string());
    }
    merged(&own, &merged(&spec.properties, &spec.worker.properties))
}

fn fuse_args(spec: &Spec, read_only: bool, sources: &Sources) -> Vec<String> {
    let mut args = if spec.fuse.args.is_empty() {
        usual_args(read_only, sources.mounts.len())
    } else {
        spec.fuse.args.clone()
    };
    if let (true, Some((_, target))) = (spec.is_client_only(), sources.mounts.first()) {
        args.push(format!("-ouri={target}"));
    }
    args
}

fn usual_args(read_only: bool, mounts: usize) -> Vec<String> {
    let mut args: Vec<&str> = if read_only {
        vec![
            "-okernel_cache",
            "-oro",
            "-oattr_timeout=7200",
            "-oentry_timeout=7200",
            "-onegative_timeout=7200",
        ]
    } else {
        vec![
            "-oauto_cache",
            "-oattr_timeout=0",
            "-oentry_timeout=0",
            "-onegative_timeout=0",
        ]
    };
    if mounts <= 1 {
        args.push("-ono_symlink");
    }
    args.into_iter().map(str::to_string).collect()
}
