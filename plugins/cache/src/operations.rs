//! Data operations: the class names the command that loads data.

use serde_json::{Value, json};
use wasser_api::operations::DataLoadSpec;
use wasser_sdk::spec::{Reference, named};
use wasser_sdk::{Context, DataOperation, Error, Host, Plan, Result, literal};

use crate::class;
use crate::component::{Kind, parts};
use crate::config;
use crate::describe::CLASS;
use crate::input::{Class, DataOperationSpec, Spec};
use crate::template;

/// The kind of operations that a class can bring a command for.
const LOAD: &str = "DataLoad";

/// Returns what an operation runs. Without a command of the class, a DataLoad is left to the host.
pub fn plan(ctx: &Context<Spec>, host: &impl Host, operation: &DataOperation) -> Result<Plan> {
    let DataOperation::Load(load) = operation else {
        return Err(Error::NotSupported);
    };
    let class = class::of(ctx, host)?;
    let specs = class.data_operation_specs.iter().enumerate();
    let Some((at, spec)) = specs.clone().find(|(_, spec)| spec.name == LOAD) else {
        return Err(Error::NotSupported);
    };
    let field = format!(
        "{CLASS} {}.dataOperationSpecs[{at}]",
        ctx.runtime.spec.runtime_class_name
    );
    if spec.command.is_empty() && spec.args.is_empty() {
        let message = "needs a command or args, which load what the variables FLUID_DATALOAD_… say";
        return Err(Error::invalid(field, message));
    }
    let mut container = json!({
        "name": "dataloader",
        "image": image(ctx, &class, spec, &field)?,
        "imagePullPolicy": "IfNotPresent",
        "env": env(ctx, &load.spec)?,
        "volumeMounts": [{"name": "fluid-runtime-config", "mountPath": config::DIRECTORY, "readOnly": true}],
    });
    for (name, words) in [("command", &spec.command), ("args", &spec.args)] {
        if !words.is_empty() {
            container[name] = json!(words);
        }
    }
    let config_map = format!("fluid-runtime-config-{}", ctx.name);
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "containers": [container],
        "volumes": [{"name": "fluid-runtime-config", "configMap": {"name": config_map}}],
    });
    let secrets = named(&ctx.pull_secrets(), &ctx.runtime.spec.image_pull_secrets, "name");
    let tolerations = &ctx.dataset()?.tolerations;
    for (name, values) in [("imagePullSecrets", &secrets), ("tolerations", tolerations)] {
        if !values.is_empty() {
            pod[name] = json!(values);
        }
    }
    Ok(Plan {
        app: "cache".into(),
        pod_spec: pod,
        ..Plan::default()
    })
}

/// Returns the image of the operation: its own, or that of the workers.
fn image(ctx: &Context<Spec>, class: &Class, spec: &DataOperationSpec, field: &str) -> Result<String> {
    let field = format!("{field}.image");
    if !spec.image.is_empty() {
        let reference = Reference::written(&spec.image).map_err(|why| {
            let message = format!("`{}` is not a reference to an image: {why}", spec.image.escape_debug());
            Error::invalid(&field, message)
        })?;
        return Ok(reference.to_string());
    }
    let parts = parts(ctx, class)?;
    match parts.iter().find(|part| part.kind == Kind::Worker) {
        Some(worker) => template::image_of(worker),
        None => Err(Error::invalid(
            field,
            "is empty, and there are no workers; name an image",
        )),
    }
}

/// Returns what the command learns: what to load, and as much of the runtime as its pods learn.
fn env(ctx: &Context<Spec>, load: &DataLoadSpec) -> Result<Vec<Value>> {
    let (mut paths, mut replicas) = (Vec::new(), Vec::new());
    for (at, target) in load.target.iter().enumerate() {
        let field = format!("DataLoad.spec.target[{at}]");
        let path = format!("/{}", target.path.trim_matches('/'));
        if path.contains(':') || path.split('/').any(|part| part == "..") || path.chars().any(char::is_control) {
            let message = "has a colon, a control character or `..`, which a list of paths cannot have";
            return Err(Error::invalid(format!("{field}.path"), message));
        }
        let number = target.replicas.unwrap_or(1);
        if number < 1 {
            return Err(Error::invalid(format!("{field}.replicas"), "is less than 1"));
        }
        paths.push(path);
        replicas.push(number.to_string());
    }
    if paths.is_empty() {
        paths.push("/".to_owned());
        replicas.push("1".to_owned());
    }
    let variable = |(name, value): (&str, String)| json!({"name": name, "value": literal(&value)});
    let all = [
        ("FLUID_DATASET_NAME", ctx.name.clone()),
        ("FLUID_DATASET_NAMESPACE", ctx.namespace.clone()),
        ("FLUID_RUNTIME_CONFIG_PATH", config::PATH.to_owned()),
        ("FLUID_DATALOAD_METADATA", load.load_metadata.to_string()),
        ("FLUID_DATALOAD_DATA_PATH", paths.join(":")),
        ("FLUID_DATALOAD_PATH_REPLICAS", replicas.join(":")),
    ];
    Ok(all.map(variable).into())
}
