//! From runtime and Dataset to the values of the chart.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wasser_sdk::spec::{HadoopConfig, check_network_mode};
use wasser_sdk::{Context, Error, Host, Result};

use crate::input::{Component, Spec};
use crate::journal;
use crate::members;
use crate::mounts::Mounts;
use crate::parts::Parts;
use crate::pods;
use crate::ports::{self, Allocate};
use crate::properties;
use crate::restore::Backup;
use crate::tiers::Tiers;
use crate::ufs;
use crate::users;

/// Where the pods have the files of `hadoopConfig`.
const HADOOP: &str = "/hdfs-config";
/// The property that names them to Alluxio.
const HADOOP_FILES: &str = "alluxio.underfs.hdfs.configuration";

/// Returns the values that `ctx` asks for, or what is wrong with it. `allocate` returns ports of
/// the host network.
pub fn values(ctx: &Context<Spec>, host: &impl Host, allocate: Allocate<'_>) -> Result<Value> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    let mounts = Mounts::of(dataset)?;
    if !ufs::by_files(ctx) && mounts.root.as_ref().is_some_and(|root| !root.secrets.is_empty()) {
        let message = "a mount at `/` takes its Secrets as files of the master's pod; give it another path, or set \
                       mount-config-storage to configmap in the registration";
        return Err(Error::invalid("Dataset.spec.mounts", message));
    }
    let tiers = Tiers::of(ctx)?;
    let masters = members::count(ctx)?;
    let ports = ports::of(ctx, masters, allocate)?;
    let backup = Backup::of(ctx)?;
    let parts = Parts {
        ctx,
        mounts: &mounts,
        tiers: &tiers,
        ports: &ports,
        backup: backup.as_ref(),
        masters,
    };
    check_networks(spec)?;
    let mut properties = properties::of(ctx, &mounts, &tiers, &ports, masters)?;
    let hadoop = HadoopConfig::of(ctx, &spec.hadoop_config, host)?;
    if let Some(config) = &hadoop {
        let files: Vec<String> = config.files().iter().map(|file| format!("{HADOOP}/{file}")).collect();
        properties.entry(HADOOP_FILES.into()).or_insert(files.join(":"));
    }
    let image = spec
        .version
        .resolve(ctx, "runtime", "AlluxioRuntime.spec.alluxioVersion")?;
    let run_as = spec.run_as.clone().unwrap_or_default();
    let mut values = json!({
        "fullnameOverride": ctx.name,
        "ownerDatasetId": ctx.dataset_id,
        "runtimeIdentity": {"namespace": ctx.namespace, "name": ctx.name},
        "placement": dataset.placement(),
        "tolerations": dataset.tolerations,
        "image": image.image,
        "imageTag": image.image_tag,
        "imagePullPolicy": image.image_pull_policy,
        "user": run_as.uid,
        "group": run_as.gid,
        "fsGroup": run_as.gid,
        "properties": properties,
        "jvmOptions": properties::jvm_options("", &spec.jvm_options, &[])?,
        "master": pods::master(&parts)?,
        "jobMaster": pods::process(&parts, "jobMaster", &spec.job_master)?,
        "worker": pods::worker(&parts)?,
        "jobWorker": pods::process(&parts, "jobWorker", &spec.job_worker)?,
        "fuse": pods::fuse(&parts)?,
        "apiGateway": pods::api_gateway(&parts)?,
        "tieredstore": {"levels": tiers.values()},
        "shortCircuit": {"enabled": tiers.reach_clients(), "policy": "local"},
        "initUsers": users::of(ctx, &tiers)?,
        "journal": journal::of(spec)?,
        "status": status(&parts, &properties)?,
    });
    if !spec.disable_prometheus {
        values["monitoring"] = "alluxio_runtime_metrics".into();
    }
    if let Some(config) = hadoop {
        values["hadoopConfig"] = config.into_value();
    }
    Ok(without_empty(values))
}

/// What the host shows in the statuses of Dataset and runtime.
fn status(parts: &Parts<'_>, properties: &BTreeMap<String, String>) -> Result<Value> {
    let ctx = parts.ctx;
    let master = format!("{}-master-0.{}", ctx.name, ctx.namespace);
    let rpc = parts.ports.get("master", "rpc").unwrap_or_default();
    let mut hcfs = json!({"endpoint": format!("alluxio://{master}:{rpc}")});
    if let Some(version) = properties.get("alluxio.underfs.version") {
        hcfs["underlayerFileSystemVersion"] = version.as_str().into();
    }
    let mut status = json!({"hcfs": hcfs});
    if let Some(rest) = parts.ports.get("apiGateway", "rest") {
        status["apiGateway"] = json!({"endpoint": format!("{master}:{rest}")});
    }
    Ok(status)
}

fn check_networks(spec: &Spec) -> Result<()> {
    let components: [(&str, &Component); 6] = [
        ("master", &spec.master),
        ("jobMaster", &spec.job_master),
        ("worker", &spec.worker),
        ("jobWorker", &spec.job_worker),
        ("apiGateway", &spec.api_gateway),
        ("fuse", &spec.fuse),
    ];
    for (name, component) in components {
        check_network_mode(
            &format!("AlluxioRuntime.spec.{name}.networkMode"),
            &component.network_mode,
        )?;
    }
    Ok(())
}

/// Leaves out what is empty, so that equal specs lead to equal values, no matter who wrote them.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(key, value)| (key, without_empty(value)));
            let kept = kept.filter(|(key, value)| is_user_text(key) || !is_empty(value));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Reports whether the value of `key` is the user's and can be empty: `emptyDir: {}`.
fn is_user_text(key: &str) -> bool {
    key == "emptyDir"
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
