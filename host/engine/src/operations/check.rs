//! What is wrong with an operation whatever there is in the cluster.

use serde_json::Value;
use wasser_api::operations::{DataMigrateSpec, DataProcessSpec, MigrateEnd, OperationKind, Policy};
use wasser_api::reasons::events as reasons;

use super::operation::{Operation, Spec};
use super::refused::Refused;
use super::schedule;
use crate::tenant_rules::TenantRules;

/// The longest name of a release of Helm.
const RELEASE: usize = 53;

/// Checks what can be checked without the cluster, in an installation with these rules.
///
/// # Errors
/// The first fault, with its remedy.
pub fn check(operation: &Operation, rules: &TenantRules) -> Result<(), Refused> {
    let kind = operation.kind;
    let invalid = |message: String| Err(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message));
    let release = operation.release();
    if release.len() > RELEASE {
        let most = RELEASE - (release.len() - operation.name.len());
        return invalid(format!(
            "{kind}.metadata.name: is longer than {most} characters, the most that its Helm release {release} leaves; \
             create the {kind} under a shorter name"
        ));
    }
    match operation.spec.policy() {
        Policy::Once => {}
        Policy::Cron => match operation
            .spec
            .schedule()
            .map(str::trim)
            .filter(|given| !given.is_empty())
        {
            None => {
                let message = format!("{kind}.spec.schedule: is missing; a {kind} with the policy Cron needs one");
                return Err(Refused::new(reasons::SCHEDULE_NOT_SPECIFIED, message));
            }
            Some(given) => {
                if let Err(problem) = schedule::check(given) {
                    return invalid(format!("{kind}.spec.schedule: {given:?} {problem}"));
                }
            }
        },
        policy => {
            return invalid(format!(
                "{kind}.spec.policy: {policy} is not served, since nothing says which event is meant; write Once or \
                 Cron"
            ));
        }
    }
    match &operation.spec {
        Spec::Load(spec) => {
            named(kind, "spec.dataset.name", &spec.dataset.name)?;
            near(operation, "spec.dataset.namespace", spec.dataset.namespace.as_deref())?;
            for (at, target) in spec.target.iter().enumerate() {
                path(&format!("{kind}.spec.target[{at}].path"), &target.path)?;
            }
            Ok(())
        }
        Spec::Backup(spec) => {
            named(kind, "spec.dataset", &spec.dataset)?;
            let path = &spec.backup_path;
            if path.starts_with("local://") && !rules.host_paths {
                let message = format!(
                    "{kind}.spec.backupPath: this installation does not let users name directories of nodes; write \
                     pvc://CLAIM/PATH, or ask whoever installed Wasser to allow it (runtime.datasetHostPaths)"
                );
                return Err(Refused::new(reasons::PATH_NOT_SUPPORTED, message));
            }
            if path.starts_with("pvc://") || path.starts_with("local://") {
                return Ok(());
            }
            let message = format!("{kind}.spec.backupPath: {path:?} is neither pvc://CLAIM/PATH nor local:///PATH");
            Err(Refused::new(reasons::PATH_NOT_SUPPORTED, message))
        }
        Spec::Process(spec) => {
            named(kind, "spec.dataset.name", &spec.dataset.name)?;
            near(operation, "spec.dataset.namespace", spec.dataset.namespace.as_deref())?;
            processor(spec)
        }
        Spec::Migrate(spec) => migration(operation, spec),
    }
}

fn named(kind: OperationKind, field: &str, name: &str) -> Result<(), Refused> {
    if !name.is_empty() {
        return Ok(());
    }
    let message = format!("{kind}.{field}: is missing; write the name of the Dataset");
    Err(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message))
}

/// The pods of an operation mount the claim of its Dataset, which is in the Dataset's namespace.
fn near(operation: &Operation, field: &str, namespace: Option<&str>) -> Result<(), Refused> {
    match namespace.filter(|given| !given.is_empty() && *given != operation.namespace) {
        None => Ok(()),
        Some(other) => {
            let message = format!(
                "{}.{field}: is {other}, and the operation is in {}; create the operation in the namespace of the \
                 Dataset",
                operation.kind, operation.namespace
            );
            Err(Refused::new(reasons::TARGET_DATASET_NAMESPACE_NOT_SAME, message))
        }
    }
}

fn path(field: &str, path: &str) -> Result<(), Refused> {
    let problem = if path.split('/').any(|part| part == "..") {
        "leads out of the Dataset with `..`"
    } else if path.contains(['\n', '\0']) {
        "has a line end"
    } else {
        return Ok(());
    };
    let message = format!("{field}: {problem}; write the path from the root of the Dataset");
    Err(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message))
}

fn processor(spec: &DataProcessSpec) -> Result<(), Refused> {
    let field = "DataProcess.spec.processor";
    let mounts: Vec<Value> = match (&spec.processor.job, &spec.processor.script) {
        (None, None) => {
            let message = format!("{field}: has neither `job` nor `script`; write one of them");
            return Err(Refused::new(reasons::PROCESSOR_NOT_SPECIFIED, message));
        }
        (Some(_), Some(_)) => {
            let message = format!("{field}: has both `job` and `script`; write one of them");
            return Err(Refused::new(reasons::MULTIPLE_PROCESSOR_SPECIFIED, message));
        }
        (None, Some(script)) => script.volume_mounts.clone(),
        (Some(job), None) => {
            let containers = ["containers", "initContainers"].into_iter().filter_map(|list| {
                let pod = job.pod_spec.as_ref()?;
                pod.get(list)?.as_array()
            });
            let mounts = containers
                .flatten()
                .filter_map(|container| container.get("volumeMounts")?.as_array());
            mounts.flatten().cloned().collect()
        }
    };
    let wanted = spec.dataset.mount_path.as_str();
    if wanted.is_empty() {
        return Ok(());
    }
    if !wanted.starts_with('/') {
        let message = "DataProcess.spec.dataset.mountPath: is not an absolute path; begin it with `/`";
        return Err(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message));
    }
    if mounts.iter().any(|mount| mount["mountPath"] == wanted) {
        let message = format!(
            "DataProcess.spec.dataset.mountPath: a volume of the processor is mounted at {wanted} as well; mount one \
             of them elsewhere"
        );
        return Err(Refused::new(reasons::CONFLICT_MOUNT_PATH, message));
    }
    Ok(())
}

fn migration(operation: &Operation, spec: &DataMigrateSpec) -> Result<(), Refused> {
    for (field, end) in [("from", &spec.from), ("to", &spec.to)] {
        let MigrateEnd {
            dataset,
            external_storage,
        } = end;
        if dataset.is_some() == external_storage.is_some() {
            let message = format!("DataMigrate.spec.{field}: write one of `dataset` and `externalStorage`");
            return Err(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message));
        }
        if let Some(dataset) = dataset {
            near(
                operation,
                &format!("spec.{field}.dataset.namespace"),
                Some(&dataset.namespace),
            )?;
            path(
                &format!("DataMigrate.spec.{field}.dataset.path"),
                dataset.path.as_deref().unwrap_or_default(),
            )?;
        }
    }
    if operation.datasets().is_empty() {
        let message = "DataMigrate.spec: neither `from` nor `to` is a Dataset; write one as `dataset`";
        return Err(Refused::new(reasons::DATA_OPERATION_NOT_VALID, message));
    }
    Ok(())
}
