//! DataBackup: the metadata of the leading master, for a Dataset that starts from them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use wasser_api::operations::DataBackupSpec;
use wasser_sdk::{Context, Error, Host, Plan, Pod, Result, literal};

use super::client::{self, Work, variable};
use crate::describe::MASTER;
use crate::input::Spec;
use crate::masters;
use crate::pods;
use crate::restore::Backup;

const SCRIPT: (&str, &str) = ("backup.sh", include_str!("backup.sh"));
/// The volume of the masters' pods for backups, and where it is mounted.
const SHARED: &str = "alluxio-backup";
const SHARED_AT: &str = "/alluxio_backups";
/// The volume that the backup goes to.
const TARGET: &str = "backup";
const FIELD: &str = "DataBackup.spec.backupPath";
/// What `status.infos` and two columns show. A claim is on no node.
const PATH: &str = "BackupLocationPath";
const NODE: &str = "BackupLocationNodeName";
const NO_NODE: &str = "NA";
const QUICK: Duration = Duration::from_secs(25);

/// Returns what brings the metadata to where the user wants them. It runs on the node of the leading
/// master, with whom it shares a directory there.
pub fn plan(ctx: &Context<Spec>, host: &impl Host, spec: &DataBackupSpec) -> Result<Plan> {
    let leader = leader(host)?;
    let backup = Backup::read(FIELD, &spec.backup_path, &leader.node)?;
    let runs = ctx.runtime.spec.run_as.clone().unwrap_or_default();
    let owner = spec.run_as.as_ref().unwrap_or(&runs);
    for (key, id) in [("uid", owner.uid), ("gid", owner.gid)] {
        if u32::try_from(id).is_err() {
            let message = format!("{id} is not the number of a user or group");
            return Err(Error::invalid(format!("DataBackup.spec.runAs.{key}"), message));
        }
    }
    let mut plan = client::plan(
        ctx,
        Work {
            container: "tool",
            script: SCRIPT,
            args: Vec::new(),
            env: vec![
                variable("DATASET_NAME", &ctx.name),
                variable("DATASET_NAMESPACE", &ctx.namespace),
                variable("TARGET", &literal(&backup.files())),
                variable("OWNER", &format!("{}:{}", runs.uid, runs.gid)),
                variable("RUN_AS", &format!("{}:{}", owner.uid, owner.gid)),
            ],
        },
    )?;
    let target = match &backup.claim {
        Some(claim) => json!({"name": TARGET, "persistentVolumeClaim": {"claimName": claim}}),
        None => json!({"name": TARGET, "hostPath": {"path": backup.directory, "type": "DirectoryOrCreate"}}),
    };
    let shared = json!({"path": pods::backup_path(ctx), "type": "DirectoryOrCreate"});
    plan.pod_spec["volumes"] = json!([target, {"name": SHARED, "hostPath": shared}]);
    let container = &mut plan.pod_spec["containers"][0];
    container["volumeMounts"] = json!([
        {"name": TARGET, "mountPath": backup.mount_path()},
        {"name": SHARED, "mountPath": SHARED_AT},
    ]);
    // To give files to the user of the masters, and to write where only root may.
    container["securityContext"] = json!({"runAsUser": 0, "runAsGroup": 0});
    let node = if backup.claim.is_some() { NO_NODE } else { &leader.node };
    plan.infos = BTreeMap::from([
        (PATH.to_owned(), spec.backup_path.trim().to_owned()),
        (NODE.to_owned(), node.to_owned()),
    ]);
    plan.nodes = vec![leader.node];
    Ok(plan)
}

/// Returns the master that has the metadata. Of several, only their leader saves them.
fn leader(host: &impl Host) -> Result<Pod> {
    let ready = host.ready_pods(MASTER)?;
    let all = host.pods(MASTER)?.len();
    let any = masters::master(host)?;
    let leader = if all > 1 {
        let said = host.run(&any.name, &["alluxio", "fs", "leader"], QUICK)?;
        let is_named = |pod: &Pod| {
            let words = said.split_whitespace();
            words
                .filter_map(|word| word.split('.').next())
                .any(|word| word == pod.name)
        };
        let found = ready.into_iter().find(is_named);
        found.ok_or_else(|| Error::retry_after(5, format!("the masters have no leader that is ready: {said}")))?
    } else {
        any
    };
    if leader.node.is_empty() {
        return Err(Error::retry_after(
            5,
            format!("the master {} is on no node yet", leader.name),
        ));
    }
    Ok(leader)
}
