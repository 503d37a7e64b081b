//! A pod with Alluxio's commands.

use serde_json::{Value, json};
use wasser_sdk::spec::Image;
use wasser_sdk::{Context, Plan, Result, SCRIPTS};

use crate::input::Spec;

/// What all scripts share.
const COMMON: (&str, &str) = ("client.sh", include_str!("client.sh"));
/// The exit code of the scripts if another attempt is of no use.
const FINAL: i32 = 64;

/// What differs between the operations.
pub struct Work {
    /// The name of the container.
    pub container: &'static str,
    /// Name and text of the script.
    pub script: (&'static str, &'static str),
    /// Its arguments.
    pub args: Vec<String>,
    /// Its variables.
    pub env: Vec<Value>,
}

/// Returns the plan of a pod with the settings that the runtime's own pods have.
pub fn plan(ctx: &Context<Spec>, work: Work) -> Result<Plan> {
    let spec = &ctx.runtime.spec;
    let mut env = work.env;
    env.push(json!({"name": "ALLUXIO_CLIENT_HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}));
    if let Some(user) = spec.run_as.as_ref().filter(|user| !user.user.is_empty()) {
        env.push(variable("LOGIN", &user.user));
    }
    let image = image(ctx)?;
    let mut container = json!({
        "name": work.container,
        "image": format!("{}:{}", image.image, image.image_tag),
        "imagePullPolicy": image.image_pull_policy,
        "command": ["/bin/bash", format!("{SCRIPTS}/{}", work.script.0)],
        "env": env,
        "envFrom": [{"configMapRef": {"name": format!("{}-config", ctx.name)}}],
    });
    if !work.args.is_empty() {
        container["args"] = json!(work.args);
    }
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "containers": [container],
    });
    let secrets = ctx.pull_secrets_or(&spec.master.image_pull_secrets, &spec.image_pull_secrets);
    if !secrets.is_empty() {
        pod["imagePullSecrets"] = json!(secrets);
    }
    let tolerations = &ctx.dataset()?.tolerations;
    if !tolerations.is_empty() {
        pod["tolerations"] = json!(tolerations);
    }
    Ok(Plan {
        app: "alluxio".into(),
        pod_spec: pod,
        scripts: [work.script, COMMON]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        final_exit_codes: vec![FINAL],
        ..Plan::default()
    })
}

/// Returns a variable with a value.
pub fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

/// Returns the image of the masters, as they are installed.
fn image(ctx: &Context<Spec>) -> Result<Image> {
    let installed = |key: &str| Some(ctx.installed.as_ref()?.get(key)?.as_str()?.to_owned());
    if let (Some(image), Some(image_tag)) = (installed("image"), installed("imageTag")) {
        return Ok(Image {
            image,
            image_tag,
            image_pull_policy: installed("imagePullPolicy").unwrap_or_else(|| "IfNotPresent".into()),
        });
    }
    let version = &ctx.runtime.spec.version;
    version.resolve(ctx, "runtime", "AlluxioRuntime.spec.alluxioVersion")
}
