//! From runtime and Dataset to the values of the chart.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_api::labels::CACHE_VOLUMES;
use wasser_sdk::spec::{CleanPolicy, HadoopConfig, Image, VolumeNames, check_network_mode, merged};
use wasser_sdk::{Context, Error, Host, Result};

use crate::input::{Component, Spec};
use crate::members;
use crate::ports::{self, Allocate, METRICS_ARGUMENT};
use crate::properties;
use crate::sources::{Sources, check_value, check_word};
use crate::store::Store;

/// The mode of clients without a master.
const CLIENT_ONLY: &str = "fuseOnly";

/// Returns the values that `ctx` asks for, or what is wrong with it.
pub fn values(ctx: &Context<Spec>, host: &impl Host, allocate: Allocate<'_>) -> Result<Value> {
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
    let masters = members::count(ctx)?;
    let ports = ports::of(ctx, masters == members::SEVERAL, allocate)?;
    let image = image(ctx, "smartdata", &spec.jindo_version, "JindoRuntime.spec.jindoVersion")?;
    let fuse_image = self::image(ctx, "fuse", &spec.fuse.version, "JindoRuntime.spec.fuse")?;
    let run_as = spec.run_as.clone().unwrap_or_default();
    let own = volumes(spec, &store, &sources);
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
        "secret": spec.secret,
        "secretProjections": sources.credentials.projections(),
        "ufsVolumes": sources.volumes,
        "logConfig": properties::of_log(spec),
        "fuseLogConfig": properties::of_client_log(spec),
        "mounts": mounts(&store),
        "master": component(ctx, "master", &spec.master, &own)?,
        "worker": component(ctx, "worker", &spec.worker, &own)?,
        "fuse": component(ctx, "fuse", &spec.fuse, &own)?,
    });
    let names: Vec<String> = (0..masters)
        .map(|at| format!("{}-jindofs-master-{at}", ctx.name))
        .collect();
    if let Some(config) = HadoopConfig::of(ctx, &spec.hadoop_config, host)? {
        values["hadoopConfig"] = config.into_value();
    }
    let mut properties = properties::of_masters(spec, &store, &ports, &names);
    members::keep(ctx, &mut properties)?;
    let master = &mut values["master"];
    master["replicaCount"] = masters.into();
    master["ports"] = json!({"rpc": ports.master, "raft": ports.raft});
    master["properties"] = json!(properties);
    master["fileStoreProperties"] = json!(sources.properties);
    master["secretProperties"] = json!(sources.credentials.of_servers());
    master["cachesets"] = json!(sources.cache_sets);
    // Directories of nodes exist only on the nodes that the Dataset names: the master reads them as
    // the workers do.
    let affinity = dataset.node_affinity.as_ref().filter(|_| sources.on_nodes());
    if let Some(required) = affinity.and_then(|affinity| affinity.get("required")) {
        master["nodeAffinity"] = required.clone();
    }
    let worker = &mut values["worker"];
    worker["ports"] = json!({"rpc": ports.worker});
    worker["properties"] = json!(properties::of_workers(spec, &store, &ports));
    if !spec.tiered_store.levels.is_empty() && store.in_memory {
        let field = "JindoRuntime.spec.worker.resources";
        let resources = spec.worker.resources.hold_cache(field, store.total())?;
        worker["resources"] = json!(resources.values(field)?);
    }
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
    fuse["args"] = json!(fuse_args(spec, dataset.read_only(), &sources, ports.metrics));
    if spec.is_client_only() {
        fuse["mode"] = CLIENT_ONLY.into();
    }
    fuse["properties"] = json!(properties::of_clients(
        spec,
        &store,
        &ports,
        &sources,
        dataset.read_only()
    ));
    // A directory that goes with its pod is of no use to clients.
    let caches = if store.kind == "emptyDir" { 0 } else { store.roots.len() };
    let caches: Vec<String> = (1..=caches).map(|at| format!("datavolume-{at}")).collect();
    fuse["annotations"][CACHE_VOLUMES] = caches.join(",").into();
    fuse["metricsPort"] = ports.metrics.into();
    fuse["criticalPod"] = ctx.critical_fuse_pod().into();
    fuse["hostPID"] = ctx.host_pid()?.into();
    Ok(values)
}

fn check(spec: &Spec) -> Result<()> {
    let invalid = |field: &str, message: &str| Err(Error::invalid(format!("JindoRuntime.spec.{field}"), message));
    check_network_mode("JindoRuntime.spec.networkmode", &spec.network_mode)?;
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

/// Returns the names of the volumes that the chart adds to all roles.
fn volumes(spec: &Spec, store: &Store, sources: &Sources) -> Vec<String> {
    let mut names = vec!["bigboot-config".to_owned()];
    names.extend((1..=store.roots.len()).map(|at| format!("datavolume-{at}")));
    if !spec.hadoop_config.is_empty() {
        names.push("hdfs-confs".into());
    }
    if !spec.secret.is_empty() || !sources.credentials.projections().is_empty() {
        names.push("jindofs-secret-token".into());
    }
    names
}

/// What all parts have. `own` are the names of volumes that users must not take.
fn component(ctx: &Context<Spec>, name: &str, part: &Component, own: &[String]) -> Result<Value> {
    let spec = &ctx.runtime.spec;
    let metadata = spec.pod_metadata.clone().overridden_by(&part.pod_metadata);
    let deprecated = merged(&spec.labels, &part.labels);
    if !deprecated.is_empty() && !metadata.labels.is_empty() {
        let message = "and podMetadata.labels are both set; move these labels to podMetadata";
        return Err(Error::invalid(format!("JindoRuntime.spec.{name}.labels"), message));
    }
    let of_clients = ["jindofs-fuse-device", "jindofs-fuse-mount"];
    let of_role = of_clients.iter().filter(|_| name == "fuse").copied();
    let reserved: Vec<&str> = own.iter().map(String::as_str).chain(of_role).collect();
    let names = VolumeNames {
        volumes: &spec.volumes,
        reserved: &reserved,
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

/// Returns the directories of the cache as volumes: of the master its own, of workers and clients
/// those that the user names, so that a client finds the blocks of the worker on its node.
fn mounts(store: &Store) -> Value {
    let volume = |path: &str| json!({"path": path, "type": store.kind, "memory": store.in_memory});
    let roots = store.roots.iter().zip(&store.directories).enumerate();
    let roots: BTreeMap<String, Value> = roots
        .map(|(at, (path, (_, quota)))| {
            let mut root = volume(path);
            root["quota"] = store.limit(*quota).to_string().into();
            ((at + 1).to_string(), root)
        })
        .collect();
    let master = store.directories.first().map(|(path, _)| volume(path));
    json!({"master": {"1": master}, "workersAndClients": roots})
}

fn fuse_args(spec: &Spec, read_only: bool, sources: &Sources, metrics: u16) -> Vec<String> {
    let mut args = if spec.fuse.args.is_empty() {
        usual_args(read_only, sources.mounts.len())
    } else {
        spec.fuse.args.clone()
    };
    if let (true, Some((_, target))) = (spec.is_client_only(), sources.mounts.first()) {
        args.push(format!("-ouri={target}"));
    }
    // Clients that share the node's network would all listen on the usual port.
    if ports::argued(spec).is_none() {
        args.push(format!("{METRICS_ARGUMENT}{metrics}"));
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
